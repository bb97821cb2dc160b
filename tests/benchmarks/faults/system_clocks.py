"""Capture while its clock is set: hours and days, back and on, across full hours, and by a little.

What lives here: a capture with a clock of its own, endpoint processes whose system clock is faked, and what both leave
in the store. What does not: faking (tests.servers.system_faults), the goals (tests.benchmarks.faults.system).
"""

import random
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import accumulate, count
from pathlib import Path

from monitor_jobs.object_store.folder import FolderStore
from service.endpoint import capture as capture_module
from service.endpoint.accounting import Ledger, Ticket
from service.endpoint.capture import Capture, start_capture
from tests.benchmarks.faults.system_account import stored_ids
from tests.integration.capture_spool import exchange_of, spec_of
from tests.integration.capture_times import Watch, findings_in, misplaced_in
from tests.servers.fault_endpoints import endpoint_of_another_time, furnish
from tests.servers.fault_load import load_on
from tests.wait import wait_until

PATIENCE = 30
FLUSH_SECONDS = 0.2
JUMPS_OF_A_LIFE = 3
BEFORE_THE_HOUR = datetime(2026, 11, 20, 11, 59, 59, tzinfo=UTC)
AN_HOUR, A_DAY = 3600.0, 86400.0
_STARTING = threading.Lock()
SCRIPT = (0, -AN_HOUR, AN_HOUR, AN_HOUR, -AN_HOUR, A_DAY, -A_DAY, 0.3, -0.3, -2, 2, -0.05, 0.05, -A_DAY, A_DAY)


@dataclass(frozen=True)
class Timing:
    """What so many jumps came to; everything but the first two is to be 0."""

    records: int
    jumps: int
    lost: int
    duplicates: int
    misplaced: int  # records whose inferenceTime is not in the hour of their key
    late: int  # records that came into the store before a watermark that had passed them
    gone_back: int  # watermarks
    findings: int  # of capture verify

    def __str__(self) -> str:
        return f"{self.records} records, {self.jumps} jumps"

    @property
    def wrong(self) -> int:
        """All that is not right about times."""
        return self.misplaced + self.late + self.gone_back + self.findings


class JumpingClock:
    """Real time since BEFORE_THE_HOUR, and what it was set on or back by."""

    def __init__(self) -> None:
        self._started = time.monotonic()
        self.set_by = 0.0

    def __call__(self) -> datetime:
        return BEFORE_THE_HOUR + timedelta(seconds=time.monotonic() - self._started + self.set_by)


class CarelessLedger(Ledger):
    """What a ledger must not be: it gives out times that it has promised to be over, and takes promises back."""

    def admit(self, moment: datetime, size_bytes: int) -> Ticket | None:
        self._promised = datetime.min.replace(tzinfo=UTC)
        return super().admit(moment, size_bytes)


@contextmanager
def captured_with(ledger: type[Ledger]) -> Iterator[None]:
    """Captures that are started meanwhile have such a ledger; one thread at a time, or another would have it too."""
    with _STARTING:
        real, capture_module.Ledger = capture_module.Ledger, ledger
        try:
            yield
        finally:
            capture_module.Ledger = real


def jumping(folder: Path, script: Iterable[float], each_seconds: float, ledger: type[Ledger] = Ledger) -> Timing:
    """A capture under load whose clock jumps; it goes on to deliver after every jump."""
    store, clock, offered = FolderStore(folder / "data"), JumpingClock(), count()
    spec = spec_of(folder, flush_seconds=FLUSH_SECONDS)
    with captured_with(ledger):
        capture = start_capture(spec, store, clock=clock, generator=random.Random(1))
    watch, set_by = Watch(store), list(accumulate(script))
    for clock.set_by in set_by:
        offer_for(capture, clock, offered, each_seconds)
        wait_until(lambda: not capture.snapshot().backlog_records, timeout_seconds=PATIENCE, what="what was offered")
        watch.look()
    offer_for(capture, clock, offered, 0.01)
    capture.close()
    watch.look()
    return timing_of(store, watch, len(set_by), expected={f"i-{number}" for number in range(next(offered))})


def offer_for(capture: Capture, clock: JumpingClock, numbers: Iterator[int], seconds: float) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        capture.offer(exchange_of(f"i-{next(numbers)}", at=clock()))
        time.sleep(0.002)
    assert capture.wait_until_written(PATIENCE)


def faked(folder: Path, script: Iterable[float], each_seconds: float) -> Timing:
    """Endpoint processes whose system clock jumps under load; after every third jump comes a kill -9, then an heir."""
    furnish(folder, flush_interval_seconds=FLUSH_SECONDS)
    store = FolderStore(folder / "data")
    watch, loads, set_by = Watch(store), [], list(accumulate(script))
    for life in range(0, len(set_by), JUMPS_OF_A_LIFE):
        with endpoint_of_another_time(folder) as living, load_on(living.port) as load:
            loads.append(load)
            for seconds in set_by[life : life + JUMPS_OF_A_LIFE]:
                (folder / "clock").write_text(f"{seconds:+f}")
                time.sleep(each_seconds)
                watch.look()
            living.kill()
            load.enough.set()
    with endpoint_of_another_time(folder) as heir:
        heir.terminate()
        assert heir.wait() == 0
    watch.look()
    return timing_of(
        store, watch, len(set_by), expected={call.inference_id for load in loads for call in load.acknowledged}
    )


def timing_of(store: FolderStore, watch: Watch, jumps: int, *, expected: set[str]) -> Timing:
    events, inferences, torn = stored_ids(store)
    return Timing(
        records=len(expected),
        jumps=jumps,
        lost=len(expected - inferences.keys()) + torn,
        duplicates=max(counted.total() - len(counted) for counted in (events, inferences)),
        misplaced=misplaced_in(store),
        late=watch.late,
        gone_back=watch.gone_back,
        findings=len(findings_in(store)),
    )
