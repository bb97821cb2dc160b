"""`POST /`: who sends a request, which API and operation it means, and the way through them in its protocol.

What lives here: the dispatcher, and what all protocols share of a request. What does not: the protocols themselves
(json_protocol, query_protocol), the operations (api.Api), how callers are told (access.authentication).
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final, Protocol

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from monitor_jobs.contract.errors import SextantError
from service.control.access.auditing import Call, notes_of
from service.control.access.authentication import Authenticator, Throttled, head_of
from service.control.access.enforcement import AccessDenied
from service.control.access.rules import may_change
from service.control.api import Api, ApiError, Json, Refusal, refusal_of
from service.control.content_encoding import unpacked
from service.control.json_protocol import JsonProtocol
from service.control.query_protocol import FORM, QueryProtocol
from service.core.signatures.errors import SignatureRefused
from service.logs import EventLog
from service.request_bodies import BodyRoom, BodyTooLong, RequestBodies, TooManyBodies

MAX_REQUEST_BYTES: Final = 1_048_576

log = EventLog(__name__)


class WireProtocol(Protocol):
    """How requests and answers look on the wire; `api` is None where a request could not be told to be of any."""

    def target(self, headers: Mapping[str, str], body: bytes, scope: str | None) -> tuple[Api, str]:
        """The API and the operation that a request means. Raises ApiError for one that is not served."""
        ...

    def parse(self, body: bytes, api: Api, operation: str) -> Json:
        """The members of a request. Raises BadInput."""
        ...

    def answer(self, content: Json, api: Api, operation: str) -> Response:
        """A success."""
        ...

    def refusal(self, refusal: Refusal, api: Api | None) -> Response:
        """An error as botocore parses it."""
        ...


def dispatcher(
    apis: Sequence[Api], authenticator: Authenticator, bodies: RequestBodies
) -> Callable[[Request], Awaitable[Response]]:
    """The HTTP route of all APIs."""
    as_json, as_query = JsonProtocol(apis), QueryProtocol(apis)

    async def dispatch(request: Request) -> Response:
        is_query = request.headers.get("content-type", "").startswith(FORM)
        protocol: WireProtocol = as_query if is_query else as_json
        call = notes_of(request.scope)
        try:
            with bodies.room() as room:
                return await answered(request, protocol, room, call)
        except SextantError as error:
            return _refused(protocol, error, call)

    async def answered(request: Request, protocol: WireProtocol, room: BodyRoom, call: Call) -> Response:
        claim = authenticator.claim(head_of(request.scope))
        call.claimed = claim.principal
        sent = await read_body(request, room)
        call.proven = authenticator.prove(claim, sent)
        body = unpacked(sent, request.headers.get("content-encoding", ""), limit=MAX_REQUEST_BYTES)
        api, operation = protocol.target(request.headers, body, claim.service)
        call.operation = f"{api.service}:{operation}"
        authenticator.require_service(claim, api.signing_name)
        if may_change(call.proven, call.operation):  # others are denied, and fill no memory of what was used
            authenticator.use_once(claim)
        return await run_in_threadpool(_answered, protocol, api, operation, body, call)

    return dispatch


async def read_body(request: Request, room: BodyRoom) -> bytes:
    """The request's body as it was sent; at most 1 MiB. Raises ApiError beyond that."""
    try:
        return await room.read(request.scope, request.receive, limit=MAX_REQUEST_BYTES)
    except BodyTooLong as error:
        raise _too_long() from error


def _answered(protocol: WireProtocol, api: Api, operation: str, body: bytes, call: Call) -> Response:
    call.admitted = True
    try:
        call.request = protocol.parse(body, api, operation)
        return protocol.answer(api.call(operation, call.request, call.caller), api, operation)
    except SextantError as error:
        refusal = api.refusal(error)
        call.error, call.refused = refusal.code, isinstance(error, AccessDenied)
        return protocol.refusal(refusal, api)
    except Exception as error:  # noqa: BLE001 -- logged with its traceback
        log.error("operation_failed", service=api.service, operation=operation, cause=error)
        call.error = "InternalFailure"
        return protocol.refusal(Refusal(call.error, f"{operation} failed: see the control log", 500), api)


def _refused(protocol: WireProtocol, error: SextantError, call: Call) -> Response:
    """The answer to a request that no operation saw."""
    if isinstance(error, SignatureRefused):
        # Nobody is refused who is only told to sign anew, or to wait.
        call.error, call.refused = error.code, error.status < 500 and not isinstance(error, Throttled)
        refusal = Refusal(error.code, str(error), error.status, error.query_code)
    elif isinstance(error, TooManyBodies):
        refusal = Refusal("ServiceUnavailable", str(error), 503)
    else:
        refusal = refusal_of(error) if isinstance(error, ApiError) else Refusal(ApiError.code, str(error))
    answer = protocol.refusal(refusal, None)
    if isinstance(error, Throttled | TooManyBodies):
        answer.headers["retry-after"] = error.retry_after
    return answer


def _too_long() -> ApiError:
    return ApiError(f"Request body is longer than {MAX_REQUEST_BYTES} bytes")
