"""How often a key and an address may ask, and an address be wrong about its key.

What lives here: the three limits. What does not: the arithmetic (core.rate_limit), who a caller is (authentication),
what is answered to who asks too often (throttling, and each protocol).
"""

import ipaddress
import time
from collections.abc import Callable
from functools import lru_cache
from typing import Final

from service.core.rate_limit import Rate, TokenBuckets
from service.local_only import is_loopback
from service.settings import Settings

BURST_SECONDS: Final = 2.0  # worth of requests may come at once
FAILURES_AT_ONCE: Final = 20  # a script with an old key is found out by its owner sooner
IPV6_SITE: Final = 64  # bits of an address that its owner does not choose


class RateLimits:
    """Asked once a request by one thread; every answer is None, or the seconds after which to try again."""

    def __init__(self, settings: Settings, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        # Behind a proxy everybody has its address: there it is for the proxy to count.
        self._addresses = None if settings.behind_proxy else _buckets(settings.requests_per_second_per_address)
        self._keys = _buckets(settings.requests_per_second_per_key)
        per_minute = 0 if settings.behind_proxy else settings.failed_keys_per_minute
        self._failures = TokenBuckets(Rate(per_minute / 60, FAILURES_AT_ONCE)) if per_minute else None

    def admit_address(self, address: str) -> float | None:
        """For each request before it is authenticated.

        An address that failed too often waits as well, be its next key the right one. This machine's own does not:
        everybody here has it, and a script with an old key would lock out all others.
        """
        now, name = self._clock(), _caller_at(address)
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
        return self._failures.take(_caller_at(address), self._clock()) if self._failures is not None else None


def _buckets(per_second: float) -> TokenBuckets | None:
    return TokenBuckets(Rate(per_second, max(1.0, per_second * BURST_SECONDS))) if per_second else None


def _caller_at(address: str) -> str:
    return _site(address) if ":" in address else address


@lru_cache(maxsize=1024)
def _site(address: str) -> str:
    """What stands for an IPv6 address: one caller has as many of them as it likes."""
    try:
        return str(ipaddress.ip_network(f"{address.partition('%')[0]}/{IPV6_SITE}", strict=False))
    except ValueError:
        return address
