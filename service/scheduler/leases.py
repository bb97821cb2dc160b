"""An execution held by one scheduler: renewed while it works, lost when another took it over.

The lease is a fence: every write goes through the row's version, so that a scheduler that was paused beyond its lease
cannot publish a state over its successor's.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta

from monitor_jobs.contract.errors import Conflict
from service.core.ports import Table
from service.core.records import ExecutionRecord
from service.logs import EventLog

LEASE = timedelta(seconds=30)
RENEWAL_SECONDS = 5.0

log = EventLog(__name__)


class HeldExecution:
    """One execution's row while this scheduler holds it."""

    def __init__(self, table: Table[ExecutionRecord], record: ExecutionRecord, clock: Callable[[], datetime]) -> None:
        self._table = table
        self._record = record
        self._clock = clock
        self._lock = threading.Lock()

    @property
    def record(self) -> ExecutionRecord:
        """The row as last saved."""
        return self._record

    def is_held(self) -> bool:
        """False once another scheduler has taken the row; asks the database."""
        current = self._table.get(self._record.id)
        return current is not None and current.lease_owner == self._record.lease_owner

    def save(self, **changes: object) -> ExecutionRecord:
        """The row with its changes saved and its lease renewed. Raises Conflict once the row is another's."""
        with self._lock:
            now = self._clock()
            changed = replace(self._record, modified_at=now, lease_until=now + LEASE, **changes)  # type: ignore[arg-type]
            self._record = self._table.save(changed)
            return self._record


def claim(
    table: Table[ExecutionRecord],
    record: ExecutionRecord,
    *,
    owner: str,
    clock: Callable[[], datetime],
    **changes: object,
) -> HeldExecution | None:
    """The execution, held by `owner`; None where another was first."""
    held = HeldExecution(table, record, clock)
    try:
        held.save(lease_owner=owner, **changes)
    except Conflict:
        return None
    return held


def lapsed(lease_until: datetime | None, now: datetime) -> bool:
    """True where whoever held a row has let its lease run out.

    A lease that ends far ahead was given before the clock was set back, and proves nothing.
    """
    return lease_until is None or not now <= lease_until <= now + 2 * LEASE


@contextmanager
def renewing(renew: Callable[[], object], *, every_seconds: float = RENEWAL_SECONDS) -> Iterator[None]:
    """Calls `renew` in the background until the end of the block, or until it raises Conflict."""
    done = threading.Event()
    keeper = threading.Thread(target=_keep, args=(renew, done, every_seconds), name="lease", daemon=True)
    keeper.start()
    try:
        yield
    finally:
        done.set()
        keeper.join()


def _keep(renew: Callable[[], object], done: threading.Event, every_seconds: float) -> None:
    while not done.wait(every_seconds):
        try:
            renew()
        except Conflict:
            return
        except Exception as error:  # noqa: BLE001 -- a database that is away for a moment must not cost the lease
            log.warning("lease_not_renewed", error=str(error))
