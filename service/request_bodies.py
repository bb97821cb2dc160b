"""Bodies of requests, read into memory: none longer than its route takes, all together no more than a process can hold.

What lives here: reading, and the count of what is held. What does not: how slowly a body may come (http_server), what
its bytes mean.
"""

from types import TracebackType
from typing import Final, Self

from starlette.types import Receive, Scope

from monitor_jobs.contract.errors import BadInput, SextantError

HELD_BYTES: Final = 256 * 2**20


class BodyTooLong(BadInput):
    """The request's body is longer than its route takes."""


class TooManyBodies(SextantError):
    """The bodies of other requests leave no room for this one."""

    retry_after = "1"


class CallerGone(SextantError):
    """The caller hung up; nobody is left to be answered."""


class RequestBodies:
    """All that one process holds, and how much it may: `most_bytes`, or two of the longest body where that is more."""

    def __init__(self, *, longest: int, most_bytes: int = HELD_BYTES) -> None:
        self.held_bytes = 0
        self._most_bytes = max(most_bytes, 2 * longest)

    def room(self) -> "BodyRoom":
        """Room for one body, to be entered for as long as the body is held."""
        return BodyRoom(self)

    def take(self, size: int) -> None:
        """Count bytes that have come. Raises TooManyBodies where they are too many, and counts them all the same."""
        self.held_bytes += size
        if self.held_bytes > self._most_bytes:
            raise TooManyBodies(f"requests of more than {self._most_bytes} bytes wait here: try again in a moment")

    def free(self, size: int) -> None:
        """Count bytes that are held no more."""
        self.held_bytes -= size


class BodyRoom:
    """The room of one request's body."""

    def __init__(self, bodies: RequestBodies) -> None:
        self._bodies = bodies
        self._size = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bodies.free(self._size)

    async def read(self, scope: Scope, receive: Receive, *, limit: int) -> bytes:
        """The request's body. Raises BodyTooLong without having held more than the limit, TooManyBodies, CallerGone."""
        declared = next((value for name, value in scope["headers"] if name == b"content-length"), b"0")
        if int(declared) > limit:
            raise _too_long(limit)
        chunks, more = [], True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise CallerGone("the caller hung up before the end of its request")
            chunk = message.get("body", b"")
            if self._size + len(chunk) > limit:
                raise _too_long(limit)
            self._size += len(chunk)
            self._bodies.take(len(chunk))
            chunks.append(chunk)
            more = message.get("more_body", False)
        return b"".join(chunks)


def _too_long(limit: int) -> BodyTooLong:
    return BodyTooLong(f"the body is longer than {limit} bytes: send less")
