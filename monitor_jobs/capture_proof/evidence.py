"""Reading what the store tells of a window's captures: watermarks, gaps, capture files, manifests.

What lives here: requests to the store, few for a window however long its producers have lived. What does not: what
follows from the answers (verdict).
"""

import tempfile
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from monitor_jobs.capture_io import event_id_of, read_contents, time_of_line
from monitor_jobs.capture_proof.trail import Evidence, FoundObject, Trail
from monitor_jobs.contract.capture import CAPTURE_SUFFIX, hour_folder, side_prefix, variant_prefix
from monitor_jobs.contract.manifest import Manifest, manifest_folder, sequence_of
from monitor_jobs.contract.watermark import Gap, Watermark, gap_folder, watermark_folder
from monitor_jobs.contract.window import HOUR, Window, floor_hour, hours_of
from monitor_jobs.object_store import ObjectMissing, ObjectStore, S3Address

SLACK = HOUR  # a clock that was set back puts neighbouring segments out of order by as much
GAP_REACH = timedelta(days=1)  # the longest span of a gap that is looked for
NEVER = datetime.max.replace(tzinfo=UTC)
FileT = TypeVar("FileT", bound=BaseModel)


def read_evidence(store: ObjectStore, *, destination: str, endpoint: str, variant: str, window: Window) -> Evidence:
    """What producers and listings tell of a window. Raises StoreUnavailable.

    Watermarks are read first: whatever they pass was there, manifest and all, before anything else is listed.
    """
    side = side_prefix(destination, endpoint, variant)
    unreadable: list[str] = []
    marks = list(_read_all(store, S3Address.parse(watermark_folder(side)), Watermark, unreadable))
    gaps = [gap for gap in _gaps(store, side, window, unreadable) if _overlaps(gap, window)]
    objects = tuple(_objects(store, variant_prefix(destination, endpoint, variant), window))
    trails = tuple(_trail(store, side, mark, window) for mark in marks if not _ended_before(mark, window))
    return Evidence(endpoint, window, trails, tuple(gaps), objects, tuple(unreadable))


def with_contents(evidence: Evidence, store: ObjectStore, bucket: str) -> Evidence:
    """The evidence with every capture file read, one after the other through one file on the disk."""
    seen: set[bytes] = set()
    with tempfile.TemporaryDirectory(prefix="sextant-verify-") as folder:
        path = Path(folder) / "capture.jsonl"
        read = (_read_object(found, store, bucket, path, evidence.window, seen) for found in evidence.objects)
        return replace(evidence, objects=tuple(found for found in read if found is not None))


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


def _objects(store: ObjectStore, prefix: str, window: Window) -> Iterator[FoundObject]:
    for hour in hours_of(window):
        for entry in store.list(S3Address.parse(f"{prefix}/{hour_folder(hour)}/")):
            if entry.address.key.endswith(CAPTURE_SUFFIX):
                yield FoundObject(entry.address.key, entry.size_bytes)


def _gaps(store: ObjectStore, side: str, window: Window, unreadable: list[str]) -> Iterator[Gap]:
    for hour in hours_of(Window(window.start - GAP_REACH, window.end)):
        yield from _read_all(store, S3Address.parse(f"{gap_folder(side)}{hour_folder(hour)}/"), Gap, unreadable)


def _overlaps(gap: Gap, window: Window) -> bool:
    return gap.start < window.end and gap.end > window.start


def _ended_before(mark: Watermark, window: Window) -> bool:
    return mark.closed and mark.sealed_until <= floor_hour(window.start)


def _read_all(store: ObjectStore, folder: S3Address, kind: type[FileT], unreadable: list[str]) -> Iterator[FileT]:
    for entry in store.list(folder):
        try:
            yield kind.model_validate_json(store.get(entry.address))
        except ValidationError:
            unreadable.append(str(entry.address))
        except ObjectMissing:
            continue  # removed since it was listed


def _trail(store: ObjectStore, side: str, mark: Watermark, window: Window) -> Trail:
    folder = S3Address.parse(manifest_folder(side, mark.producer))
    numbered = {sequence_of(entry.address.key): entry.address for entry in store.list(folder)}
    addresses = {number: address for number, address in numbered.items() if number is not None}
    return _Manifests(store, mark, addresses).around(window)


class _Manifests:
    """One producer's manifests, read once each, and only where they are looked at."""

    def __init__(self, store: ObjectStore, mark: Watermark, addresses: dict[int, S3Address]) -> None:
        self._store = store
        self._mark = mark
        self._addresses = addresses
        self._sequences = tuple(sorted(addresses))
        self._read: dict[int, Manifest | None] = {}

    def around(self, window: Window) -> Trail:
        """The manifests of the window's hours and of an hour before and after: numbers go up with time, nearly."""
        start, end = floor_hour(window.start) - SLACK, window.end + SLACK
        first = bisect_left(range(len(self._sequences)), start, key=self._opened_from)
        last = bisect_left(range(len(self._sequences)), end, lo=first, key=self._opened_from)
        while last < len(self._sequences) and self._manifest(self._sequences[last]) is None:
            last += 1  # a damaged one may be of any time
        inside = {number: self._manifest(number) for number in self._sequences[first:last]}
        return Trail(self._mark, self._sequences, first, last, inside)

    def _opened_from(self, index: int) -> datetime:
        """When the first readable segment from this one on was opened."""
        readable = (self._manifest(number) for number in self._sequences[index:])
        return next((manifest.opened_at for manifest in readable if manifest is not None), NEVER)

    def _manifest(self, number: int) -> Manifest | None:
        if number not in self._read:
            self._read[number] = self._readable(number)
        return self._read[number]

    def _readable(self, number: int) -> Manifest | None:
        try:
            manifest = Manifest.model_validate_json(self._store.get(self._addresses[number]))
        except (ValidationError, ObjectMissing):
            return None
        named = (manifest.producer, manifest.sequence) == (self._mark.producer, number)
        return manifest if named else None
