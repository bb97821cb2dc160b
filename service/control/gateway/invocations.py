"""One invocation's way: checked, forwarded to a process of its endpoint, its answer or an error of AWS's table back.

Plain ASGI, in front of the framework that serves the other pages: that alone costs as much as all of this.

An endpoint's process may be replaced at any moment. An address is therefore used soon after it was read, while what is
there still answers (core.handover), and what could not be connected to is looked for once more: nothing was sent yet.
A request that may have reached a model is never sent again by the gateway; where its client does so, it is given the
answer that it did not get (recent_answers).
"""

import random
from dataclasses import dataclass
from typing import Final

from starlette.types import Receive, Scope, Send

from service.control.access.authentication import Claim
from service.control.gateway.caller import Caller
from service.control.gateway.connections import Answer, BrokenOffError, Connections, NotConnectedError, TooLateError
from service.control.gateway.errors import (
    MESSAGE_MAX_CHARACTERS,
    NO_STATUS,
    InvocationError,
    ModelError,
    Origin,
    ServiceUnavailable,
    UnknownOperationException,
    ValidationError,
)
from service.control.gateway.gate import Gate
from service.control.gateway.members import Invocation, read_members, returned_headers
from service.control.gateway.recent_answers import KeptAnswer, RecentAnswers, call_of
from service.control.gateway.routes import Routes, drawn
from service.core.variants import Variant
from service.logs import EventLog
from service.request_bodies import CallerGone, RequestBodies
from service.settings import Settings

PREFIX: Final = "/endpoints/"
OPERATION: Final = "invocations"
NOT_SERVED: Final = ("async-invocations", "invocations-response-stream")
MODEL_SECONDS: Final = 62.0  # the process gives its model up after 60 s, and says so
VARIANT_HEADER: Final = b"x-amzn-invoked-production-variant"
ERROR_BYTES: Final = 65_536  # of a model's error that are read; of which the first characters are told

log = EventLog(__name__)


@dataclass(frozen=True, slots=True)
class _Request:
    """An invocation that was read and may be forwarded."""

    endpoint: str
    members: Invocation
    body: bytes
    caller: Caller


