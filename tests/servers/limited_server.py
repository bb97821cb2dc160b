"""The product's HTTP server, with limits of a test's own, around a small application, on a loopback port.

What does not live here: endpoint and control processes (endpoint, control).
"""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from typing import Any

import uvicorn

from service.core.http_limits import HttpLimits
from service.http_server import Declines, nobody, server_options
from tests.wait import wait_until


@dataclass
class LimitedServer:
    """A running server, and how many requests its application was asked."""

    port: int
    server: uvicorn.Server
    asked: list[str] = field(default_factory=list)

    @property
    def connections(self) -> int:
        return len(self.server.server_state.connections)

    def dialled(self) -> socket.socket:
        """A new connection."""
        return socket.create_connection(("127.0.0.1", self.port), timeout=20)

    def answer(self, request: bytes) -> bytes:
        """What is answered to these bytes until the server hangs up."""
        with closing(self.dialled()) as connection:
            connection.sendall(request)
            return rest_of(connection)


def rest_of(connection: socket.socket) -> bytes:
    """What comes until the other side hangs up, or resets."""
    parts = []
    try:
        while part := connection.recv(65536):
            parts.append(part)
    except ConnectionResetError:
        parts.append(b"<reset>")
    return b"".join(parts)


@contextmanager
def limited_server(limits: HttpLimits, declines: Declines = nobody, **options: Any) -> Iterator[LimitedServer]:
    """A server whose application answers a path `/early` before it reads, `/large/N` with N bytes, else the body.

    `options` are more of uvicorn's, such as a certificate.
    """
    listener = socket.create_server(("127.0.0.1", 0))
    running: LimitedServer

    async def app(scope, receive, send):
        running.asked.append(scope["path"])
        body = b"early" if scope["path"] == "/early" else await _whole(receive)
        if scope["path"].startswith("/large/"):
            body = b"x" * int(scope["path"].removeprefix("/large/"))
        headers = [(b"content-length", b"%d" % len(body))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    all_options = server_options(limits, declines) | options
    config = uvicorn.Config(app, lifespan="off", timeout_graceful_shutdown=1, **all_options)
    running = LimitedServer(listener.getsockname()[1], uvicorn.Server(config))
    thread = threading.Thread(target=running.server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        wait_until(lambda: running.server.started, timeout_seconds=10, what="the server")
        yield running
    finally:
        running.server.should_exit = True
        thread.join()
        listener.close()


async def _whole(receive: Callable) -> bytes:
    parts, more = [], True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            break
        parts.append(message["body"])
        more = message["more_body"]
    return b"".join(parts)
