"""The same limits hold where callers speak TLS."""

import socket
import ssl
import time
from contextlib import closing

import pytest

from service.core.http_limits import DEFAULT_LIMITS, HttpLimits
from tests.servers.certificates import write_certificate
from tests.servers.limited_server import limited_server, rest_of

LIMITS = HttpLimits(head_seconds=0.4, body_seconds=2.0, grace_seconds=0.4, leave_seconds=0.2)
POST = b"POST /early HTTP/1.1\r\nhost: localhost\r\ncontent-length: 30000000\r\n\r\n"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    return write_certificate(tmp_path_factory.mktemp("tls"), "localhost")


@pytest.fixture(scope="module")
def server(certificate):
    path, key = certificate
    with limited_server(LIMITS, ssl_certfile=str(path), ssl_keyfile=str(key)) as running:
        yield running


@pytest.fixture
def connection(server, certificate):
    context = ssl.create_default_context(cafile=certificate[0])
    with closing(context.wrap_socket(server.dialled(), server_hostname="localhost")) as encrypted:
        yield encrypted


def test_a_slow_head_is_told_so_and_hung_up_on(connection):
    connection.sendall(b"GET / HTTP/1.1\r\nx-a: ")
    assert rest_of(connection).startswith(b"HTTP/1.1 408 ")


def test_who_sends_all_before_it_reads_gets_the_early_answer(connection):
    connection.sendall(POST)
    for _ in range(30):
        connection.sendall(b"x" * 1_000_000)
    assert connection.recv(65536).startswith(b"HTTP/1.1 200 OK\r\n")


def test_a_handshake_that_does_not_end_has_as_long_as_a_head(server):
    started = time.monotonic()
    with closing(socket.create_connection(("127.0.0.1", server.port), timeout=30)) as half:
        half.sendall(b"\x16\x03\x01")
        assert rest_of(half) in (b"", b"<reset>")
    assert DEFAULT_LIMITS.head_seconds - 1 <= time.monotonic() - started <= DEFAULT_LIMITS.head_seconds + 5
