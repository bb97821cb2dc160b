"""One life of a capture that makes every kind of system call that a spool makes, in a process of its own.

What lives here: what is there before it, what happens in it, how it is started and ends. What does not: the disk it
lives on (failing_disk), what is to be true afterwards (spool_verdict), how many are tried (tests.benchmarks.faults).
"""

import asyncio
import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from monitor_jobs.contract.errors import BadInput
from monitor_jobs.object_store.folder import FolderStore
from service import logs
from service.core.deployment import EndpointSpec
from service.endpoint import writer
from service.endpoint.capture import Capture
from service.endpoint.capture_lines import line_of
from service.endpoint.ownership import Destination, become_producer
from service.endpoint.ports import CaptureRefused
from service.endpoint.segment import SegmentName, State
from tests.answering import captured
from tests.integration.capture_spool import NOON, Clock, config_of, exchange_of, spec_of, started
from tests.servers.capture_campaign import FORKS
from tests.servers.failing_disk import CRASHES, FailingDisk, Fault
from tests.servers.spool_verdict import AT_RISK, SAFE, Ending, Verdict, inherit_all, judged, unheard
from tests.wait import wait_until

SMALL_SEGMENT_BYTES = 4000
LARGE_REQUEST_BYTES = 1500
CYCLE_SECONDS = 0.3  # how long a life waits for an uploader that may be failing
CLOSE_SECONDS = 20.0  # as long as an endpoint has
STARTED_AT = NOON - timedelta(seconds=2)
DEAD = ("0" * 32, "1" * 32, "2" * 32)
LEFT_WHOLE = ("torn-0", "torn-1", "sealed-0", "sealed-1")
Live = Callable[[Path, Fault | None], None]


@dataclass(frozen=True)
class Trial:
    """What came of one life and its heir."""

    fired: bool
    verdict: Verdict
    unheard: int  # dropped records of a process that was killed before it had written down their gap


def spec_in(folder: Path, **policies: str) -> EndpointSpec:
    """The spec of every life: who is not told that the record is safe is refused."""
    return spec_of(folder, when_spool_is_full="refuse", **policies)


def line(name: str, at: datetime = STARTED_AT) -> bytes:
    return line_of(exchange_of(name, at=at), at, config_of())


def leave_behind(spool: Path) -> None:
    """What others left that died before: torn, sealed, damaged, with a foreign name, and with nothing."""
    spool.mkdir(parents=True, exist_ok=True)
    torn, sealed, damaged = (SegmentName.new(producer, 1, STARTED_AT) for producer in DEAD)
    (spool / torn.file(State.OPEN)).write_bytes(line("torn-0") + line("torn-1") + line("torn-2")[:-40])
    (spool / sealed.file(State.SEALED)).write_bytes(line("sealed-0") + line("sealed-1"))
    (spool / damaged.file(State.SEALED)).write_bytes(b"\xff damage\n" * 2)
    (spool / "somebody.open").write_bytes(b"no segment of ours\n")
    here = Destination(destination="s3://bucket/capture", endpoint="signs", variant="AllTraffic")
    become_producer(spool, here, STARTED_AT).let_go()


@dataclass
class Story:
    """What happens to a capture from its start to its end; `say` hears the fate of each record as its caller does."""

    capture: Capture
    clock: Clock
    say: Callable[[str, str], None]
    told: dict[str, str] = field(default_factory=dict)

    async def answer(self, *names: str, request_bytes: int = 16) -> None:
        """Requests that are answered side by side."""
        await asyncio.gather(*(self._answer_one(name, request_bytes) for name in names))

    async def _answer_one(self, name: str, request_bytes: int) -> None:
        fate = SAFE
        try:
            await captured(self.capture, exchange_of(name, at=self.clock.now, request_bytes=request_bytes))
        except CaptureRefused:
            fate = AT_RISK
        self.told[name] = fate
        self.say(name, fate)

    async def fill(self, half_a_write: Callable[[], None]) -> None:
        """Records, a sync, roll-overs at the hour and at the size, a write of which the disk takes half, a tick."""
        await self.answer("first")
        self.clock.advance(0.15)
        await self.answer("synced-0", "synced-1", "synced-2")
        self.clock.advance(2.5)  # into the next hour, across a tick
        await self.answer("hour-0", "hour-1")
        for number in range(4):
            await self.answer(f"large-{number}", request_bytes=LARGE_REQUEST_BYTES)
        half_a_write()
        await self.answer("half")
        await self.answer("after-half")
        self.clock.advance(1.0)
        await self.answer("tick")

    def settle(self) -> None:
        """Give the uploader a moment to deliver what is sealed; where the disk fails it may not."""
        with suppress(AssertionError):
            wait_until(
                lambda: not self.capture.snapshot().backlog_records, timeout_seconds=CYCLE_SECONDS, what="a cycle"
            )


