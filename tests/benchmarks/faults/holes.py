"""Whether a loss can hide: one object of a real capture's store is damaged at random, and the proof has to name it.

What lives here: filling a store with all that capture leaves in one, the damage, and what is counted. What does not:
the proof (monitor_jobs.capture_proof). The control reads every capture file as well, but nothing that producers tell.

What no trial does, because nothing could find it: remove the watermark of a producer that stored nothing in the window,
or all that was ever written beside the captures and the captures as well. Then nobody seems to have captured, which is
what the proof says. The side index is left alone: it is made of the captures, and no part of the proof.
"""

import random
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

from monitor_jobs.capture_proof import Evidence, findings_of, read_evidence, with_contents
from monitor_jobs.contract.completeness import Finding, FindingKind
from monitor_jobs.contract.manifest import Manifest, sequence_of
from monitor_jobs.contract.watermark import producer_of
from monitor_jobs.contract.window import HOUR, Window
from monitor_jobs.object_store import ObjectMissing, ObjectStore, S3Address
from monitor_jobs.object_store.folder import FolderStore
from monitor_jobs.object_store.port import StoredObject
from service.endpoint.segment import SegmentName, State, parse_file_name
from tests.benchmarks.figures import SEED, Figure
from tests.integration.capture_spool import (
    CAPTURES,
    GAPS,
    MANIFESTS,
    NOON,
    WATERMARKS,
    Clock,
    exchange_of,
    gaps,
    manifests,
    offer_all,
    spec_of,
    spooled,
    started,
    watermarks,
)
from tests.integration.test_capture_recovery import child, killed_after
from tests.wait import wait_until

PATIENCE = 60
WINDOW = Window(NOON, NOON + HOUR)
FULL_TRIALS, QUICK_TRIALS = 2000, 100
FULL_SECONDS, QUICK_SECONDS = 20, 3  # of capture a producer, each with a segment and a gap of its own
PRODUCERS = 3
KINDS = {"manifest": MANIFESTS, "gap": GAPS, "watermark": WATERMARKS, "capture": CAPTURES}
TOLD = (FindingKind.GAP, FindingKind.LOST_SEGMENT)  # what capture gave up itself, and says so

Bodies = dict[S3Address, bytes]
Proof = Callable[[ObjectStore, Window], tuple[Finding, ...]]


@dataclass(frozen=True)
class Damage:
    """What was done to a store: the addresses that are other than before, with None where nothing is left."""

    kind: str
    changed: dict[S3Address, bytes | None]
    named: frozenset[str]  # any of these keys names it


@dataclass(frozen=True)
class Trials:
    """How often a proof named the damage, by its kind, and what it found where there was none."""

    tried: Counter[str]
    named: Counter[str]
    false_alarms: int
    undamaged: int

    @property
    def share(self) -> float:
        return self.named.total() / self.tried.total()

    def __str__(self) -> str:
        return ", ".join(f"{kind} {self.named[kind]}/{tried}" for kind, tried in sorted(self.tried.items()))


class Copy:
    """What a store held, in memory: as much of the port as a proof asks for."""

    def __init__(self, bodies: Mapping[S3Address, bytes | None]) -> None:
        self._bodies = {address: body for address, body in bodies.items() if body is not None}

    def get(self, address: S3Address) -> bytes:
        if address not in self._bodies:
            raise ObjectMissing(f"{address} is not there")
        return self._bodies[address]

    def download(self, address: S3Address, path: Path) -> None:
        path.write_bytes(self.get(address))

    def list(self, prefix: S3Address) -> Iterator[StoredObject]:
        found = (address for address in sorted(self._bodies) if address.key.startswith(prefix.key))
        return iter([StoredObject(address, len(self._bodies[address]), NOON) for address in found])


def proven(store: ObjectStore, window: Window) -> tuple[Finding, ...]:
    """What `sextant capture verify` finds."""
    return findings_of(with_contents(_evidence(store, window), store, CAPTURES.bucket)).findings


def proven_without_producers(store: ObjectStore, window: Window) -> tuple[Finding, ...]:
    """The control: capture files are listed and read, and an event that comes twice is found, but nothing else."""
    evidence = with_contents(_evidence(store, window), store, CAPTURES.bucket)
    found = findings_of(replace(evidence, trails=(), unreadable=())).findings
    return tuple(finding for finding in found if finding.kind is FindingKind.DUPLICATE)


