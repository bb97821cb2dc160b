"""`POST /`: who sends a request, which API and operation it means, and the way through them in its protocol.

What lives here: the dispatcher, and what all protocols share of a request. What does not: the protocols themselves
(json_protocol, query_protocol), the operations (api.Api), how callers are told (access.authentication).
"""

import re
import zlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final, Protocol

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from monitor_jobs.contract.errors import SextantError
from service.control.access.authentication import Authenticator, head_of
from service.control.access.rules import changes
from service.control.api import Api, ApiError, Json, Refusal, refusal_of
from service.control.json_protocol import JsonProtocol
from service.control.query_protocol import QueryProtocol
from service.core.access import Principal
from service.core.signatures.errors import SignatureRefused
from service.logs import EventLog

MAX_REQUEST_BYTES: Final = 1_048_576
FORM: Final = "application/x-www-form-urlencoded"
SCOPE: Final = re.compile(r"Credential=[^/,\s]+/\d{8}/[^/,\s]+/([^/,\s]+)/aws4_request")

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


def dispatcher(apis: Sequence[Api], authenticator: Authenticator) -> Callable[[Request], Awaitable[Response]]:
    """The HTTP route of all APIs."""
    as_json, as_query = JsonProtocol(apis), QueryProtocol(apis)

    async def dispatch(request: Request) -> Response:
        is_query = request.headers.get("content-type", "").startswith(FORM)
        protocol: WireProtocol = as_query if is_query else as_json
        try:
            head = head_of(request.scope)
            claim = authenticator.claim(head)
            sent = await read_body(request)
            caller = authenticator.prove(claim, sent)
            body = unpacked(sent, request.headers)
            api, operation = protocol.target(request.headers, body, claim.service)
            authenticator.require_service(claim, api.signing_name)
            if changes(f"{api.service}:{operation}"):
                authenticator.use_once(claim)
        except SignatureRefused as error:
            return protocol.refusal(Refusal(error.code, str(error), error.status, error.query_code), None)
        except ApiError as error:
            return protocol.refusal(refusal_of(error), None)
        except SextantError as error:
            return protocol.refusal(Refusal(ApiError.code, str(error)), None)
        return await run_in_threadpool(_answered, protocol, api, operation, body, caller)

    return dispatch


async def read_body(request: Request) -> bytes:
    """The request's body as it was sent; at most 1 MiB. Raises ApiError beyond that."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_REQUEST_BYTES:
            raise _too_long()
    return bytes(body)


def unpacked(body: bytes, headers: Mapping[str, str]) -> bytes:
    """A body as its client wrote it, unpacked where it is gzip. Raises ApiError beyond 1 MiB, or for no gzip."""
    if headers.get("content-encoding", "").lower() != "gzip":
        return body
    unpacking = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
    try:
        # One byte more than may be: who packs a gigabyte into a megabyte must not have it unpacked.
        whole = unpacking.decompress(body, MAX_REQUEST_BYTES + 1)
    except zlib.error as error:
        raise ApiError(f"Request body is no gzip: {error}") from error
    if len(whole) > MAX_REQUEST_BYTES:
        raise _too_long()
    return whole


def signing_name(headers: Mapping[str, str]) -> str | None:
    """The service in the scope of a SigV4 signature; None where a request has none."""
    found = SCOPE.search(headers.get("authorization", ""))
    return found[1] if found else None


def _answered(protocol: WireProtocol, api: Api, operation: str, body: bytes, caller: Principal) -> Response:
    try:
        return protocol.answer(api.call(operation, protocol.parse(body, api, operation), caller), api, operation)
    except SextantError as error:
        return protocol.refusal(api.refusal(error), api)
    except Exception as error:  # noqa: BLE001 -- logged with its traceback
        log.error("operation_failed", service=api.service, operation=operation, cause=error)
        return protocol.refusal(Refusal("InternalFailure", f"{operation} failed: see the control log", 500), api)


def _too_long() -> ApiError:
    return ApiError(f"Request body is longer than {MAX_REQUEST_BYTES} bytes")
