"""Token buckets: how often somebody may do something, decided from one number a name.

What lives here: the decision. What does not: clocks, who is asked about (control.rate_limiting), HTTP.

A bucket of `burst` tokens that gains `per_second` is known by the moment at which it will be full again: a token that
is taken moves this moment on by 1 / per_second, and none is left where it lies burst / per_second ahead. (The generic
cell rate algorithm in its virtual scheduling form: ATM Forum, Traffic Management 4.1, section 4.4.2.)
"""

from dataclasses import dataclass
from typing import Final

MOST_NAMES: Final = 10_000
SWEEP_SECONDS: Final = 1.0
ROUNDING_SECONDS: Final = 1e-6
STRANGERS: Final = ""  # all the names that there is no more room for


@dataclass(frozen=True, slots=True)
class Rate:
    """So many a second in the long run, and so many at once."""

    per_second: float
    burst: float


class TokenBuckets:
    """One bucket a name, full at first; never more than burst + per_second x t in any t seconds.

    At most `most_names` are remembered: full ones are forgotten, which changes nothing, and where all are in use the
    names that come new share one bucket. A clock that goes back is taken to stand still. Not thread safe. Proven by
    tests/unit/test_rate_limit.py.
    """

    def __init__(self, rate: Rate, *, most_names: int = MOST_NAMES) -> None:
        self._seconds_a_token = 1 / rate.per_second
        self._burst_seconds = rate.burst / rate.per_second + ROUNDING_SECONDS
        self._most_names = most_names
        self._full_at: dict[str, float] = {}
        self._now = float("-inf")
        self._swept_at = float("-inf")

    def take(self, name: str, now: float) -> float | None:
        """None where a token was taken, else the seconds until there is one. `now` in seconds of any clock."""
        # Comparisons instead of max(): this stands before every request.
        if now < self._now:
            now = self._now
        self._now = now
        full_at = self._full_at.get(name)
        if full_at is None:
            name = self._place(name, now)
            full_at = self._full_at.get(name, now)
        full_at = max(now, full_at) + self._seconds_a_token
        wait = full_at - now - self._burst_seconds
        if wait > 0:
            return wait
        self._full_at[name] = full_at
        return None

    def wait(self, name: str, now: float) -> float | None:
        """What `take` would return, without taking."""
        full_at = self._full_at.get(name)
        if full_at is None:
            return None
        wait = full_at + self._seconds_a_token - max(now, self._now) - self._burst_seconds
        return wait if wait > 0 else None

    def __len__(self) -> int:
        return len(self._full_at)

    def _place(self, name: str, now: float) -> str:
        if len(self._full_at) < self._most_names:
            return name
        if now - self._swept_at >= SWEEP_SECONDS:
            self._swept_at = now
            self._full_at = {known: full_at for known, full_at in self._full_at.items() if full_at > now}
        return name if len(self._full_at) < self._most_names else STRANGERS
