"""The one way in which tests wait: ask again until the answer counts, or fail saying what never came."""

import time
from collections.abc import Callable
from typing import TypeVar

POLL_SECONDS = 0.02
T = TypeVar("T")


def wait_until(predicate: Callable[[], T], *, timeout_seconds: float, what: str) -> T:
    """The first truthy answer of the predicate. Raises AssertionError, naming `what`, when the time is up."""
    deadline = time.monotonic() + timeout_seconds
    while not (value := predicate()):
        assert time.monotonic() < deadline, f"waited {timeout_seconds} s for {what}; last answer: {value!r}"
        time.sleep(POLL_SECONDS)
    return value
