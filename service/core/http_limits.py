"""What an HTTP server of ours holds its callers to: the numbers, and the words for those who go beyond.

What does not live here: connections (http_server), limits of single routes.
"""

import json
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final


@dataclass(frozen=True, slots=True)
class HttpLimits:
    """How long callers may take, how many they may be, and how much they may send that is no body.

    A body has `body_seconds` in all, and beyond `grace_seconds` it comes at `bytes_per_second` at least; what is left
    of this time is for throwing it away, once it was refused. An answer of which nothing is taken is given up after as
    long as a body. Who was told why it is hung up on has `leave_seconds` to read it.
    """

    head_seconds: float = 10.0
    body_seconds: float = 30.0
    grace_seconds: float = 10.0
    bytes_per_second: float = 1024.0
    leave_seconds: float = 2.0
    head_bytes: int = 65_536
    headers: int = 100
    connections: int = 1000
    pipelined: int = 16

    def body_ends(self, *, began: float, received_bytes: int) -> float:
        """The moment at which a body is given up of which so much has come."""
        return began + min(self.body_seconds, self.grace_seconds + received_bytes / self.bytes_per_second)


DEFAULT_LIMITS: Final = HttpLimits()


class Refusal:
    """The answer to a request that the application does not see: `start`, other headers, and one of two ends.

    `rest` ends the connection, `kept` keeps it. `more` is what a program may want to know beside the sentence.
    """

    def __init__(self, status: HTTPStatus, sentence: str, *headers: tuple[bytes, bytes], **more: str) -> None:
        body = json.dumps({"error": sentence, **more}).encode()
        lines = [*headers, (b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
        self.start = b"HTTP/1.1 %d %s\r\n" % (status, status.phrase.encode()) + b"".join(
            b"%s: %s\r\n" % line for line in lines
        )
        self.rest = b"connection: close\r\n\r\n" + body
        self.kept = b"\r\n" + body


def too_much(limits: HttpLimits) -> Refusal:
    """The answer to a request with too much beside its body."""
    most = f"{limits.head_bytes} bytes and {limits.headers} headers"
    sentence = f"a request may have {most} beside its body: send fewer"
    return Refusal(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, sentence)


TOO_MANY: Final = Refusal(
    HTTPStatus.SERVICE_UNAVAILABLE, "too many requests wait here: try again in a moment", (b"retry-after", b"1")
)
TOO_SLOW: Final = Refusal(HTTPStatus.REQUEST_TIMEOUT, "the request did not arrive in time: send it faster")
NO_HTTP: Final = Refusal(HTTPStatus.BAD_REQUEST, "these bytes are no HTTP request")
