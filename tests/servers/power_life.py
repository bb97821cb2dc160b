"""A life of a capture on a recorded disk, in a process of its own, and what a power cut at some moment of it leaves.

What lives here: the life, its record, and the next start after a cut. What does not: which states a cut may leave
(recorded_disk), what is to be true of them (spool_verdict), how many are tried (tests.benchmarks.faults.power_cut).
"""

import asyncio
import os
import pickle
import random
import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path

from monitor_jobs.contract.errors import StoreUnavailable
from monitor_jobs.object_store import S3Address
from monitor_jobs.object_store.folder import FolderStore
from service import logs
from service.endpoint import writer
from service.endpoint.segment import SegmentName, State
from tests.integration.capture_spool import Clock, started
from tests.servers.capture_campaign import FORKS, PATIENCE
from tests.servers.recorded_disk import Disk, Event, FolderSynced, Named, RecordedDisk, Synced, Wrote
from tests.servers.spool_life import (
    LEFT_WHOLE,
    STARTED_AT,
    Story,
    leave_behind,
    line,
    spec_in,
)
from tests.servers.spool_verdict import SAFE, Verdict, inherit_all, judged
from tests.wait import wait_until

SEGMENT_BYTES = 40_000
LARGE_REQUEST_BYTES = 3000
STEP_SECONDS = 0.02
STEPS = 180
DEAD = "3" * 32
LEFT_UNSYNCED = ("dead-0", "dead-1")
SYNC_INTERVAL = timedelta(seconds=0.1)
PROMISE = SYNC_INTERVAL + timedelta(seconds=STEP_SECONDS)  # of durability `process`: 100 ms, and one step for the sync


@dataclass(frozen=True)
class Told:
    """A caller was told that its record is safe, after so many events."""

    event: int
    name: str
    seconds: float


@dataclass
class Record:
    """All that happened, in order: to the disk, in the store, and what callers were told."""

    root: Path
    durability: str
    events: list[Event] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)  # of the clock, at each event
    objects: list[tuple[int, S3Address, bytes]] = field(default_factory=list)
    told: list[Told] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.events)


class Recorder:
    """Whoever has something to note, from any thread."""

    def __init__(self, record: Record, clock: Clock) -> None:
        self.record = record
        self._clock = clock
        self._lock = threading.Lock()
        self._unsynced: dict[int, datetime] = {}  # by file: since when something written to it waits for a sync
        self._unnamed: dict[int, tuple[Path, datetime]] = {}  # and its name, without which a cut takes all of it

    def nothing_is_overdue(self) -> bool:
        """Whether all that was written a sync interval ago is on the disk, under its name."""
        with self._lock:
            since = [*self._unsynced.values(), *(since for _, since in self._unnamed.values())]
            return all(self._clock.now - moment < SYNC_INTERVAL for moment in since)

    def event(self, event: Event) -> None:
        with self._lock:
            self._note_waiting(event)
            self.record.events.append(event)
            self.record.seconds.append(self._clock.now.timestamp())

    def _note_waiting(self, event: Event) -> None:
        if isinstance(event, Wrote):
            self._unsynced.setdefault(event.file, self._clock.now)
        elif isinstance(event, Synced):
            self._unsynced.pop(event.file, None)
        elif isinstance(event, Named):
            self._unnamed.pop(event.file, None)
            if event.path is not None:
                self._unnamed[event.file] = event.path, self._clock.now
        elif isinstance(event, FolderSynced):
            self._unnamed = {file: row for file, row in self._unnamed.items() if row[0].parent != event.folder}

    def stored(self, address: S3Address, body: bytes) -> None:
        with self._lock:
            self.record.objects.append((len(self.record), address, body))

    def told(self, name: str, fate: str) -> None:
        if fate == SAFE:
            with self._lock:
                self.record.told.append(Told(len(self.record), name, self._clock.now.timestamp()))


class RecordedStore(FolderStore):
    """A folder store that is away when it is told to be, and notes what it has taken."""

    on = True

    def __init__(self, root: Path, recorder: Recorder, disk: RecordedDisk) -> None:
        super().__init__(root)
        self._recorder = recorder
        self._disk = disk

    def put(self, address: S3Address, body: bytes) -> str | None:
        self._require()
        etag = super().put(address, body)
        self._recorder.stored(address, body)
        return etag

    def upload(self, path: Path, address: S3Address) -> str | None:
        self._require()
        content = path.read_bytes()
        etag = super().upload(path, address)
        self._recorder.stored(address, content)
        return etag

    def take(self, path: Path, address: S3Address) -> str | None:
        """The object is the spool's file: what of that is not on the disk, a cut takes from both."""
        self._require()
        content = path.read_bytes() if self._disk.has_all_of(path) else b""
        etag = super().take(path, address)
        self._recorder.stored(address, content)
        return etag

    def _require(self) -> None:
        if not self.on:
            raise StoreUnavailable("the store is away")


DiskOf = Callable[[Callable[[Event], None]], RecordedDisk]


