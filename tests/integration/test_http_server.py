"""Callers who are slow, send too much or do not listen lose their connection, after they were told why."""

import asyncio
import socket
import struct
import time
from contextlib import ExitStack, closing
from dataclasses import replace

import pytest

from service.core.http_limits import HttpLimits
from tests import plain_http
from tests.servers.limited_server import limited_server, rest_of
from tests.servers.slow_callers import HALF_A_HEAD, Drip, half_a_body, longest, slow_callers
from tests.wait import wait_until

LIMITS = HttpLimits(
    head_seconds=0.4,
    body_seconds=1.0,
    grace_seconds=0.4,
    bytes_per_second=1000,
    leave_seconds=0.2,
    connections=20,
    pipelined=4,
)
POST = b"POST / HTTP/1.1\r\nhost: localhost\r\n"
GET = b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n"
CHUNKED = POST + b"transfer-encoding: chunked\r\n\r\n"


@pytest.fixture(scope="module")
def server():
    with limited_server(LIMITS) as running:
        yield running


def dripped(server, first, drop, *, pause_seconds=0.05):
    """What is answered to a caller who sends some bytes at once and then the same few again and again, and how long
    it took."""
    started = time.monotonic()
    with closing(server.dialled()) as connection:
        connection.sendall(first)
        connection.settimeout(pause_seconds)
        while time.monotonic() - started < 10:
            try:
                if answer := connection.recv(65536):
                    return answer, time.monotonic() - started
            except TimeoutError:
                connection.sendall(drop)
    raise AssertionError("the server waits for ever")


@pytest.mark.parametrize(
    ("first", "drop", "within_seconds"),
    [
        (b"GET / HTTP/1.1\r\nx-a: ", b"a", LIMITS.head_seconds),
        (b"\r\n", b"\r\n", LIMITS.head_seconds),
        (POST + b"content-length: 100000\r\n\r\n", b"a", LIMITS.grace_seconds),
        (CHUNKED, b"1\r\na\r\n", LIMITS.grace_seconds),
        (POST + b"content-length: 10000000\r\n\r\n", b"a" * 1000, LIMITS.body_seconds),
    ],
    ids=["a head", "nothing but blank lines", "a body by bytes", "chunks", "a long body at a fair rate"],
)
def test_a_slow_request_is_told_so_in_time(server, first, drop, within_seconds):
    answer, seconds = dripped(server, first, drop)
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b"connection: close" in answer
    assert within_seconds - 0.1 <= seconds <= within_seconds + 1


def test_a_slow_caller_who_does_not_hang_up_is_hung_up_on(server):
    with closing(server.dialled()) as connection:
        connection.sendall(POST + b"content-length: 10000000\r\n\r\n")
        started = time.monotonic()
        assert connection.recv(65536).startswith(b"HTTP/1.1 408 ")
        with pytest.raises(ConnectionError):
            send_chunks(connection, for_seconds=10)
        assert time.monotonic() - started <= LIMITS.grace_seconds + LIMITS.leave_seconds + 1


def test_a_connection_on_which_nothing_is_sent_ends_without_a_word(server):
    assert server.answer(b"") == b""


def test_a_second_request_on_a_kept_connection_has_a_time_of_its_own(server):
    with closing(server.dialled()) as connection:
        connection.sendall(GET)
        assert connection.recv(65536).startswith(b"HTTP/1.1 200 ")
        started = time.monotonic()
        connection.sendall(b"GET / HT")
        assert rest_of(connection).startswith(b"HTTP/1.1 408 ")
        assert time.monotonic() - started >= LIMITS.head_seconds - 0.05


def test_a_kept_connection_may_rest_for_longer_than_a_head_may_take(server):
    with closing(server.dialled()) as connection:
        connection.sendall(GET)
        connection.recv(65536)
        connection.settimeout(2 * LIMITS.head_seconds)
        with pytest.raises(TimeoutError):
            connection.recv(1)
        connection.sendall(GET)
        assert connection.recv(65536).startswith(b"HTTP/1.1 200 ")


def test_an_answer_that_nobody_takes_is_given_up(server):
    with closing(server.dialled()) as connection:
        connection.sendall(b"GET /large/30000000 HTTP/1.1\r\nhost: localhost\r\n\r\n")
        wait_until(lambda: server.connections == 1, timeout_seconds=5, what="the connection")
        wait_until(lambda: server.connections == 0, timeout_seconds=5, what="its end")


