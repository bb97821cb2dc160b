"""Kept connections to a process: when one is used again, how answers are framed, what breaks them."""

import asyncio
import socket
import threading
import time
from contextlib import closing, contextmanager

import pytest

from service.control.gateway import connections as wire
from service.control.gateway.connections import BrokenOffError, Connections, NotConnectedError, TooLateError
from tests.servers.processes import free_ports
from tests.wait import wait_until

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
CLOSES = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\no\r\n1\r\nk\r\n0\r\n\r\n"
PROTOCOLS = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: other\r\nConnection: upgrade\r\n\r\n"
REQUEST = (b"POST /invocations HTTP/1.1\r\nhost: here\r\ncontent-length: 1\r\n\r\n", b"1")


class Process:
    """Listens, and answers each request of a connection with the same bytes, part by part."""

    def __init__(self, listener, parts):
        self.listener = listener
        self.parts = parts
        self.accepted = 0
        self.ended = 0

    @property
    def address(self):
        return f"http://127.0.0.1:{self.listener.getsockname()[1]}"

    def serve(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self.accepted += 1
            threading.Thread(target=self.answer, args=(connection,), daemon=True).start()

    def answer(self, connection):
        with closing(connection):
            while connection.recv(65_536):
                for part in self.parts:
                    connection.sendall(part)
                if not self.parts[-1]:
                    break
        self.ended += 1


@contextmanager
def process(*parts):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        there = Process(listener, parts)
        thread = threading.Thread(target=there.serve)
        thread.start()
        yield there
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()


async def asked(kept, address, *, within_seconds=10.0):
    """Status and body of one answer."""
    async with kept.to(address) as connection:
        answer = connection.ask(REQUEST, within_seconds=within_seconds)
        await answer.head()
        return answer.status, b"".join([part async for part in answer.parts()])


def ask_times(address, times, **settings):
    async def run():
        kept = Connections()
        answers = [await asked(kept, address, **settings) for _ in range(times)]
        kept.close()
        return answers

    return asyncio.run(run())


@pytest.mark.parametrize("parts", [(OK,), (CHUNKED,), tuple(OK[at : at + 1] for at in range(len(OK)))])
def test_one_connection_serves_one_request_after_the_other(parts):
    with process(*parts) as there:
        assert ask_times(there.address, 3) == [(200, b"ok")] * 3
    assert there.accepted == 1


def test_a_connection_that_the_process_means_to_close_is_not_kept():
    with process(CLOSES, b"") as there:
        assert ask_times(there.address, 3) == [(200, b"ok")] * 3
    assert there.accepted == 3


def test_requests_at_the_same_time_have_connections_of_their_own():
    async def run(address):
        kept = Connections()
        answers = await asyncio.gather(*(asked(kept, address) for _ in range(5)))
        answers += await asyncio.gather(*(asked(kept, address) for _ in range(5)))
        kept.close()
        return answers

    with process(OK) as there:
        assert asyncio.run(run(there.address)) == [(200, b"ok")] * 10
    assert there.accepted == 5


def test_a_connection_that_was_idle_for_long_is_not_used_again(monkeypatch):
    monkeypatch.setattr(wire, "IDLE_SECONDS", 0.0)
    with process(OK) as there:
        ask_times(there.address, 3)
    assert there.accepted == 3


@pytest.mark.parametrize("more", [OK, b"GET / HTTP/1.1\r\n\r\n", b"?"])
def test_what_nobody_asked_for_is_no_part_of_an_answer_and_ends_the_connection(more):
    with process(OK + more) as there:
        assert ask_times(there.address, 2) == [(200, b"ok")] * 2
    assert there.accepted == 2


def test_a_process_that_would_rather_speak_something_else_is_not_asked_again_on_that_connection():
    with process(PROTOCOLS) as there:
        assert [status for status, _ in ask_times(there.address, 2)] == [101, 101]
    assert there.accepted == 2


@pytest.mark.parametrize("parts", [(b"",), (b"HTTP/1.1 200 OK\r\nConte", b""), (b"220 ready\r\n",)])
def test_what_is_no_answer_is_broken_off(parts):
    with process(*parts) as there, pytest.raises(BrokenOffError):
        ask_times(there.address, 1)


def test_an_answer_that_ends_early_is_broken_off():
    with process(OK[:-1], b"") as there, pytest.raises(BrokenOffError, match="it hung up"):
        ask_times(there.address, 1)


def test_an_answer_that_takes_too_long_is_given_up():
    started = time.monotonic()
    with process(OK[:-1]) as there, pytest.raises(TooLateError, match=r"no answer within 0.2 s"):
        ask_times(there.address, 1, within_seconds=0.2)
    assert time.monotonic() - started < 5


def test_where_nothing_listens_nothing_is_sent():
    address = f"http://127.0.0.1:{free_ports(1)[0]}"
    with pytest.raises(NotConnectedError, match=f"{address} takes no connection"):
        ask_times(address, 1)


def test_connections_to_processes_that_are_gone_are_forgotten():
    async def run():
        kept = Connections()
        with process(OK, b"") as old:
            await asked(kept, old.address)
            wait_until(lambda: old.ended == 1, timeout_seconds=10, what="the old process to hang up")
        with process(OK) as new:
            await asked(kept, new.address)
            assert list(kept._idle) == [new.address]
        kept.close()

    asyncio.run(run())
