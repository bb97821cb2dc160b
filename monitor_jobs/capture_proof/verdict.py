"""What is wrong with a window's captures, from what the store tells of them. Pure: no store, no clock.

Every loss or change of a capture file, a manifest or a gap marker is a finding, whichever they are; proved by
tests/unit/test_capture_proof.py and, at random, by tests/benchmarks/faults/holes.py. What nothing else tells of cannot
be missed: the watermark of a producer that stored nothing in the window, or all that was ever written beside captures.
"""

from collections.abc import Iterable, Iterator

from monitor_jobs.capture_proof.trail import Evidence, FoundObject, Stretch, Trail, concerns
from monitor_jobs.contract.completeness import CaptureProof, Finding, FindingKind, Removal, RemovalKind
from monitor_jobs.contract.erasure import Amendment
from monitor_jobs.contract.manifest import Manifest, Outcome, numbered
from monitor_jobs.contract.watermark import GapMarker
from monitor_jobs.contract.window import Window, floor_hour, format_timestamp


def findings_of(evidence: Evidence) -> CaptureProof:
    """The proof that a window is complete, or all that speaks against it."""
    window, trails = evidence.window, evidence.trails
    findings = (
        *(_gap(marker) for trail in trails for marker in trail.gaps.told.values() if _overlaps(marker, window)),
        *(finding for trail in trails for finding in _of_producer(trail, window)),
        *_of_objects(evidence),
        *(_unreadable(key) for key in evidence.unreadable),
    )
    return CaptureProof(
        endpoint=evidence.endpoint,
        start=window.start,
        end=window.end,
        producers=len(trails),
        findings=findings,
        removals=(*_retention(evidence), *_erasures(evidence)),
    )


def _retention(evidence: Evidence) -> Iterator[Removal]:
    before = evidence.removed_before
    if before is not None and evidence.window.start < before:
        detail = f"captures of hours before {format_timestamp(before)}"
        yield Removal(kind=RemovalKind.RETENTION, detail=detail)


def _erasures(evidence: Evidence) -> Iterator[Removal]:
    manifests = evidence.manifests
    for key, amendment in evidence.amendments.items():
        if key in manifests and concerns(manifests[key], evidence.window):
            yield Removal(
                kind=RemovalKind.ERASED,
                detail=f"erasures {', '.join(each.tombstone for each in amendment.erased)}",
                records=amendment.erased_records,
                object_key=key,
            )


def _overlaps(marker: GapMarker, window: Window) -> bool:
    return marker.gap.start < window.end and marker.gap.end > window.start


def _gap(marker: GapMarker) -> Finding:
    gap = marker.gap
    return Finding(
        kind=FindingKind.GAP,
        detail=f"records dropped from {format_timestamp(gap.start)} to {format_timestamp(gap.end)}",
        reason=gap.reason,
        records=gap.dropped,
        producer=marker.producer,
        sequence=marker.sequence,
    )


def _unreadable(key: str) -> Finding:
    return Finding(kind=FindingKind.UNREADABLE, detail="it is not what it should be", object_key=key)


def _of_producer(trail: Trail, window: Window) -> Iterator[Finding]:
    mark = trail.watermark
    if not mark.closed and mark.sealed_until < window.end:
        sealed = f"sealed until {format_timestamp(mark.sealed_until)}"
        yield Finding(kind=FindingKind.NOT_SEALED, detail=sealed, producer=mark.producer)
    yield from _of_stretch(mark.producer, trail.segments, "a segment has no manifest")
    yield from _of_stretch(mark.producer, trail.gaps, "a gap has no marker")
    for manifest in trail.segments.told.values():
        if manifest.outcome in (Outcome.QUARANTINED, Outcome.VANISHED) and concerns(manifest, window):
            detail = f"the segment was {manifest.outcome}"
            found = _about(manifest, FindingKind.LOST_SEGMENT, detail, records=manifest.records)
            yield found.model_copy(update={"reason": manifest.outcome})