def test_an_answer_that_is_taken_slowly_is_given_in_full(server):
    with closing(server.dialled()) as connection:
        connection.sendall(b"GET /large/30000000 HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
        taken, started = 0, time.monotonic()
        while part := connection.recv(65536):
            taken += len(part)
            due = started + 2 * taken / 30_000_000
            wait_until(lambda due=due: time.monotonic() > due, timeout_seconds=5, what="the next part")
    assert taken > 30_000_000


@pytest.mark.parametrize("framing", [b"transfer-encoding: chunked\r\n\r\n", b"content-length: 300000000\r\n\r\n"])
def test_who_sends_all_before_it_reads_gets_the_early_answer_and_no_reset(server, framing):
    part = b"80000\r\n" + b"x" * 0x80000 + b"\r\n" if b"chunked" in framing else b"x" * 0x80000
    with closing(server.dialled()) as connection:
        connection.sendall(b"POST /early HTTP/1.1\r\nhost: localhost\r\n" + framing)
        for _ in range(100):
            connection.sendall(part)
        answer = rest_of(connection)
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    assert answer.endswith(b"early")
    assert b"connection: close" in answer


def send_chunks(connection, *, for_seconds):
    ends = time.monotonic() + for_seconds
    while time.monotonic() < ends:
        connection.sendall(b"1000\r\n" + b"x" * 0x1000 + b"\r\n")


def test_who_goes_on_sending_after_its_answer_is_hung_up_on(server):
    with closing(server.dialled()) as connection:
        connection.sendall(b"POST /early HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n")
        assert connection.recv(65536)
        started = time.monotonic()
        with pytest.raises(ConnectionError):
            send_chunks(connection, for_seconds=10)
    assert time.monotonic() - started <= LIMITS.body_seconds + 1


def test_a_request_that_is_whole_before_its_early_answer_keeps_its_connection(server):
    request = b"POST /early HTTP/1.1\r\nhost: localhost\r\ncontent-length: 5\r\n\r\nsmall"
    with closing(server.dialled()) as connection:
        for _ in range(3):
            connection.sendall(request)
            assert b"connection: close" not in connection.recv(65536)


@pytest.mark.parametrize(
    "head",
    [
        b"GET /" + b"a" * 70_000,
        b"GET / HTTP/1.1\r\nx-a: " + b"a" * 70_000,
        GET[:-2] + b"x: y\r\n" * 120,
        GET[:-2] + b"x: y\r\n" * 120 + b"\r\n",
        GET[:-2] + b"x: " + b"a" * 70_000 + b"\r\n\r\n",
        CHUNKED + b"1;" + b"a" * 400_000,
        CHUNKED + b"1\r\na\r\n0\r\n" + b"x: y\r\n" * 120,
        CHUNKED + b"1\r\na\r\n0\r\nx: " + b"a" * 400_000,
    ],
    ids=["path", "value", "many", "many, whole", "long, whole", "chunk extension", "trailers", "long trailer"],
)
def test_what_is_kept_beside_a_body_is_bounded(server, head):
    answer = server.answer(head)
    assert answer.startswith(b"HTTP/1.1 431 ")
    assert b"65536 bytes and 100 headers" in answer


def test_a_long_body_behind_a_short_head_is_no_long_head(server):
    body = b"x" * 250_000
    request = POST + b"connection: close\r\ncontent-length: 250000\r\n\r\n" + body
    assert server.answer(request).endswith(body)


def test_headers_behind_a_body_do_not_become_headers_of_the_request(server):
    request = CHUNKED.replace(b"\r\n\r\n", b"\r\nconnection: close\r\n\r\n")
    assert server.answer(request + b"1\r\na\r\n0\r\nx: y\r\n\r\n").startswith(b"HTTP/1.1 200 ")


def test_bytes_that_are_no_http_are_told_so(server):
    assert server.answer(b"\x16\x03\x01 hello\r\n\r\n").startswith(b"HTTP/1.1 400 ")


def test_what_was_asked_is_answered_although_no_http_follows(server):
    answer = server.answer(GET + b"\x16\x03\x01\r\n\r\n")
    assert answer.count(b"HTTP/1.1 ") == 1
    assert answer.startswith(b"HTTP/1.1 200 ")


def test_a_few_requests_in_a_row_are_answered_in_order(server):
    requests = [b"GET /large/%d HTTP/1.1\r\nhost: localhost\r\n\r\n" % size for size in (1, 2, 3)]
    answer = server.answer(b"".join(requests) + GET[:-2] + b"connection: close\r\n\r\n")
    assert [line for line in answer.split(b"\r\n") if line.startswith(b"content-length")] == [
        b"content-length: %d" % size for size in (1, 2, 3, 0)
    ]


def test_thousands_of_requests_in_a_row_are_not_taken_up(server):
    asked = len(server.asked)
    answer = server.answer(GET * 5000)
    assert answer.count(b"HTTP/1.1 200 ") == len(server.asked) - asked <= LIMITS.pipelined + 1


def test_an_upgrade_that_is_not_served_is_answered_as_a_request(server):
    answer = server.answer(GET[:-2] + b"connection: upgrade\r\nupgrade: h2c\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 200 ")


def test_two_hundred_slow_callers_are_all_hung_up_on_while_others_are_answered():
    limits = replace(LIMITS, head_seconds=12, grace_seconds=3, body_seconds=14, connections=300)  # time to connect 200
    with limited_server(limits) as crowded:
        slow, answer = asyncio.run(beside_slow_callers(crowded.port, callers=200))
        assert answer == b"HTTP/1.1 200 OK"
        assert slow <= limits.body_seconds + limits.leave_seconds + 5
        assert crowded.connections == 0


async def beside_slow_callers(port, *, callers):
    """Seconds until the last slow caller was hung up on, and the status line that another caller got meanwhile."""
    drips = [Drip(HALF_A_HEAD.first, every_seconds=0.1), Drip(half_a_body("/").first, every_seconds=0.1)]
    slow = await slow_callers(port, drips * (callers // 2))
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(GET)
    answer = (await reader.readline()).strip()
    writer.close()
    assert not any(caller.lasted.done() for caller in slow)
    return await longest(slow), answer


@pytest.fixture
def patient():
    """A server whose callers may take their time, so that only their number counts."""
    with limited_server(HttpLimits(connections=LIMITS.connections)) as running:
        yield running


def test_beyond_the_most_connections_callers_are_told_to_come_back(patient):
    with ExitStack() as held:
        for _ in range(LIMITS.connections):
            held.enter_context(closing(patient.dialled())).sendall(GET[:20])
        refused = plain_http.get(f"http://127.0.0.1:{patient.port}/")
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")
    wait_until(lambda: patient.connections == 0, timeout_seconds=5, what="the end of all connections")
    assert plain_http.get(f"http://127.0.0.1:{patient.port}/").status_code == 200


def test_a_connection_that_rests_makes_room_for_another(patient):
    with ExitStack() as held:
        kept = [held.enter_context(closing(patient.dialled())) for _ in range(LIMITS.connections)]
        for connection in kept:
            connection.sendall(GET)
            connection.recv(65536)
            time.sleep(0.01)  # the server's clock counts milliseconds
        assert plain_http.get(f"http://127.0.0.1:{patient.port}/").status_code == 200
        assert kept[0].recv(1) == b""
        kept[1].sendall(GET)
        assert kept[1].recv(65536).startswith(b"HTTP/1.1 200 ")


def test_hundreds_of_connections_beyond_the_most_are_not_held(patient):
    with ExitStack() as held:
        for _ in range(300):
            held.enter_context(closing(patient.dialled()))
        wait_until(
            lambda: 0 < patient.connections <= LIMITS.connections + 64, timeout_seconds=5, what="few connections"
        )
    wait_until(lambda: patient.connections == 0, timeout_seconds=5, what="the end of all connections")


def segments_with_data(connection):
    """How many packets with data have come over a connection: struct tcp_info of the kernel."""
    (count,) = struct.unpack_from("I", connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 192), 152)
    return count


def test_an_answers_head_and_body_are_sent_by_one_call(server):
    with closing(server.dialled()) as connection:
        for number in range(1, 21):
            connection.sendall(POST + b"content-length: 5\r\n\r\nhello")
            received = b""
            while not received.endswith(b"\r\n\r\nhello"):
                received += connection.recv(65536)
            assert segments_with_data(connection) == number
