"""Changes that are begun anew where another process wrote the row between reading and writing."""

from collections.abc import Callable
from typing import Final, TypeVar

from monitor_jobs.contract.errors import Conflict

ATTEMPTS: Final = 5  # a scheduler writes a row at its slots and its renewals, seconds apart: twice in a row is rare

Result = TypeVar("Result")


def begun_anew(change: Callable[[], Result]) -> Result:
    """What a change returns; it reads its row itself, and is called again where it raises Conflict.

    Raises Conflict where it does so five times. Proven by tests/integration/test_races.py.
    """
    for _ in range(ATTEMPTS - 1):
        try:
            return change()
        except Conflict:
            continue
    return change()
