"""Addresses held to their rate before anybody is authenticated, and the answer in the words of the API that was asked.

What does not live here: the limits (access.rate_limits), and those of keys, which are held once a caller is known
(access.authentication). AWS answers 400 ThrottlingException, `Throttling` in the query protocol; clients wait and try
again after either.
"""

from typing import Final

from starlette.datastructures import Headers
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from service.control.access.authentication import Throttled, address_of
from service.control.access.rate_limits import RateLimits
from service.control.api import Refusal
from service.control.gateway.errors import ERROR_HEADER, ThrottlingException
from service.control.gateway.invocations import PREFIX
from service.control.json_protocol import JsonProtocol
from service.control.query_protocol import FORM, QueryProtocol

TOO_MANY_REQUESTS: Final = 429


class AddressesLimited:
    """ASGI middleware: answers who asks too often, by address."""

    def __init__(self, app: ASGIApp, limits: RateLimits) -> None:
        self._app = app
        self._limits = limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it."""
        if scope["type"] == "http":
            wait = self._limits.admit_address(address_of(scope))
            if wait is not None:
                await throttled(scope, wait)(scope, receive, send)
                return
        await self._app(scope, receive, send)


def throttled(scope: Scope, wait_seconds: float) -> Response:
    """The answer to a request that came too soon, as the API that it asks words it; Retry-After in whole seconds."""
    error = Throttled(wait_seconds)
    response = _refusal(scope, error)
    response.headers["retry-after"] = error.retry_after
    return response


def _refusal(scope: Scope, error: Throttled) -> Response:
    if scope["path"].startswith(PREFIX):
        runtime = ThrottlingException(error)
        headers = {ERROR_HEADER.decode(): runtime.code}
        return Response(runtime.body(), runtime.status, headers, "application/json")
    if scope["path"] != "/":
        return JSONResponse({"detail": str(error)}, TOO_MANY_REQUESTS)
    refusal = Refusal(error.code, str(error), error.status, error.query_code)
    if Headers(scope=scope).get("content-type", "").startswith(FORM):
        return QueryProtocol(()).refusal(refusal, None)
    return JsonProtocol(()).refusal(refusal, None)
