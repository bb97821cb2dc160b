"""The gateway while the process behind an endpoint is replaced: what is looked for again, what is never sent twice."""

import asyncio
import random
import socket
import threading
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from functools import partial
from types import SimpleNamespace

import httpx
import pytest

from service.adapters.database import connect
from service.control.access.resources import Installation
from service.control.gateway import routes
from service.control.gateway.errors import ServiceUnavailable
from service.control.gateway.gate import Gate
from service.control.gateway.invocations import Invocations
from service.core.access import Grant, Role
from service.core.records import EndpointRecord
from service.core.states import EndpointStatus
from service.request_bodies import RequestBodies
from service.settings import Settings
from tests.people import People
from tests.sagemaker_requests import NOON
from tests.servers.processes import free_ports
from tests.wait import wait_until

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Type: text/plain\r\n\r\nok"
BUSY = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 2\r\n\r\nno"


@dataclass
class Peer:
    """What listens at an endpoint's address: takes one request a connection, says its piece, and hangs up."""

    listener: socket.socket
    says: bytes
    requests: list[bytes] = field(default_factory=list)
    hung_up: int = 0

    @property
    def port(self):
        return self.listener.getsockname()[1]

    def has_hung_up(self, times):
        return self.hung_up == times

    def serve(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            with closing(connection):
                self.requests.append(connection.recv(65536))
                connection.sendall(self.says)
            self.hung_up += 1


@contextmanager
def peer(says=ANSWER):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        there = Peer(listener, says)
        thread = threading.Thread(target=there.serve)
        thread.start()
        yield there
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()


@dataclass
class Rows:
    """The endpoint's row as it is at one look after the other; the last one stays."""

    ports: list[int]
    status: EndpointStatus = EndpointStatus.UPDATING
    looks: int = 0

    def get(self, name):
        port = self.ports[min(self.looks, len(self.ports) - 1)]
        self.looks += 1
        running = [{"variant": "AllTraffic", "handle": {"address": f"http://127.0.0.1:{port}"}}]
        return EndpointRecord(name, name, self.status, NOON, NOON, running=running)


def invoked(rows, tmp_path, *peers):
    """The last answer of the gateway over these rows; a request more for each peer that hangs up before it."""

    async def run():
        database, settings = SimpleNamespace(endpoints=rows), Settings(data=tmp_path)
        people = People(tmp_path, connect(settings.database))
        gate = Gate(people.authenticator, Installation(database, settings.region, settings.account))
        served = Invocations(
            gate, settings, RequestBodies(longest=1000), endpoint_token="token", generator=random.Random(1)
        )
        transport, asks = httpx.ASGITransport(served), people.add("asks", Grant(Role.INVOKER))
        async with httpx.AsyncClient(transport=transport, base_url="http://here", auth=asks) as client:
            for number, each in enumerate(peers, start=1):
                await client.post("/endpoints/signs/invocations", content=b"[1]")
                wait_until(partial(each.has_hung_up, number), timeout_seconds=10, what="the peer to hang up")
            answer = await client.post("/endpoints/signs/invocations", content=b"[1]")
        served.close()
        people.close()
        return answer

    return asyncio.run(run())


def nobody():
    return free_ports(1)[0]


def test_a_process_that_is_gone_since_the_row_was_read_is_looked_for_once_more(tmp_path):
    with peer() as new:
        rows = Rows([nobody(), new.port])
        assert invoked(rows, tmp_path).text == "ok"
    assert (rows.looks, len(new.requests)) == (2, 1)


def test_a_process_that_is_nowhere_is_unavailable_after_two_looks(tmp_path):
    rows = Rows([nobody()])
    answer = invoked(rows, tmp_path)
    assert (answer.status_code, answer.headers["x-amzn-errortype"]) == (503, "ServiceUnavailable")
    assert rows.looks == 2


@pytest.mark.parametrize("says", [b"", b"HTTP/1.1 200 OK\r\nContent-Len", b"220 ready\r\n", BUSY])
def test_a_request_that_may_have_reached_a_model_is_never_sent_again(tmp_path, says):
    with peer(says) as old, peer() as new:
        answer = invoked(Rows([old.port, new.port]), tmp_path)
    assert (answer.status_code, len(old.requests), new.requests) == (503, 1, [])


def test_an_answer_that_ends_early_is_never_taken_for_a_whole_one(tmp_path):
    with peer(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhal") as old, peer() as new:
        with pytest.raises(ServiceUnavailable, match="it hung up"):  # which makes the server hang up, too
            invoked(Rows([old.port, new.port]), tmp_path)
        assert (len(old.requests), new.requests) == (1, [])


def test_a_kept_connection_that_the_old_process_closed_is_not_used_again(tmp_path):
    with peer() as old:  # hangs up after each answer, without having said that it would
        assert invoked(Rows([old.port]), tmp_path, old, old, old).text == "ok"
    assert len(old.requests) == 4


def test_an_address_that_took_long_to_read_is_read_again(tmp_path, monkeypatch):
    monkeypatch.setattr(routes, "ADDRESS_SECONDS", -1.0)
    with peer() as old, peer() as new:
        rows = Rows([old.port, old.port, new.port])
        assert invoked(rows, tmp_path).text == "ok"
    assert (rows.looks, old.requests, len(new.requests)) == (routes.READS, [], 1)


def test_a_row_is_not_read_again_for_half_a_second(tmp_path):
    with peer() as old:
        rows = Rows([old.port])
        invoked(rows, tmp_path, old, old)
    assert rows.looks == 1


def test_an_endpoint_that_is_deleted_meanwhile_is_said_to_be(tmp_path):
    class Deleted(Rows):
        def get(self, name):
            self.status = EndpointStatus.DELETING if self.looks else EndpointStatus.IN_SERVICE
            return super().get(name)

    answer = invoked(Deleted([nobody()]), tmp_path)
    assert (answer.status_code, answer.json()["message"]) == (400, "Endpoint signs is Deleting, not InService.")
