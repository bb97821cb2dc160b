"""The one way in which tests wait: ask again until the answer counts, or fail saying what never came."""

import time
from collections.abc import Callable
from typing import TypeVar

# Who has waited long can wait a little longer: fifty questions a second would take the time of those who are asked.
SHORTEST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.02, 0.5
PAUSE_SHARE = 0.1
T = TypeVar("T")


def wait_until(predicate: Callable[[], T], *, timeout_seconds: float, what: str) -> T:
    """The first truthy answer of the predicate. Raises AssertionError, naming `what`, when the time is up."""
    start = time.monotonic()
    while not (value := predicate()):
        waited = time.monotonic() - start
        assert waited < timeout_seconds, f"waited {timeout_seconds} s for {what}; last answer: {value!r}"
        time.sleep(min(max(waited * PAUSE_SHARE, SHORTEST_PAUSE_SECONDS), LONGEST_PAUSE_SECONDS))
    return value
