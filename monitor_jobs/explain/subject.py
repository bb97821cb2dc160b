"""A request that is to be explained, wherever it was kept."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from monitor_jobs.explain.explaining import Explained


@dataclass(frozen=True, slots=True)
class Subject:
    """One request. `explain` gives each of its inputs, and what that was answered then, None where nobody knows.

    It raises SextantError where there is nothing to be had.
    """

    event_id: str
    inference_id: str | None
    explain: Callable[[], Iterable[tuple[Explained, str | None]]]