class Invocations:
    """The ASGI endpoint below /endpoints/."""

    def __init__(
        self,
        gate: Gate,
        settings: Settings,
        bodies: RequestBodies,
        *,
        endpoint_token: str,
        generator: random.Random,
    ) -> None:
        self._gate = gate
        self._routes = Routes(gate.here.database, account=settings.account)
        self._authorization = b"authorization: Bearer " + endpoint_token.encode()
        self._connections = Connections()
        self._recent = RecentAnswers()
        self._generator = generator
        self._limit = settings.max_body_bytes
        self._bodies = bodies
        self._log_group = f"arn:aws:logs:{settings.region}:{settings.account}:log-group:/aws/sagemaker/Endpoints"

    def close(self) -> None:
        """End the connections to processes."""
        self._connections.close()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        caller = Caller(scope, receive, send)
        try:
            await self._invoke(_endpoint_of(scope), self._gate.claim(scope), caller)
        except CallerGone:
            return
        except InvocationError as error:
            await caller.refuse(error)
        except Exception as error:  # noqa: BLE001 -- logged with its traceback
            log.fault("invocation_failed", path=scope["path"], cause=error)
            await caller.refuse(InvocationError("The invocation failed: see the control log."))

    async def _invoke(self, endpoint: str, claim: Claim, caller: Caller) -> None:
        with self._bodies.room() as room:
            body = await caller.body(room, limit=self._limit)
            user = self._gate.admit(claim, body, endpoint).user
            await self._answer_once(_Request(endpoint, read_members(endpoint, caller.headers), body, caller), user)

    async def _answer_once(self, request: _Request, user: str) -> None:
        call = call_of(user, request.endpoint, request.caller.headers, len(request.body))
        if call is None:
            await self._answer(request)
        elif kept := self._recent.find(call):
            await request.caller.give(kept)
        else:
            self._recent.keep(call, await self._answer(request))

    async def _answer(self, request: _Request) -> KeptAnswer:
        target = request.members.target_variant
        variant = drawn(await self._routes.of(request.endpoint), target, self._generator)
        try:
            return await self._forward(request, variant)
        except NotConnectedError:
            variant = drawn(await self._routes.read(request.endpoint), target, self._generator)
        try:
            return await self._forward(request, variant)
        except NotConnectedError as error:
            raise ServiceUnavailable(f"Endpoint process does not answer: {error}") from error

    async def _forward(self, request: _Request, variant: Variant) -> KeptAnswer:
        async with self._connections.to(variant.address) as connection:
            answer = connection.ask(self._on_the_wire(request, variant), within_seconds=MODEL_SECONDS)
            try:
                with request.caller.hanging_up(connection.close):
                    await answer.head()
                # From here on the process has captured it: read to its end even where nobody waits any more.
                await self._check(answer, request, variant)
                return await self._pass_on(answer, request, variant)
            except BrokenOffError as error:
                raise ServiceUnavailable(f"Endpoint process does not answer: {error}") from error
            except TooLateError as error:
                raise self._model_error(request, variant, NO_STATUS, f"The model gave {error}.") from error

    async def _check(self, answer: Answer, request: _Request, variant: Variant) -> None:
        if answer.status == ServiceUnavailable.status:
            raise ServiceUnavailable(_text(await _read(answer, limit=ERROR_BYTES)))
        if not 200 <= answer.status < 300:
            message = _text(await _read(answer, limit=ERROR_BYTES))
            raise self._model_error(request, variant, answer.status, message)

    async def _pass_on(self, answer: Answer, request: _Request, variant: Variant) -> KeptAnswer:
        headers = [(VARIANT_HEADER, variant.name.encode()), *returned_headers(answer.headers, request.members)]
        if answer.length is not None and answer.length <= self._limit:
            return await request.caller.stream(answer, headers, length=answer.length)
        # While nothing was sent, an answer that turns out too long can still become an error.
        body = await _read(answer, limit=self._limit)
        if len(body) > self._limit:
            reason = f"The answer is longer than {self._limit} bytes."
            raise self._model_error(request, variant, NO_STATUS, reason)
        kept = KeptAnswer(answer.status, headers, [body])
        await request.caller.give(kept)
        return kept

    def _on_the_wire(self, request: _Request, variant: Variant) -> tuple[bytes, bytes]:
        host = variant.address.removeprefix("http://").encode()
        lines = [b"POST /invocations HTTP/1.1", b"host: " + host, b"content-length: %d" % len(request.body)]
        lines += [self._authorization, *(name + b": " + value for name, value in request.members.forwarded.items())]
        return b"\r\n".join([*lines, b"", b""]), request.body

    def _model_error(self, request: _Request, variant: Variant, status: int, message: str) -> ModelError:
        return ModelError(variant.name, Origin(status, message, f"{self._log_group}/{request.endpoint}"))


def _endpoint_of(scope: Scope) -> str:
    endpoint, _, operation = scope["path"].removeprefix(PREFIX).partition("/")
    if operation in NOT_SERVED:
        raise ValidationError(f"{operation} is not served: send the request to {PREFIX}{endpoint}/{OPERATION}.")
    if operation != OPERATION or scope["method"] != "POST":
        raise UnknownOperationException(f"{scope['method']} {scope['path']} is no operation of the runtime API.")
    return str(endpoint)


async def _read(answer: Answer, *, limit: int) -> bytes:
    """The body, or so much of it that it is longer than the limit."""
    parts, size = [], 0
    async for part in answer.parts():
        parts.append(part)
        size += len(part)
        if size > limit:
            break
    return b"".join(parts)


def _text(body: bytes) -> str:
    return body.decode(errors="replace")[:MESSAGE_MAX_CHARACTERS]