def _evidence(store: ObjectStore, window: Window) -> Evidence:
    where = {"destination": "s3://bucket/capture", "endpoint": "signs", "variant": "AllTraffic"}
    return read_evidence(store, window=window, **where)


def fill(folder: Path, store: FolderStore, seconds: int) -> int:
    """Leave in the store what three producers, a killed one and its heir do; how many findings meanwhile were false."""
    false_alarms = sum(_live(folder, store, producer, seconds) for producer in range(PRODUCERS))
    with child(folder, "killed") as process:
        killed_after(process, 20)
    _leave_wreckage(folder)
    heir = started(spec_of(folder), store, clock=Clock(NOON + HOUR / 2))
    offer_all(heir, ["heir"], at=NOON + HOUR / 2)
    heir.close()
    assert [each.closed for each in watermarks(store)] == [True] * (PRODUCERS + 2)
    assert {*Counter(each.outcome for each in manifests(store))} == {"stored", "empty", "quarantined"}
    assert len(gaps(store)) == PRODUCERS * seconds
    return false_alarms


def _live(folder: Path, store: FolderStore, producer: int, seconds: int) -> int:
    """One segment and one gap a second, and a proof of every second once it is sealed."""
    clock, wrong = Clock(NOON + timedelta(seconds=1)), 0
    capture = started(spec_of(folder, budget_bytes=50_000), store, clock=clock)
    for second in range(seconds):
        before = len(gaps(store))
        offer_all(capture, [f"{producer}-{second}-{each}" for each in range(3)], at=clock.now)
        capture.offer(exchange_of("dropped", at=clock.now, request_bytes=60_000))
        clock.advance(1)
        wait_until(lambda: len(gaps(store)) > before, timeout_seconds=PATIENCE, what="the next gap")  # noqa: B023
        sealed = max((each.sealed_until for each in watermarks(store) if not each.closed), default=NOON)
        if sealed > NOON:
            wrong += len(_false(proven(store, Window(NOON, sealed))))
    capture.close()
    return wrong


def _leave_wreckage(folder: Path) -> None:
    """Two more segments of the producer that was killed: one that nobody can read, one with nothing whole in it."""
    (left,) = spooled(spec_of(folder), "open")
    name, _ = parse_file_name(left.name) or (None, None)
    assert name is not None
    for sequence, content in ((2, b"damage\n" * 3), (3, left.read_bytes()[:10])):
        (left.with_name(SegmentName.new(name.producer, sequence, NOON).file(State.OPEN))).write_bytes(content)


def _false(found: tuple[Finding, ...]) -> list[Finding]:
    return [finding for finding in found if finding.kind not in TOLD]


def damages(bodies: Bodies, generator: random.Random) -> Iterator[Damage]:
    """Damage without end."""
    stored = {Manifest.from_json(body).producer for address, body in bodies.items() if _is_stored(address, body)}
    while True:
        victim = generator.choice(sorted(bodies))
        if victim.key.startswith(WATERMARKS.key):
            yield from _to_watermark(victim, bodies, generator) if producer_of(victim.key) in stored else ()
        elif generator.random() < 0.05:
            yield _last_ones_removed(bodies, generator)
        else:
            yield _to_one(victim, bodies, generator)


def _is_stored(address: S3Address, body: bytes) -> bool:
    return address.key.startswith(MANIFESTS.key) and Manifest.from_json(body).object_key is not None


def _to_one(victim: S3Address, bodies: Bodies, generator: random.Random) -> Damage:
    kind = generator.choice(("removed", "cut short", "byte changed", "replaced", "duplicated"))
    if kind == "duplicated":
        copy = _another_name(victim, bodies, generator)
        return Damage(f"{_kind(victim)} {kind}", {copy: bodies[victim]}, frozenset({copy.key}))
    body = None if kind == "removed" else _other(kind, bodies[victim], _peers(victim, bodies), generator)
    return Damage(f"{_kind(victim)} {kind}", {victim: body}, frozenset({victim.key}))


def _to_watermark(victim: S3Address, bodies: Bodies, generator: random.Random) -> Iterator[Damage]:
    """Without it nobody tells of what its producer stored."""
    damage = _to_one(victim, bodies, generator)
    of_producer = f"{MANIFESTS.key}{producer_of(victim.key)}/"
    told = (Manifest.from_json(body) for address, body in bodies.items() if address.key.startswith(of_producer))
    yield replace(damage, named=damage.named | {manifest.object_key for manifest in told if manifest.object_key})