def live(folder: Path, seed: int, durability: str, disk_of: DiskOf = RecordedDisk) -> None:
    """The life of one process; its record is pickled. Odd seeds start as the heir of others, even ones on nothing."""
    writer.SEGMENT_BYTES = SEGMENT_BYTES
    logs.configure((folder / "log").open("a", buffering=1))
    generator, clock = random.Random(seed), Clock(STARTED_AT)
    recorder = Recorder(Record(folder, durability), clock)
    disk = disk_of(recorder.event)
    if seed % 2:
        _inherited(folder, recorder, disk)
    store = RecordedStore(folder / "data", recorder, disk)
    capture = started(spec_in(folder, durability=durability), store, clock=clock, files=disk)
    story = Story(capture, clock, recorder.told)
    for step in steps_of(generator):
        store.on = step.store_is_on
        story.clock.advance(STEP_SECONDS)
        if step.disk_takes_half:
            disk.take_half_of_the_next_record()
        asyncio.run(story.answer(*step.names, request_bytes=step.request_bytes))
        if durability == "process":  # the clock stands still while a sync that is due takes its time
            wait_until(recorder.nothing_is_overdue, timeout_seconds=PATIENCE, what="a sync")
    store.on = True
    capture.close()
    (folder / "record").write_bytes(pickle.dumps(recorder.record))


@dataclass(frozen=True)
class Step:
    """What happens in one step of the clock: requests that are answered side by side."""

    names: tuple[str, ...]
    request_bytes: int
    store_is_on: bool
    disk_takes_half: bool


def steps_of(generator: random.Random) -> list[Step]:
    """A life's steps; the store is away in most of them: a backlog is what a power failure can harm."""
    halves = set(generator.sample(range(STEPS), 3))
    return [
        Step(
            tuple(f"{number}-{each}" for each in range(generator.randint(1, 5))),
            generator.choice((16, 16, LARGE_REQUEST_BYTES)),
            number % 60 < 20,
            number in halves,
        )
        for number in range(STEPS)
    ]


def _inherited(folder: Path, recorder: Recorder, disk: RecordedDisk) -> None:
    spool = folder / "spool"
    leave_behind(spool)
    disk.know(spool)
    for name in LEFT_WHOLE:
        recorder.told(name, SAFE)
    _leave_unsynced(spool, disk)


def _leave_unsynced(spool: Path, disk: RecordedDisk) -> None:
    """A segment of a process that was killed before its next sync."""
    path = spool / SegmentName.new(DEAD, 1, STARTED_AT).file(State.OPEN)
    descriptor = disk.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    for name in LEFT_UNSYNCED:
        disk.write(descriptor, line(name))
    os.close(descriptor)


def lived(folder: Path, seed: int, durability: str, disk_of: DiskOf = RecordedDisk) -> Record:
    """The record of one such life in a fresh folder."""
    folder.mkdir(parents=True)
    process = FORKS.Process(target=live, args=(folder, seed, durability, disk_of))
    process.start()
    process.join()
    record = pickle.loads((folder / "record").read_bytes())
    return _with_the_inherited(record)


def _with_the_inherited(record: Record) -> Record:
    """What a killed process left unsynced is owed a sync by its heir, from when that has sealed it."""
    sealed = (
        index
        for index, event in enumerate(record.events)
        if isinstance(event, Named)
        and event.path
        and event.path.name.startswith(DEAD)
        and event.path.suffix == ".sealed"
    )
    for index in sealed:
        record.told += [Told(index + 1, name, record.seconds[index]) for name in LEFT_UNSYNCED]
    return record


@dataclass(frozen=True)
class Cut:
    """A moment of a life, and the seed of what it leaves."""

    event: int
    seed: int

    def __str__(self) -> str:
        return f"event {self.event}, seed {self.seed}"


@dataclass(frozen=True)
class AfterCut:
    """What came of a cut: the verdict on what was promised, and how many younger records are gone."""

    promised: int
    verdict: Verdict
    young: int


def tried(record: Record, cut: Cut, folder: Path) -> AfterCut:
    """The next start on what a cut leaves, and the verdict on it."""
    spec, store = spec_in(folder), FolderStore(folder / "data")
    _write_state(record, cut, folder)
    stalled = inherit_all(spec, store)
    promised = {told.name: SAFE for told in record.told if told.event <= cut.event and _is_due(record, told, cut)}
    younger = {told.name: SAFE for told in record.told if told.event <= cut.event} | promised
    spec.spool_folder.mkdir(exist_ok=True)
    verdict = judged(store, spec.spool_folder, promised, stalled=stalled)
    all_lost = judged(store, spec.spool_folder, younger)
    young = len(all_lost.lost) + len(all_lost.set_aside) - len(verdict.lost) - len(verdict.set_aside)
    if young:  # the proof rightly misses them
        verdict = replace(verdict, alarms=())
    return AfterCut(len(promised), verdict, young)


def _is_due(record: Record, told: Told, cut: Cut) -> bool:
    if record.durability == "power":
        return True
    return record.seconds[max(cut.event - 1, 0)] - told.seconds > PROMISE.total_seconds()


def _write_state(record: Record, cut: Cut, folder: Path) -> None:
    state = Disk(record.events[: cut.event]).after_a_cut(random.Random(cut.seed))
    for path, content in state.items():
        place = folder / path.relative_to(record.root)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)
    for event, address, body in record.objects:
        if event <= cut.event:
            place = folder / "data" / "store" / address.bucket / address.key
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(body)
