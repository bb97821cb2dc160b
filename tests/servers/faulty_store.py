"""An S3 server that misbehaves when it is told to, in a process of its own; as a program it is that process.

What lives here: its modes, the door to it, and the faults. What does not: S3 itself (tests.servers.s3_memory).
It reads a mode a line from its standard input, says each back once it holds, and ends with that input.
"""

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from monitor_jobs.object_store import Head, S3Address
from monitor_jobs.object_store.s3 import S3Store, connect
from tests.servers.s3_memory import Answer, Objects, Request, failure
from tests.servers.s3_server import S3Server

SLOW_SECONDS = 5.0


class Mode(StrEnum):
    """What the server does."""

    OK = "ok"
    REFUSED = "refused"  # nobody listens, and who was connected is dropped
    HUNG = "hung"  # accepts, and never answers
    SLOW = "slow"  # answers after five seconds
    FAILING = "failing"  # 500
    BUSY = "busy"  # 503 SlowDown
    FORBIDDEN = "forbidden"  # 403
    BUCKETLESS = "bucketless"  # 404 NoSuchBucket
    TRUNCATED = "truncated"  # stores half of a body and answers 200; breaks its own bodies off in the middle
    CORRUPTING = "corrupting"  # stores other bytes, as many, and answers with the ETag of those it was sent
    DROPPING = "dropping"  # does what it is asked, and drops the connection without an answer


FAILURES = {
    Mode.FAILING: failure(500, "InternalError"),
    Mode.BUSY: failure(503, "SlowDown"),
    Mode.FORBIDDEN: failure(403, "AccessDenied"),
    Mode.BUCKETLESS: failure(404, "NoSuchBucket"),
}
UNANSWERED = (Mode.REFUSED, Mode.DROPPING)


@dataclass(frozen=True)
class FaultyStore:
    """The running server."""

    process: "subprocess.Popen[str]"
    server: S3Server

    def switch(self, mode: Mode) -> None:
        """Return once every request that comes meets this mode; those that hang already go on hanging."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        print(mode, file=self.process.stdin, flush=True)
        assert self.process.stdout.readline() == f"{mode}\n", "the store has ended"

    def connected(self, **timeouts: float) -> S3Store:
        """The product's own store on this server."""
        return connected(self.server, **timeouts)


def connected(server: S3Server, **timeouts: float) -> S3Store:
    """The product's own store on a server."""
    keys = {"access_key": server.access_key, "secret_key": server.secret_key}
    return connect(server.endpoint_url, server.region, **keys, **timeouts)


class Trusting:
    """A store whose word is taken: what it said that it took is what it shows. What the uploader must not do."""

    def __init__(self, store: S3Store) -> None:
        self._store = store
        self._taken: dict[S3Address, Head] = {}

    def put(self, address: S3Address, body: bytes) -> None:
        self._store.put(address, body)
        self._taken[address] = Head(len(body))

    def upload(self, path: Path, address: S3Address) -> None:
        self._store.upload(path, address)
        self._taken[address] = Head(path.stat().st_size)

    take = upload

    def head(self, address: S3Address) -> Head:
        return self._taken[address]

    def __getattr__(self, name: str):
        return getattr(self._store, name)


@contextmanager
def faulty_store(*, slow_seconds: float = SLOW_SECONDS) -> Iterator[FaultyStore]:
    """An empty store that behaves; it has ended when the block is left."""
    command = [sys.executable, "-m", __name__, str(slow_seconds)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        port = int(process.stdout.readline())
        try:
            yield FaultyStore(process, S3Server(f"http://127.0.0.1:{port}", "key", "secret"))
        finally:
            process.kill()


@dataclass
class Behaviour:
    """What all connections share; the mode is the one thing that changes."""

    mode: Mode
    objects: Objects
    slow_seconds: float


class Connection(BaseHTTPRequestHandler):
    """Answers the requests of one connection, each as the mode says that holds when it has come."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    behaviour: Behaviour

    def __init__(self, behaviour: Behaviour, *connection) -> None:
        self.behaviour = behaviour
        super().__init__(*connection)

    def do_PUT(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.close_connection = True  # unless it is answered
        mode = self.behaviour.mode
        if mode is Mode.REFUSED:
            return
        self._hang_where_told()
        if mode is Mode.SLOW:
            time.sleep(self.behaviour.slow_seconds)
        answer = FAILURES.get(mode) or self._answer(Request.parse(self.command, self.path, body), mode)
        if mode not in UNANSWERED:
            self._send(answer, mode)

    do_GET = do_HEAD = do_DELETE = do_POST = do_PUT  # noqa: N815

    def handle_expect_100(self) -> bool:
        self._hang_where_told()
        return super().handle_expect_100()

    def log_message(self, *_: object) -> None:
        """Stay silent."""

    def _hang_where_told(self) -> None:
        if self.behaviour.mode is Mode.HUNG:
            threading.Event().wait()

    def _answer(self, request: Request, mode: Mode) -> Answer:
        half = request.body[: len(request.body) // 2]
        if mode is Mode.TRUNCATED:
            request = request.with_body(half)
        answer = self.behaviour.objects.answer(request)
        if mode is Mode.CORRUPTING and request.stores_an_object:
            self.behaviour.objects.answer(request.with_body(half.ljust(len(request.body), b"\0")))
        return answer

    def _send(self, answer: Answer, mode: Mode) -> None:
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.end_headers()
        if mode is Mode.TRUNCATED and answer.body:
            self.wfile.write(answer.body[: len(answer.body) // 2])
            return
        self.wfile.write(answer.body)
        self.close_connection = False


class Server(ThreadingHTTPServer):
    """A thread a connection; a crowd may come at once, and go in the middle of a word."""

    request_queue_size = 128

    def handle_error(self, *_: object) -> None:
        """Stay silent."""


class Door:
    """A loopback port that can be closed and opened again, and belongs to nobody else meanwhile."""

    def __init__(self, behaviour: Behaviour) -> None:
        self._connection = partial(Connection, behaviour)
        self._http = self._bound(0)
        self.port = self._http.server_port
        self._is_open = False

    def open(self) -> None:
        if not self._is_open:
            self._is_open = True
            self._http.server_activate()
            threading.Thread(target=self._http.serve_forever, args=(0.01,), daemon=True).start()

    def close(self) -> None:
        if self._is_open:
            self._is_open = False
            self._http.shutdown()
            self._http.server_close()
            self._http = self._bound(self.port)

    def _bound(self, port: int) -> Server:
        # bound but not listening: whoever connects is refused, and nobody else gets the port
        http = Server(("127.0.0.1", port), self._connection, bind_and_activate=False)
        http.server_bind()
        return http


def main(slow_seconds: float) -> None:
    behaviour = Behaviour(Mode.OK, Objects(), slow_seconds)
    door = Door(behaviour)
    door.open()
    print(door.port, flush=True)
    for line in sys.stdin:
        behaviour.mode = Mode(line.strip())
        if behaviour.mode is Mode.REFUSED:
            door.close()
        else:
            door.open()
        print(behaviour.mode, flush=True)


if __name__ == "__main__":
    main(float(sys.argv[1]))