def _of_stretch(producer: str, stretch: Stretch[Manifest] | Stretch[GapMarker], missing: str) -> Iterator[Finding]:
    for run in _runs(stretch.missing):
        yield Finding(
            kind=FindingKind.HOLE,
            detail=missing if len(run) == 1 else f"{missing}, nor have those up to number {run[-1]}",
            producer=producer,
            sequence=run[0],
            object_key=numbered(stretch.folder, run[0]),
        )
    for number in stretch.damaged:
        yield Finding(
            kind=FindingKind.UNREADABLE,
            detail="it is not what it should be",
            producer=producer,
            sequence=number,
            object_key=numbered(stretch.folder, number),
        )


def _runs(numbers: Iterable[int]) -> list[range]:
    """Ascending numbers as runs without a hole."""
    runs: list[range] = []
    for number in numbers:
        if runs and runs[-1].stop == number:
            runs[-1] = range(runs[-1].start, number + 1)
        else:
            runs.append(range(number, number + 1))
    return runs


def _of_objects(evidence: Evidence) -> Iterator[Finding]:
    manifests = evidence.manifests
    found = {each.key: each for each in evidence.objects}
    for key, manifest in manifests.items():
        if key not in found and concerns(manifest, evidence.window) and not _is_retired(manifest, evidence):
            yield _about(manifest, FindingKind.MISSING_OBJECT, "the store does not have it", records=manifest.records)
    for each in evidence.objects:
        told = evidence.amendments.get(each.key)
        yield from _of_object(each, manifests.get(each.key), told, evidence.window)


def _is_retired(manifest: Manifest, evidence: Evidence) -> bool:
    before = evidence.removed_before
    return before is not None and floor_hour(manifest.opened_at) < before


def _of_object(
    found: FoundObject, manifest: Manifest | None, amendment: Amendment | None, window: Window
) -> Iterator[Finding]:
    if manifest is None:
        if found.may_concern(window):
            yield Finding(kind=FindingKind.UNKNOWN_OBJECT, detail="no manifest tells of it", object_key=found.key)
    elif amendment is not None and _has_erased_lines(found, amendment, manifest):
        yield _about(manifest, FindingKind.NOT_ERASED, "it holds lines that were erased", records=1)
    elif difference := _difference(found, manifest if amendment is None else _amended(manifest, amendment)):
        yield _about(manifest, FindingKind.CHANGED_OBJECT, difference)
    if found.repeated_events:
        yield Finding(
            kind=FindingKind.DUPLICATE,
            detail="events that are in the window already",
            records=found.repeated_events,
            object_key=found.key,
        )


def _has_erased_lines(found: FoundObject, amendment: Amendment, manifest: Manifest) -> bool:
    if found.contents is None:
        return found.size_bytes == manifest.size_bytes
    return found.contents.sha256 in {*amendment.before, manifest.sha256} - {amendment.sha256}


def _amended(manifest: Manifest, amendment: Amendment) -> Manifest:
    """What the manifest would tell of the file once lines were erased from it."""
    return manifest.model_copy(update={name: getattr(amendment, name) for name in _MEASURES})


_MEASURES = ("records", "size_bytes", "sha256", "first_inference_time", "last_inference_time")


def _difference(found: FoundObject, manifest: Manifest) -> str:
    if found.size_bytes != manifest.size_bytes:
        return f"it has {found.size_bytes} bytes, its manifest says {manifest.size_bytes}"
    contents = found.contents
    if contents is None:
        return ""
    if contents.sha256 != manifest.sha256:
        return "its SHA-256 is not that of its manifest"
    times = (contents.records, contents.first, contents.last)
    told = (manifest.records, manifest.first_inference_time, manifest.last_inference_time)
    return "" if times == told else "its manifest tells other records or times than it holds"


def _about(manifest: Manifest, kind: FindingKind, detail: str, *, records: int = 0) -> Finding:
    return Finding(
        kind=kind,
        detail=detail,
        records=records,
        producer=manifest.producer,
        sequence=manifest.sequence,
        object_key=manifest.object_key,
    )
