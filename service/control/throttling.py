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
from service.control.gateway.caller import Caller
from service.control.gateway.errors import ThrottlingException
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
                await _refuse(scope, receive, send, Throttled(wait))
                return
        await self._app(scope, receive, send)


async def _refuse(scope: Scope, receive: Receive, send: Send, error: Throttled) -> None:
    """Answer a request that came too soon, as the API that it asks words it; Retry-After in whole seconds."""
    if scope["path"].startswith(PREFIX):
        await Caller(scope, receive, send).refuse(ThrottlingException(error))
        return
    response = _refusal(scope, error)
    response.headers["retry-after"] = error.retry_after
    await response(scope, receive, send)


def _refusal(scope: Scope, error: Throttled) -> Response:
    if scope["path"] != "/" or scope["method"] != "POST":
        return JSONResponse({"detail": str(error)}, TOO_MANY_REQUESTS)
    refusal = Refusal(error.code, str(error), error.status, error.query_code)
    if Headers(scope=scope).get("content-type", "").startswith(FORM):
        return QueryProtocol(()).refusal(refusal, None)
    return JsonProtocol(()).refusal(refusal, None)
