"""Callers that go on while endpoints die and come back, and how each of their requests was answered.

What does not live here: the endpoints (fault_endpoints).
"""

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException, HTTPResponse
from itertools import count

from tests.endpoint_token import AUTHORIZED

PATIENCE = 60
CALLERS = 4
RETRY_SECONDS = 0.01
GLUTTONY = b'"allocate until you are killed"'


@dataclass(frozen=True)
class Call:
    """One request that was answered to its end."""

    inference_id: str
    sent: datetime
    answered: datetime
    status: int
    retry_after: str | None


@dataclass
class Load:
    """Callers that go on until they are told to stop; what is cut off without an answer is in no list."""

    ports: Sequence[int]
    body: bytes = b"[1]"
    calls: list[Call] = field(default_factory=list)
    cut_off: int = 0
    enough: threading.Event = field(default_factory=threading.Event)

    @property
    def acknowledged(self) -> list[Call]:
        return [call for call in self.calls if call.status == HTTPStatus.OK]

    @property
    def refused(self) -> list[Call]:
        return [call for call in self.calls if call.status != HTTPStatus.OK]

    def call_for_ever(self, prefix: str, port: int) -> None:
        """One caller on a kept connection; where that breaks it connects again."""
        connection = HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
        for number in count():
            if self.enough.is_set():
                break
            try:
                self.calls.append(self.called(connection, f"{prefix}-{number}"))
            except (OSError, HTTPException):
                self.cut_off += 1
                connection.close()
                time.sleep(RETRY_SECONDS)
        connection.close()

    def called(self, connection: HTTPConnection, inference_id: str) -> Call:
        sent = datetime.now(UTC)
        response = invoke(connection, inference_id, self.body)
        response.read()
        return Call(inference_id, sent, datetime.now(UTC), response.status, response.getheader("Retry-After"))


def invoke(connection: HTTPConnection, inference_id: str, body: bytes) -> HTTPResponse:
    headers = {**AUTHORIZED, "Content-Type": "application/json", "X-Amzn-SageMaker-Inference-Id": inference_id}
    connection.request("POST", "/invoke", body, headers)
    return connection.getresponse()


def ask_too_much(port: int) -> None:
    """Let the model allocate from now on; its endpoint may end before it answers."""
    connection = HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    with closing(connection), suppress(OSError, HTTPException):
        invoke(connection, f"too-much-{time.monotonic_ns():x}", GLUTTONY).read()


@contextmanager
def load_on(*ports: int, body: bytes = b"[1]", callers: int = CALLERS) -> Iterator[Load]:
    """Load on endpoints until the block ends."""
    load, name = Load(ports, body), f"{time.monotonic_ns():x}"
    threads = [
        threading.Thread(target=load.call_for_ever, args=(f"{name}-{number}", ports[number % len(ports)]))
        for number in range(callers)
    ]
    for thread in threads:
        thread.start()
    try:
        yield load
    finally:
        load.enough.set()
        for thread in threads:
            thread.join()
