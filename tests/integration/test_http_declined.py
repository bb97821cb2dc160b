"""A request that there is no room for is answered before anything is made of it, and its connection lives on."""

import socket
import time
from contextlib import closing
from dataclasses import dataclass
from http import HTTPStatus
from typing import BinaryIO

import pytest

from service.core.http_limits import HttpLimits, Refusal
from tests.servers.limited_server import limited_server, rest_of
from tests.wait import wait_until

LIMITS = HttpLimits(head_seconds=0.4, body_seconds=1.0, grace_seconds=0.4, leave_seconds=0.2, pipelined=4)
FULL = Refusal(HTTPStatus.SERVICE_UNAVAILABLE, "all places are taken", (b"retry-after", b"1"), type="ModelBusy")
TO_FULL = b"POST /full HTTP/1.1\r\nhost: localhost\r\n"
TO_OPEN = b"POST /open HTTP/1.1\r\nhost: localhost\r\ncontent-length: 2\r\n\r\nhi"


@pytest.fixture(scope="module")
def server():
    with limited_server(LIMITS, lambda url: FULL if url == b"/full" else None, timeout_keep_alive=1) as running:
        yield running


@pytest.fixture
def connection(server):
    server.asked.clear()
    with closing(server.dialled()) as connection:
        yield Connection(connection, connection.makefile("rb"))


@dataclass
class Seen:
    """One answer."""

    status: bytes
    head: bytes
    body: bytes


@dataclass
class Connection:
    """A kept connection, and what comes over it."""

    socket: socket.socket
    stream: BinaryIO

    def send(self, request):
        self.socket.sendall(request)

    def answer(self):
        """The next answer, which comes with a length."""
        head = b"".join(iter(self.stream.readline, b"\r\n")).lower()
        length = int(head.partition(b"content-length: ")[2].partition(b"\r\n")[0])
        return Seen(head[9:12], head, self.stream.read(length))


@pytest.mark.parametrize("size", [0, 1, 5_000_000])
def test_it_is_told_so_and_the_connection_takes_the_next(server, connection, size):
    connection.send(TO_FULL + b"content-length: %d\r\n\r\n" % size + b"a" * size)
    declined = connection.answer()
    assert (declined.status, declined.body) == (b"503", b'{"error": "all places are taken", "type": "ModelBusy"}')
    assert b"retry-after: 1\r\n" in declined.head
    assert b"date: " in declined.head
    assert b"connection: close" not in declined.head
    connection.send(TO_OPEN)
    assert connection.answer().body == b"hi"
    assert server.asked == ["/open"]


def test_it_is_told_so_before_its_body_has_come(connection):
    connection.send(TO_FULL + b"content-length: 3\r\n\r\n")
    assert connection.answer().status == b"503"
    connection.send(b"abc" + TO_OPEN)
    assert connection.answer().body == b"hi"


def test_chunks_are_thrown_away_to_their_end(connection):
    connection.send(TO_FULL + b"transfer-encoding: chunked\r\n\r\n4;a=b\r\nabcd\r\n0\r\nx-late: 1\r\n\r\n" + TO_OPEN)
    assert [connection.answer().status, connection.answer().body] == [b"503", b"hi"]


@pytest.mark.parametrize(
    "body",
    [
        b"content-length: 100\r\n\r\nabc",
        b"transfer-encoding: chunked\r\n\r\nno number",
        b"transfer-encoding: chunked\r\n\r\n0\r\n" + b"a: b\r\n" * 200,
    ],
    ids=["slow", "no HTTP", "too many headers behind it"],
)
def test_a_body_that_is_not_as_it_should_be_ends_the_connection_without_a_second_answer(connection, body):
    connection.send(TO_FULL + body)
    answers = rest_of(connection.socket)
    assert answers.count(b"HTTP/1.1 ") == 1
    assert answers.startswith(b"HTTP/1.1 503 ")


@pytest.mark.parametrize(
    "header", [b"connection: close", b"expect: 100-continue", b"upgrade: h2c\r\nconnection: upgrade"]
)
def test_who_asks_for_more_than_an_answer_is_left_to_the_application(server, connection, header):
    connection.send(TO_FULL + header + b"\r\ncontent-length: 2\r\n\r\nhi")
    wait_until(lambda: server.asked == ["/full"], timeout_seconds=5, what="the application to be asked")


def test_answers_keep_the_order_of_their_requests(server, connection):
    connection.send(TO_OPEN + TO_FULL + b"content-length: 2\r\n\r\nho" + TO_OPEN)
    first, second, third = (connection.answer() for _ in range(3))
    assert (first.body, third.body) == (b"hi", b"hi")
    assert second.body == b"ho"  # it was whole while the first was being answered: the application has it
    assert server.asked == ["/open", "/full", "/open"]


def test_a_connection_that_rests_after_it_ends_as_any_other(connection):
    connection.send(TO_FULL + b"content-length: 0\r\n\r\n")
    started = time.monotonic()
    assert connection.answer().status == b"503"
    assert connection.stream.read(1) == b""
    assert 0.5 <= time.monotonic() - started <= 5
