"""The caller's side of an invocation: its body in, its answer or error out, and whether it is still there.

What lives here: ASGI messages. What does not: the process's side (connections), what is answered (invocations).
"""

import asyncio
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from starlette.types import Receive, Scope, Send

from service.control.gateway.connections import Answer
from service.control.gateway.errors import ERROR_HEADER, InvocationError, ServiceUnavailable, ValidationError
from service.control.gateway.recent_answers import KeptAnswer
from service.request_bodies import BodyRoom, BodyTooLong, CallerGone, TooManyBodies

REQUEST_ID_HEADER: Final = b"x-amzn-requestid"

Headers = list[tuple[bytes, bytes]]


class Caller:
    """Whoever sent one request; answered once."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.headers: Headers = scope["headers"]
        self._scope = scope
        self._receive = receive
        self._send = send
        self._is_answered = False

    async def body(self, room: BodyRoom, *, limit: int) -> bytes:
        """The request's body. Raises ValidationError for a longer one, ServiceUnavailable, CallerGone."""
        try:
            return await room.read(self._scope, self._receive, limit=limit)
        except BodyTooLong as error:
            raise ValidationError(f"Request body is longer than {limit} bytes.") from error
        except TooManyBodies as error:
            raise ServiceUnavailable(str(error)) from error

    @contextmanager
    def hanging_up(self, ends: Callable[[], None]) -> Iterator[None]:
        """Call `ends` when the caller hangs up while the block runs; what fails for that reason is CallerGone.

        To be entered once the body is read.
        """
        watching = asyncio.ensure_future(self._gone())
        inside = True

        def end(task: asyncio.Task[None]) -> None:
            if inside and not task.cancelled():
                ends()

        watching.add_done_callback(end)
        try:
            yield
        except Exception as error:
            if watching.done() and not watching.cancelled():
                raise CallerGone("the caller hung up before the answer") from error
            raise
        finally:
            inside = False
            watching.cancel()

    async def give(self, answer: KeptAnswer) -> None:
        """Send an answer that is there as a whole."""
        await self._start(answer.status, answer.headers, sum(map(len, answer.parts)))
        await self._send({"type": "http.response.body", "body": b"".join(answer.parts)})

    async def stream(self, answer: Answer, headers: Headers, *, length: int) -> KeptAnswer:
        """Send an answer as it comes; the same as a whole."""
        await self._start(answer.status, headers, length)
        parts, more = [], True
        async for part in answer.parts():
            parts.append(part)
            more = not answer.is_whole  # what there is of an answer comes as one part
            await self._send({"type": "http.response.body", "body": part, "more_body": more})
        if more:
            await self._send({"type": "http.response.body", "body": b""})
        return KeptAnswer(answer.status, headers, parts)

    async def refuse(self, error: InvocationError) -> None:
        """Send an error as botocore parses it: code in the header, text in the body.

        Where an answer was begun, this raises the error instead: the server then hangs up, so that nobody takes half of
        it for all.
        """
        if self._is_answered:
            raise error
        body = error.body()
        headers = [(b"content-type", b"application/json"), (ERROR_HEADER, error.code.encode())]
        if error.retry_after is not None:
            headers.append((b"retry-after", error.retry_after.encode()))
        await self._start(error.status, headers, len(body))
        await self._send({"type": "http.response.body", "body": body})

    async def _start(self, status: int, headers: Headers, length: int) -> None:
        self._is_answered = True
        own = [(b"content-length", b"%d" % length), (REQUEST_ID_HEADER, str(uuid.uuid4()).encode())]
        await self._send({"type": "http.response.start", "status": status, "headers": [*headers, *own]})

    async def _gone(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
