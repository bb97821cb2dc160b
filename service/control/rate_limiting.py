"""How often a key and an address may ask, and the answer to who asks too often, in the words of the API that was asked.

What lives here: the three limits, and the middleware that holds addresses to theirs before anybody is authenticated.
What does not: the arithmetic (core.rate_limit), who a caller is.

AWS answers 400 ThrottlingException, `Throttling` in the query protocol; clients wait and try again after either.
"""

import ipaddress
import math
import time
from collections.abc import Callable
from functools import lru_cache
from typing import Final

from starlette.datastructures import Headers
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from service.control.api import Refusal
from service.control.gateway.errors import ERROR_HEADER, ThrottlingException
from service.control.gateway.invocations import PREFIX
from service.control.json_protocol import JsonProtocol
from service.control.protocol import FORM
from service.control.query_protocol import QueryProtocol
from service.core.rate_limit import Rate, TokenBuckets
from service.local_only import is_loopback
from service.settings import Settings

BURST_SECONDS: Final = 2.0  # worth of requests may come at once
FAILURES_AT_ONCE: Final = 20  # a script with an old key is found out by its owner sooner
TOO_MANY_REQUESTS: Final = 429
IPV6_SITE: Final = 64  # bits of an address that its owner does not choose


class RateLimits:
    """Asked once a request by one thread; every answer is None, or the seconds after which to try again."""

    def __init__(self, settings: Settings, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._addresses = _buckets(settings.requests_per_second_per_address)
        self._keys = _buckets(settings.requests_per_second_per_key)
        per_minute = settings.failed_keys_per_minute
        self._failures = TokenBuckets(Rate(per_minute / 60, FAILURES_AT_ONCE)) if per_minute else None

    def admit_address(self, address: str) -> float | None:
        """For each request before it is authenticated.

        An address that failed too often waits as well, be its next key the right one. This machine's own does not:
        everybody here has it, and a script with an old key would lock out all others.
        """
        now, name = self._clock(), _site(address) if ":" in address else address
        if self._failures is not None:
            wait = self._failures.wait(name, now)
            if wait is not None and not is_loopback(address):
                return wait
        return self._addresses.take(name, now) if self._addresses is not None else None

    def admit_key(self, key_id: str) -> float | None:
        """For each request once it is authenticated."""
        return self._keys.take(key_id, self._clock()) if self._keys is not None else None

    def failed(self, address: str) -> float | None:
        """For each request that cannot be authenticated; where this is no None, answer `throttled` instead of why."""
        name = _site(address) if ":" in address else address
        return self._failures.take(name, self._clock()) if self._failures is not None else None


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


def address_of(scope: Scope) -> str:
    """The caller's address; none has one that came over a socket with no address."""
    client = scope.get("client")
    return client[0] if client else ""


def throttled(scope: Scope, wait_seconds: float) -> Response:
    """The answer to a request that came too soon, as the API that it asks words it; Retry-After in whole seconds."""
    seconds = max(1, math.ceil(wait_seconds))
    response = _refusal(scope, f"Rate exceeded: try again in {seconds} s.")
    response.headers["retry-after"] = str(seconds)
    return response


def _refusal(scope: Scope, sentence: str) -> Response:
    error = ThrottlingException(sentence)
    if scope["path"].startswith(PREFIX):
        return Response(error.body(), error.status, {ERROR_HEADER.decode(): error.code}, "application/json")
    if scope["path"] != "/":
        return JSONResponse({"error": sentence}, TOO_MANY_REQUESTS)
    if Headers(scope=scope).get("content-type", "").startswith(FORM):
        return QueryProtocol(()).refusal(Refusal("Throttling", sentence), None)
    return JsonProtocol(()).refusal(Refusal(error.code, sentence), None)


def _buckets(per_second: float) -> TokenBuckets | None:
    return TokenBuckets(Rate(per_second, max(1.0, per_second * BURST_SECONDS))) if per_second else None


@lru_cache(maxsize=1024)
def _site(address: str) -> str:
    """What stands for an IPv6 address: one caller has as many of them as it likes."""
    try:
        return str(ipaddress.ip_network(f"{address.partition('%')[0]}/{IPV6_SITE}", strict=False))
    except ValueError:
        return address
