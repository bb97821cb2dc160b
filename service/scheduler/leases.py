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

LEASE = timedelta(seconds=30)
RENEWAL_SECONDS = 5.0


class HeldExecution:
    """One execution's row while this scheduler holds it."""

    def __init__(self, table: Table[ExecutionRecord], record: ExecutionRecord, clock: Callable[[], datetime]) -> None:
        self._table = table
        self._record = record
        self._clock = clock
        self._lock = threading.Lock()
        self._lost = threading.Event()

    @property
    def record(self) -> ExecutionRecord:
        """The row as last saved."""
        return self._record

    @property
    def held(self) -> bool:
        """False once another scheduler has taken the row."""
        return not self._lost.is_set()

    def save(self, **changes: object) -> ExecutionRecord:
        """The row with its changes saved and its lease renewed. Raises Conflict once the row is another's."""
        now = self._clock()
        with self._lock:
            changed = replace(self._record, modified_at=now, lease_until=now + LEASE, **changes)  # type: ignore[arg-type]
            try:
                self._record = self._table.save(changed)
            except Conflict:
                self._lost.set()
                raise
            return self._record

    @contextmanager
    def kept(self) -> Iterator["HeldExecution"]:
        """Renews the lease in the background until the end of the block."""
        done = threading.Event()
        keeper = threading.Thread(target=self._keep, args=(done,), name=f"lease-{self._record.id}", daemon=True)
        keeper.start()
        try:
            yield self
        finally:
            done.set()
            keeper.join()

    def _keep(self, done: threading.Event) -> None:
        while not done.wait(RENEWAL_SECONDS):
            try:
                self.save()
            except Conflict:
                return


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
