"""A server that remembers what arrives, as the service's own HTTP server hands it on."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import uvicorn
from starlette.types import Receive, Scope, Send

from tests.signing import Arrived
from tests.wait import wait_until


@dataclass
class Recorder:
    """An ASGI application that answers each request with the next of its statuses, the last one for ever."""

    statuses: list[int]
    requests: list[Arrived] = field(default_factory=list)
    url: str = ""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message["body"], message.get("more_body", False)
        headers = tuple((bytes(name), bytes(value)) for name, value in scope["headers"])
        self.requests.append(Arrived(scope["method"], scope["raw_path"], scope["query_string"], headers, body))
        status = self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]
        await send({"type": "http.response.start", "status": status, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"{}"})


@contextmanager
def recording_server(*statuses: int) -> Iterator[Recorder]:
    """A server on loopback until the block is left."""
    recorder = Recorder(list(statuses))
    config = uvicorn.Config(recorder, port=0, http="httptools", lifespan="off", log_config=None)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        wait_until(lambda: server.started, timeout_seconds=30, what="the recording server")
        recorder.url = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
        yield recorder
    finally:
        server.should_exit = True
        thread.join()
