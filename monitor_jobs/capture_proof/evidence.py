"""Reading what the store tells of a window's captures: watermarks, gaps, capture files, manifests.

What lives here: requests to the store, few for a window however long its producers have lived, and however many there
were. What does not: what follows from the answers (verdict).
"""

import tempfile
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

from monitor_jobs.capture_io import event_id_of, read_contents, time_of_line
from monitor_jobs.capture_proof.series import Series
from monitor_jobs.capture_proof.trail import Evidence, FoundObject, Stretch, Trail
from monitor_jobs.contract.capture import CAPTURE_SUFFIX, hour_folder, side_prefix, variant_prefix
from monitor_jobs.contract.erasure import Amendment, amendment_address, amendment_folder
from monitor_jobs.contract.manifest import FIRST_SEQUENCE, Manifest, manifest_folder, manifests_folder
from monitor_jobs.contract.retention import Retained, is_over, retained_address
from monitor_jobs.contract.watermark import (
    GapMarker,
    Watermark,
    born_at_of,
    closed_watermark_address,
    closed_watermark_folder,
    closing_hour_of,
    gap_folder,
    open_watermark_address,
    open_watermark_folder,
    producer_of,
)
from monitor_jobs.contract.window import HOUR, Window, floor_hour, hours_of
from monitor_jobs.object_store import ObjectMissing, ObjectStore, S3Address

# A clock that was set back puts segments, or an end, out of the order of their numbers by as much. Little is looked for
# first, for each minute of it costs requests; more where a capture file is left that nobody seems to know. Where it was
# set by more than that, the store's own clock tells which manifests came right after the file.
SLACK, MORE_SLACK = timedelta(minutes=10), timedelta(minutes=90)
AT_THAT_TIME = timedelta(minutes=10)


def read_evidence(store: ObjectStore, *, destination: str, endpoint: str, variant: str, window: Window) -> Evidence:
    """What producers and listings tell of a window. Raises StoreUnavailable.

    Watermarks are read first: whatever they pass was there, manifest and all, before anything else is listed. The
    number of requests is counted in tests/unit/test_capture_proof_requests.py.
    """
    side, captures = side_prefix(destination, endpoint, variant), variant_prefix(destination, endpoint, variant)
    retained = _retained(store, side)
    kept = [hour for hour in hours_of(window) if retained is None or hour >= retained.removed_before]

    def evidence_within(slack: timedelta) -> Evidence:
        reach, unreadable = Window(floor_hour(window.start) - slack, window.end + slack), list[str]()
        marks = [mark for mark in _watermarks(store, side, reach, unreadable) if not is_over(retained, mark)]
        objects = tuple(_objects(store, captures, kept))
        trails = tuple(_trail(store, side, mark, reach, retained) for mark in marks)
        before = retained.removed_before if retained is not None else None
        return Evidence(endpoint, window, trails, objects, tuple(unreadable), before, side)

    found = evidence_within(SLACK)
    if found.unknown_objects:
        found = evidence_within(MORE_SLACK)
    if found.unknown_objects:
        found = replace(found, strays=tuple(_strays(store, side, found.unknown_objects)))
    # asked for where something is amiss only: a file from which lines were erased has fewer bytes than it had
    return _amended(found, store, (amendment_address(side, each.key) for each in found.resized_objects))


def with_contents(evidence: Evidence, store: ObjectStore, bucket: str) -> Evidence:
    """The evidence with every capture file read, one after the other through one file on the disk."""
    folders = (amendment_folder(evidence.side, hour_folder(hour)) for hour in hours_of(evidence.window))
    listed = (str(entry.address) for folder in folders for entry in store.list(S3Address.parse(folder)))
    evidence = _amended(evidence, store, listed)
    seen: set[bytes] = set()
    with tempfile.TemporaryDirectory(prefix="sextant-verify-") as folder:
        path = Path(folder) / "capture.jsonl"
        read = (_read_object(found, store, bucket, path, evidence.window, seen) for found in evidence.objects)
        return replace(evidence, objects=tuple(found for found in read if found is not None))


def _amended(evidence: Evidence, store: ObjectStore, addresses: Iterable[str]) -> Evidence:
    """The evidence with what is told of lines that were erased."""
    amendments, unreadable = dict(evidence.amendments), set(evidence.unreadable)
    for address in map(S3Address.parse, addresses):
        try:
            amendment = Amendment.from_json(store.get(address))
            amendments[amendment.object_key] = amendment
        except ObjectMissing:
            continue
        except ValueError:
            unreadable.add(address.key)
    return replace(evidence, amendments=amendments, unreadable=tuple(sorted(unreadable)))


def _read_object(
    found: FoundObject, store: ObjectStore, bucket: str, path: Path, window: Window, seen: set[bytes]
) -> FoundObject | None:
    repeated = 0

    def note(line: bytes) -> None:
        nonlocal repeated
        moment = time_of_line(line)
        if moment is None or moment not in window:
            return
        event = event_id_of(line)
        repeated += event in seen
        seen.add(event)

    try:
        store.download(S3Address(bucket, found.key), path)
    except ObjectMissing:
        return None  # removed since it was listed
    contents = read_contents(path, note)
    return replace(found, contents=contents, repeated_events=repeated)