def live(folder: Path, fault: Fault | None) -> None:
    """The life of one process that finds what others left."""
    leave_behind(spec_in(folder).spool_folder)
    live_on(folder, fault)


def live_on(folder: Path, fault: Fault | None) -> None:
    """The life itself; it notes in `told` what each caller was told, and in `end` how it ended."""
    writer.SEGMENT_BYTES = SMALL_SEGMENT_BYTES
    logs.configure((folder / "log").open("a", buffering=1))
    spec = spec_in(folder)
    disk, clock = FailingDisk(fault), Clock(STARTED_AT)
    disk.watch(spec.spool_folder)
    ending, healed = None, False
    with suppress(BadInput):  # the endpoint says that it cannot start, and is started again
        capture = started(spec, FolderStore(folder / "data"), clock=clock, files=disk)
        with (folder / "told").open("a", buffering=1) as told:
            asyncio.run(_live(Story(capture, clock, lambda name, fate: print(name, fate, file=told)), disk))
        capture.close(CLOSE_SECONDS)
        healed = disk.healed
        healthy = healed or not (fault and fault.lasting and disk.fired)
        ending = asdict(Ending.of(capture.snapshot(), healthy=healthy))
    disk.heal()
    (folder / "end").write_text(
        json.dumps({"fired": disk.fired, "calls": disk.calls, "ending": ending, "healed": healed})
    )


async def _live(story: Story, disk: FailingDisk) -> None:
    await story.fill(disk.take_half_of_the_next_record)
    story.settle()
    await story.answer("last")
    if disk.fired:
        disk.heal()
        story.clock.advance(1.0)
    await story.answer("healed")


def lived(folder: Path, fault: Fault | None, life: Live = live) -> None:
    """One such life in a fresh folder, from its start to its end."""
    folder.mkdir(parents=True)
    process = FORKS.Process(target=life, args=(folder, fault))
    process.start()
    process.join()


def calls_of(folder: Path) -> dict[str, int]:
    """How often each call was made in a life that ended by itself."""
    return json.loads((folder / "end").read_text())["calls"]


def tried(folder: Path, fault: Fault | None, life: Live = live) -> Trial:
    """A life in a fresh folder, its next start, and the verdict on both."""
    lived(folder, fault, life)
    path, told = folder / "end", read_told(folder)
    assert path.exists() or (fault and fault.effect in CRASHES), f"nobody killed it: {(folder / 'log').read_text()}"
    end = json.loads(path.read_text()) if path.exists() else {"fired": 1, "ending": None}
    ending = Ending(**end["ending"]) if end["ending"] else None
    store, spec = FolderStore(folder / "data"), spec_in(folder)
    stalled = inherit_all(spec, store) or (_unhealed(told, ending) if end.get("healed") else "")
    told |= dict.fromkeys(LEFT_WHOLE, SAFE)
    verdict = judged(store, spec.spool_folder, told, ending=ending, stalled=stalled)
    return Trial(bool(end["fired"]), verdict, 0 if ending else unheard(store, told))


def read_told(folder: Path) -> dict[str, str]:
    """What every caller was told until the process ended."""
    path = folder / "told"
    return dict(text.split() for text in path.read_text().splitlines()) if path.exists() else {}


def _unhealed(told: dict[str, str], ending: Ending) -> str:
    if told["healed"] != SAFE:
        return "a record was not safe after the disk had healed"
    return f"{ending.backlog} records were not delivered after the disk had healed" if ending.backlog else ""
