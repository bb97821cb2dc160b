"""What is to be true of a store after a capture has lived on a bad disk and a next start has delivered what it left.

What lives here: the next start, and the judge; the same for every disk and every product. What does not: the lives
(spool_life).
"""

import json
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from pathlib import Path

from monitor_jobs.capture_proof import findings_of, read_evidence, with_contents
from monitor_jobs.contract.completeness import FindingKind
from monitor_jobs.contract.manifest import Outcome
from monitor_jobs.contract.window import Window
from monitor_jobs.object_store import ObjectStore
from service.core.deployment import EndpointSpec
from service.endpoint.recovery import entries_in
from service.endpoint.snapshot import Snapshot
from tests.integration.capture_spool import CAPTURES, NOON, Clock, gaps, started
from tests.wait import wait_until

SAFE, AT_RISK = "safe", "at_risk"
HEIR_SECONDS = 120.0
HEIR_AT = NOON + timedelta(minutes=10)
WINDOW = Window(NOON - timedelta(hours=1), NOON + timedelta(hours=1))
TRUE_FINDINGS = (FindingKind.GAP, FindingKind.LOST_SEGMENT)  # where something was dropped or set aside


@dataclass(frozen=True)
class Verdict:
    """What is wrong; every field is empty where nothing is."""

    lost: tuple[str, ...] = ()  # told safe, and neither stored nor set aside with a gap
    set_aside: tuple[str, ...] = ()  # told safe and whole, but in the quarantine
    silent: int = 0  # refused or dropped, and neither in the store nor told of
    doubled: int = 0  # events that are in the store more than once
    torn: int = 0  # lines in the store that are no record
    counts: str = ""  # what the process counted is not what came of it
    alarms: tuple[str, ...] = ()  # what the completeness proof finds, though nothing is missing
    stalled: str = ""  # what was not done though the disk had healed

    def __bool__(self) -> bool:
        return any(getattr(self, field.name) for field in fields(self))

    def __str__(self) -> str:
        wrong = {field.name: getattr(self, field.name) for field in fields(self) if getattr(self, field.name)}
        return ", ".join(f"{name} {value}" for name, value in wrong.items()) or "nothing wrong"


@dataclass(frozen=True)
class Ending:
    """What a process that ended by itself said of its capture."""

    dropped: int
    quarantined: int
    backlog: int
    balanced: bool
    healthy: bool  # the disk had healed before it ended

    @classmethod
    def of(cls, now: Snapshot, *, healthy: bool) -> "Ending":
        return cls(sum(now.dropped.values()), now.quarantined, now.backlog_records, now.balanced, healthy)


def inherit_all(spec: EndpointSpec, store: ObjectStore, at: datetime = HEIR_AT) -> str:
    """Let the next start deliver everything on a healthy disk; what it left undone, or nothing."""
    heir = started(spec, store, clock=Clock(at))
    try:
        wait_until(lambda: not entries_in(spec.spool_folder), timeout_seconds=HEIR_SECONDS, what="an empty spool")
    except AssertionError as error:
        return f"{error}: {_files_of(spec.spool_folder)}"
    finally:
        heir.close()
    left = _files_of(spec.spool_folder)
    return f"left for ever: {left}" if left else ""


def judged(
    store: ObjectStore, spool: Path, told: Mapping[str, str], *, ending: Ending | None = None, stalled: str = ""
) -> Verdict:
    """What is wrong in a store, where `told` has what each record's caller was told; of the dead there is no ending."""
    records, torn = read_lines(store)
    stored = Counter(record["inferenceId"] for record in records)
    events = Counter(record["eventId"] for record in records)
    absent = {name for name, fate in told.items() if fate == SAFE} - stored.keys()
    aside = names_in_quarantine(spool)
    return Verdict(
        lost=tuple(sorted(absent - aside)),
        set_aside=tuple(sorted(absent & aside)),
        silent=_silent(store, told, stored, ending) if ending else 0,
        doubled=max(_repeated(events), _repeated(stored)),
        torn=torn,
        counts=_wrong_counts(store, ending) if ending else "",
        alarms=false_alarms(store),
        stalled=stalled,
    )


def read_lines(store: ObjectStore) -> tuple[list[dict[str, str]], int]:
    """The metadata of every record in the store, and how many lines are none."""
    records, torn = [], 0
    for found in store.list(CAPTURES):
        *lines, tail = store.get(found.address).split(b"\n")
        torn += bool(tail)
        for text in lines:
            try:
                records.append(json.loads(text)["eventMetadata"])
            except (ValueError, KeyError, TypeError):
                torn += 1
    return records, torn


def names_in_quarantine(spool: Path) -> set[str]:
    """The inference ids that can be read in the quarantine."""
    names = set()
    for path in (spool / "quarantine").glob("*"):
        for text in path.read_bytes().split(b"\n"):
            with suppress(ValueError, KeyError, TypeError):
                names.add(json.loads(text)["eventMetadata"]["inferenceId"])
    return names


def false_alarms(store: ObjectStore) -> tuple[str, ...]:
    """Findings of the completeness proof which nothing that was dropped or set aside explains."""
    evidence = read_evidence(
        store, destination="s3://bucket/capture", endpoint="signs", variant="AllTraffic", window=WINDOW
    )
    findings = findings_of(with_contents(evidence, store, CAPTURES.bucket)).findings
    return tuple(sorted(f"{each.kind} {each.detail}" for each in findings if each.kind not in TRUE_FINDINGS))


def unheard(store: ObjectStore, told: Mapping[str, str]) -> int:
    """Records that were refused or dropped, and are neither stored nor in a gap."""
    records, _ = read_lines(store)
    absent = {name for name, fate in told.items() if fate == AT_RISK} - {record["inferenceId"] for record in records}
    return max(0, len(absent) - _dropped_in_gaps(store))


def _silent(store: ObjectStore, told: Mapping[str, str], stored: Mapping[str, int], ending: Ending) -> int:
    if ending.healthy:
        return unheard(store, told)
    absent = {name for name, fate in told.items() if fate == AT_RISK} - stored.keys()
    return max(0, len(absent) - ending.dropped)  # a disk that fails to the end takes no gap, but all was counted


def _wrong_counts(store: ObjectStore, ending: Ending) -> str:
    if not ending.balanced:
        return f"not balanced: {ending}"
    in_gaps = _dropped_in_gaps(store)
    if in_gaps > ending.dropped or (ending.healthy and in_gaps < ending.dropped):
        return f"{in_gaps} records in gaps, {ending.dropped} dropped"
    return ""


def _dropped_in_gaps(store: ObjectStore) -> int:
    return sum(gap.dropped for gap in gaps(store) if gap.reason != Outcome.QUARANTINED)


def _repeated(counted: Counter[str]) -> int:
    return sum(times - 1 for times in counted.values())


def _files_of(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.is_file())