def _objects(store: ObjectStore, prefix: str, hours: Iterable[datetime]) -> Iterator[FoundObject]:
    for hour in hours:
        for entry in store.list(S3Address.parse(f"{prefix}/{hour_folder(hour)}/")):
            if entry.address.key.endswith(CAPTURE_SUFFIX):
                yield FoundObject(entry.address.key, entry.size_bytes, entry.modified_at)


def _strays(store: ObjectStore, side: str, unknown: list[FoundObject]) -> Iterator[Manifest]:
    """Manifests of these files, by whoever has a watermark, found by when they came into the store."""
    keys, times = {found.key for found in unknown}, sorted(found.stored_at for found in unknown)
    producers = {producer_of(key) for key in _watermark_keys(store, side)}
    for entry in store.list(S3Address.parse(manifests_folder(side))):
        after = bisect_left(times, entry.modified_at - AT_THAT_TIME)
        if after == len(times) or times[after] > entry.modified_at + AT_THAT_TIME:
            continue
        try:
            manifest = Manifest.from_json(store.get(entry.address))
        except (ObjectMissing, ValueError):
            continue  # a file that it should tell of stays unknown
        if manifest.object_key in keys and manifest.producer in producers:
            yield manifest


def _watermark_keys(store: ObjectStore, side: str) -> Iterator[str]:
    """The open ones first: one that ends meanwhile is among the closed by then."""
    for folder in (open_watermark_folder(side), closed_watermark_folder(side)):
        yield from (entry.address.key for entry in store.list(S3Address.parse(folder)))


def _watermarks(store: ObjectStore, side: str, reach: Window, unreadable: list[str]) -> list[Watermark]:
    """One of each producer that may have captured within reach."""
    bucket, marks = S3Address.parse(side).bucket, dict[str, Watermark]()
    for key in _watermark_keys(store, side):
        mark = _watermark(store, side, S3Address(bucket, key), unreadable) if _lived_in(key, reach) else None
        if mark is not None:
            marks[mark.producer] = max(mark, marks.get(mark.producer, mark), key=_progress)
    return [mark for mark in marks.values() if not _ended_before(mark, reach)]


def _watermark(store: ObjectStore, side: str, address: S3Address, unreadable: list[str]) -> Watermark | None:
    try:
        mark = Watermark.from_json(store.get(address))
    except ObjectMissing:
        return None  # closed since it was listed
    except ValueError:
        unreadable.append(address.key)
        return None
    if str(address) not in (open_watermark_address(side, mark.producer), closed_watermark_address(side, mark)):
        unreadable.append(address.key)
        return None
    return mark


def _lived_in(key: str, reach: Window) -> bool:
    """False where the key alone tells that the producer had ended before the window, or was born after it."""
    born_at, closing_hour = born_at_of(producer_of(key)), closing_hour_of(key)
    ended = closing_hour is not None and closing_hour + HOUR <= reach.start
    return not ended and (born_at is None or born_at < reach.end)


def _progress(mark: Watermark) -> tuple[object, ...]:
    return mark.closed, mark.sealed_until, mark.last_sequence


def _ended_before(mark: Watermark, reach: Window) -> bool:
    return mark.closed and mark.sealed_until < reach.start


def _retained(store: ObjectStore, side: str) -> Retained | None:
    """What retention has left; None where it never removed anything, or that cannot be read: then all is missed."""
    try:
        return Retained.from_json(store.get(S3Address.parse(retained_address(side))))
    except (ObjectMissing, ValueError):
        return None


def _trail(store: ObjectStore, side: str, mark: Watermark, reach: Window, retained: Retained | None) -> Trail:
    firsts = (retained.first_segments, retained.first_gaps) if retained is not None else ({}, {})
    segment, gap = (each.get(mark.producer, FIRST_SEQUENCE) for each in firsts)
    return Trail(mark, _segments(store, side, mark, reach, segment), _gaps(store, side, mark, reach, gap))


def _segments(store: ObjectStore, side: str, mark: Watermark, reach: Window, first: int) -> Stretch[Manifest]:
    """Those opened within reach: numbers go up with time, nearly."""

    def parse(number: int, text: bytes) -> Manifest:
        manifest = Manifest.from_json(text)
        _require_name((mark.producer, number), (manifest.producer, manifest.sequence))
        return manifest

    series = Series(store, manifest_folder(side, mark.producer), mark.last_sequence, parse, first=first)
    return series.stretch(lambda each: each.opened_at >= reach.start, lambda each: each.opened_at >= reach.end)


def _gaps(store: ObjectStore, side: str, mark: Watermark, reach: Window, first: int) -> Stretch[GapMarker]:
    """Those that were written down after the reach's start, while the watermark had not passed its end."""

    def parse(number: int, text: bytes) -> GapMarker:
        marker = GapMarker.from_json(text)
        _require_name((mark.producer, number), (marker.producer, marker.sequence))
        return marker

    series = Series(store, gap_folder(side, mark.producer), mark.last_gap, parse, first=first)
    return series.stretch(lambda each: each.written_at >= reach.start, lambda each: each.sealed_until >= reach.end)


def _require_name(name: tuple[str, int], told: tuple[str, int]) -> None:
    if told != name:
        raise ValueError(f"the object of {name} tells of {told}")
