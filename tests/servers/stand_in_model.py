"""A stand-in for an endpoint's process, which does what each request tells it to, and keeps what it was sent.

What does not live here: real endpoint processes (tests.servers.endpoint).
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass(frozen=True)
class Received:
    """One request: its path, its headers with names in lower case, and its body."""

    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class StandIn:
    """A listening stand-in, and what it was sent so far."""

    port: int
    requests: list[Received] = field(default_factory=list)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"


class _Handler(BaseHTTPRequestHandler):
    """A body `500 words` is answered with that status and these words; `hang up`, `bytes 9` and `chunks 9` with that;
    any other with its length.
    """

    protocol_version = "HTTP/1.1"
    stand_in: StandIn

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.stand_in.requests.append(Received(self.path, headers, body))
        word, _, rest = body[:64].partition(b" ")
        if body == b"hang up":
            self.close_connection = True
        elif word == b"chunks":
            self._answer_in_chunks(int(rest))
        elif word == b"bytes":
            self._answer(200, b"x" * int(rest))
        elif word.isdigit() and len(word) == 3:
            self._answer(int(word), body.partition(b" ")[2])
        else:
            self._answer(200, str(len(body)).encode())

    def _answer(self, status: int, text: bytes) -> None:
        self._head(status, "Content-Length", str(len(text)))
        self.wfile.write(text)

    def _answer_in_chunks(self, size: int) -> None:
        self._head(200, "Transfer-Encoding", "chunked")
        for _ in range(size):
            self.wfile.write(b"1\r\nx\r\n")
        self.wfile.write(b"0\r\n\r\n")

    def _head(self, status: int, *framing: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "text/plain")
        self.send_header(*framing)
        if "x-amzn-sagemaker-session-id" in self.headers:
            self.send_header("X-Amzn-SageMaker-New-Session-Id", "s-1; Expires=2030-01-01T00:00:00Z")
            self.send_header("X-Amzn-SageMaker-Closed-Session-Id", "s-0")
            self.send_header("X-Amzn-SageMaker-Custom-Attributes", "the model's own")
        self.end_headers()

    def log_message(self, *_arguments: object) -> None:
        """Nothing: the tests look at what was answered."""


@contextmanager
def stand_in_model() -> Iterator[StandIn]:
    """A stand-in that listens on loopback until the block is left."""
    handler = type("Handler", (_Handler,), {})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        stand_in = handler.stand_in = StandIn(server.server_port)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield stand_in
        finally:
            server.shutdown()
            thread.join()