def _last_ones_removed(bodies: Bodies, generator: random.Random) -> Damage:
    """The last segments of a producer, each with its manifest."""
    victim = generator.choice([address for address, body in sorted(bodies.items()) if _is_stored(address, body)])
    later = [each for each in bodies if each.key.startswith(victim.key[:-17]) and each.key >= victim.key]
    captures = (Manifest.from_json(bodies[each]).object_key for each in later)
    removed = [*later, *(S3Address(victim.bucket, key) for key in captures if key)]
    return Damage("last segments removed with their manifests", dict.fromkeys(removed), frozenset({victim.key}))


def _other(kind: str, body: bytes, peers: list[bytes], generator: random.Random) -> bytes:
    if kind == "cut short":
        return body[: generator.randrange(len(body))]
    if kind == "replaced":
        return generator.choice([peer for peer in peers if peer != body])
    at = generator.randrange(len(body))
    return body[:at] + bytes([body[at] ^ generator.randrange(1, 256)]) + body[at + 1 :]


def _another_name(victim: S3Address, bodies: Bodies, generator: random.Random) -> S3Address:
    """Where a copy could pass for another: a file of the hour, the next number, the watermark of somebody else."""
    folder, _, name = victim.key.rpartition("/")
    number = sequence_of(victim.key)
    if number is not None:
        last = max(sequence_of(each.key) or 0 for each in bodies if each.key.startswith(f"{folder}/"))
        return S3Address(victim.bucket, f"{folder}/{last + 1:012}.json")
    if victim.key.startswith(CAPTURES.key):
        return S3Address(victim.bucket, f"{folder}/{generator.randrange(60):02}{name[2:]}x.jsonl")
    return S3Address(victim.bucket, f"{WATERMARKS.key}open/{name[:16]}{generator.getrandbits(64):016x}.json")


def _kind(address: S3Address) -> str:
    return next(kind for kind, folder in KINDS.items() if address.key.startswith(folder.key))


def _peers(victim: S3Address, bodies: Bodies) -> list[bytes]:
    return [body for address, body in bodies.items() if _kind(address) == _kind(victim)]


def tried(store: FolderStore, trials: int, proof: Proof, generator: random.Random) -> Trials:
    """So many damages, each to a copy of the store as it was; and proofs of random windows without any."""
    bodies = {found.address: store.get(found.address) for folder in KINDS.values() for found in store.list(folder)}
    outcome = Trials(Counter(), Counter(), 0, 0)
    for damage, _ in zip(damages(bodies, generator), range(trials), strict=False):
        found = _false(proof(Copy({**bodies, **damage.changed}), WINDOW))
        outcome.tried[damage.kind] += 1
        outcome.named[damage.kind] += any(finding.object_key in damage.named for finding in found)
    undamaged = [WINDOW, *(_some_window(generator) for _ in range(trials // 10))]
    false_alarms = sum(len(_false(proof(Copy(bodies), window))) for window in undamaged)
    return replace(outcome, false_alarms=false_alarms, undamaged=len(undamaged))


def _some_window(generator: random.Random) -> Window:
    start = NOON + timedelta(seconds=generator.randrange(-3600, 3600))
    return Window(start, start + timedelta(seconds=generator.randrange(1, 3600)))


def measure(folder: Path, *, quick: bool) -> dict[str, Figure]:
    """Shares and counts, each with what was tried."""
    trials = QUICK_TRIALS if quick else FULL_TRIALS
    folder.mkdir(parents=True, exist_ok=True)
    store = FolderStore(folder / "data")
    seconds = QUICK_SECONDS if quick else FULL_SECONDS
    live = fill(folder, store, seconds)
    ours = tried(store, trials, proven, random.Random(SEED))
    control = tried(store, QUICK_TRIALS, proven_without_producers, random.Random(SEED))
    undamaged = (
        f"{ours.undamaged} windows of the undamaged store, {PRODUCERS * seconds} of a store that is being written"
    )
    return {
        "holes_detected_share": Figure(ours.share, "share", ">= 1", f"seed {SEED}, {ours}"),
        "holes_false_alarms": Figure(ours.false_alarms + live, "findings", "<= 0", undamaged),
        "holes_missed_by_control": Figure(
            control.tried.total() - control.named.total(), "damages", ">= 1", f"capture files alone: {control}"
        ),
    }


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        for name, figure in measure(Path(scratch) / "holes", quick=False).items():
            print(name, figure)
