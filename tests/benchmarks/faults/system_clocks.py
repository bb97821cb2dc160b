"""Capture while its clock is set: hours and days, back and on, across full hours, and by a little.

What lives here: a capture with a clock of its own, endpoint processes whose system clock is faked, and what both leave
in the store. What does not: faking (tests.servers.system_faults), the goals (tests.benchmarks.faults.system).
"""

import random
import re
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import accumulate, count
from pathlib import Path

import orjson

from monitor_jobs.capture_proof import findings_of, read_evidence, with_contents
from monitor_jobs.contract.capture import hour_folder
from monitor_jobs.contract.completeness import Finding
from monitor_jobs.contract.manifest import Manifest
from monitor_jobs.contract.window import HOUR, Window
from monitor_jobs.object_store import S3Address
from monitor_jobs.object_store.folder import FolderStore
from service.endpoint import capture as capture_module
from service.endpoint.accounting import Ledger, Ticket
from service.endpoint.capture import Capture, start_capture
from tests.benchmarks.faults.system_account import stored_ids
from tests.integration.capture_spool import CAPTURES, exchange_of, spec_of, watermarks
from tests.servers.fault_endpoints import endpoint_of_another_time, furnish, load_on
from tests.wait import wait_until

PATIENCE = 30
FLUSH_SECONDS = 0.2
JUMPS_OF_A_LIFE = 3
BEFORE_THE_HOUR = datetime(2026, 11, 20, 11, 59, 59, tzinfo=UTC)
AN_HOUR, A_DAY = 3600.0, 86400.0
SCRIPT = (0, -AN_HOUR, AN_HOUR, AN_HOUR, -AN_HOUR, A_DAY, -A_DAY, 0.3, -0.3, -2, 2, -0.05, 0.05, -A_DAY, A_DAY)
MANIFESTS = S3Address("bucket", "capture/_sextant/signs/AllTraffic/manifests/")
HOUR_IN_KEY = re.compile(r"(\d{4}/\d\d/\d\d/\d\d)/")


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


class Watch:
    """Looks at watermarks and records again and again, and remembers what was promised."""

    def __init__(self, store: FolderStore) -> None:
        self._store = store
        self._sealed: dict[str, datetime] = {}
        self._seen: set[str] = set()
        self.gone_back = 0
        self.late = 0

    def look(self) -> None:
        """Count watermarks that went back, and records that came after their producer had promised that none would."""
        marks = watermarks(self._store)  # read first: what they promise must be in the store by now
        now = {mark.producer: mark.sealed_until for mark in marks}
        for event, producer, at in records_in(self._store):
            if event not in self._seen and producer is not None:
                self._seen.add(event)
                self.late += at < self._sealed.get(producer, at)
        self.gone_back += sum(until < self._sealed.get(producer, until) for producer, until in now.items())
        self._sealed |= now


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
    """Captures that are started meanwhile have such a ledger."""
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
        misplaced=sum(hour_folder(at) != hour for hour, at in placed_records(store)),
        late=watch.late,
        gone_back=watch.gone_back,
        findings=len(findings_in(store)),
    )


def findings_in(store: FolderStore) -> list[Finding]:
    """What capture verify says of every hour from the first to the last that has a capture file, and around them."""
    hours = sorted({datetime.strptime(hour, "%Y/%m/%d/%H").replace(tzinfo=UTC) for hour, _ in placed_records(store)})
    found = []
    for hour in sorted({each + around * HOUR for each in hours for around in (-1, 0, 1)}):
        where = {"destination": "s3://bucket/capture", "endpoint": "signs", "variant": "AllTraffic"}
        evidence = read_evidence(store, **where, window=Window(hour, hour + HOUR))
        found += findings_of(with_contents(evidence, store, CAPTURES.bucket)).findings
    return found


def placed_records(store: FolderStore) -> Iterator[tuple[str, datetime]]:
    """The hour in the key, and the inferenceTime, of each record."""
    for entry in store.list(CAPTURES):
        hour = HOUR_IN_KEY.search(entry.address.key)
        for line in store.get(entry.address).splitlines():
            yield hour[1], inference_time(line)


def records_in(store: FolderStore) -> Iterator[tuple[str, str | None, datetime]]:
    """The event id, the producer if a manifest tells it by now, and the inferenceTime of each record."""
    entries = list(store.list(CAPTURES))
    manifests = (Manifest.model_validate_json(store.get(entry.address)) for entry in store.list(MANIFESTS))
    producers = {manifest.object_key: manifest.producer for manifest in manifests}
    for entry in entries:
        for line in store.get(entry.address).splitlines():
            event = orjson.loads(line)["eventMetadata"]["eventId"]
            yield event, producers.get(entry.address.key), inference_time(line)


def inference_time(line: bytes) -> datetime:
    return datetime.fromisoformat(orjson.loads(line)["eventMetadata"]["inferenceTime"])
