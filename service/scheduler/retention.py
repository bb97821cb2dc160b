"""Removing what was kept long enough, a bounded piece at a time.

What lives here: how much is done at a time, and what is logged of it. What does not: what is removed
(monitor_jobs.retention).
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Final

from monitor_jobs.contract.errors import StoreUnavailable
from monitor_jobs.contract.retention import RetentionRule
from monitor_jobs.object_store import ObjectStore
from monitor_jobs.retention import Expired, sweep
from service.logs import EventLog

log = EventLog(__name__)

RETENTION_EVERY: Final = timedelta(seconds=30)
LOOKED_AT: Final = 10_000  # objects a time: ten pages of a listing
REMOVED: Final = 1_000
PASS_EVERY: Final = timedelta(minutes=10)  # captures grow too old by the hour


class Retention:
    """One pass after the other through all that rules list; a pass is gone on with where it was left."""

    def __init__(
        self,
        *,
        store: ObjectStore,
        rules: Sequence[RetentionRule],
        clock: Callable[[], datetime],
        removed_at_a_time: int = REMOVED,
    ) -> None:
        self._store = store
        self._rules = rules
        self._clock = clock
        self._removed_at_a_time = removed_at_a_time
        self._pass: Iterator[Expired | None] | None = None
        self._begun_at: datetime | None = None

    def go_on(self) -> None:
        """Look at some objects more, and remove those of them that were kept long enough."""
        now = self._clock()
        if self._pass is None:
            if self._begun_at is not None and timedelta(0) <= now - self._begun_at < PASS_EVERY:
                return
            self._pass, self._begun_at = sweep(self._store, self._rules, now), now
        try:
            self._take(self._pass)
        except StoreUnavailable as error:
            self._pass = None  # a listing that broke off is begun anew
            log.warning("retention_waits", error=str(error))

    def _take(self, steps: Iterator[Expired | None]) -> None:
        removed: dict[RetentionRule, int] = {}
        for looked_at, step in enumerate(steps, 1):
            if step is not None:
                removed[step.rule] = removed.get(step.rule, 0) + 1
            if looked_at >= LOOKED_AT or sum(removed.values()) >= self._removed_at_a_time:
                break
        else:
            self._pass = None
        for rule, objects in removed.items():
            log.info(
                "objects_removed", prefix=rule.prefix, objects=objects, keep_hours=rule.keep.total_seconds() / 3600
            )
