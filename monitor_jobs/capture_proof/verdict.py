"""What is wrong with a window's captures, from what the store tells of them. Pure: no store, no clock.

Every loss or change of a capture file or a manifest is a finding, whichever they are; proved by
tests/unit/test_capture_proof.py. A deleted gap marker is not: nothing else tells of it.
"""

from collections.abc import Iterator

from monitor_jobs.capture_proof.trail import Evidence, FoundObject, Trail, concerns
from monitor_jobs.contract.completeness import CaptureProof, Finding, FindingKind
from monitor_jobs.contract.manifest import FIRST_SEQUENCE, Manifest, Outcome
from monitor_jobs.contract.watermark import Gap
from monitor_jobs.contract.window import Window, format_timestamp


def findings_of(evidence: Evidence) -> CaptureProof:
    """The proof that a window is complete, or all that speaks against it."""
    window = evidence.window
    findings = (
        *map(_gap, evidence.gaps),
        *(finding for trail in evidence.trails for finding in _of_producer(trail, window)),
        *_of_objects(evidence),
        *(_unreadable(address) for address in evidence.unreadable),
    )
    return CaptureProof(endpoint=evidence.endpoint, start=window.start, end=window.end, findings=findings)


def _gap(gap: Gap) -> Finding:
    span = f"{format_timestamp(gap.start)} to {format_timestamp(gap.end)}"
    return Finding(kind=FindingKind.GAP, detail=f"records dropped from {span}", reason=gap.reason, records=gap.dropped)


def _unreadable(address: str) -> Finding:
    return Finding(kind=FindingKind.UNREADABLE, detail=f"{address} is not what it should be")


def _of_producer(trail: Trail, window: Window) -> Iterator[Finding]:
    mark = trail.watermark
    if not mark.closed and mark.sealed_until < window.end:
        sealed = f"sealed until {format_timestamp(mark.sealed_until)}"
        yield Finding(kind=FindingKind.NOT_SEALED, detail=sealed, producer=mark.producer)
    for number in _missing_numbers(trail):
        yield Finding(
            kind=FindingKind.HOLE, detail="a segment has no manifest", producer=mark.producer, sequence=number
        )
    for number, manifest in trail.manifests.items():
        yield from _of_segment(mark.producer, number, manifest, window)


def _of_segment(producer: str, number: int, manifest: Manifest | None, window: Window) -> Iterator[Finding]:
    if manifest is None:
        yield Finding(kind=FindingKind.UNREADABLE, detail="the manifest is damaged", producer=producer, sequence=number)
    elif manifest.outcome in (Outcome.QUARANTINED, Outcome.VANISHED) and concerns(manifest, window):
        yield Finding(
            kind=FindingKind.LOST_SEGMENT,
            detail=f"the segment was {manifest.outcome}",
            reason=manifest.outcome,
            producer=producer,
            sequence=number,
        )


def _missing_numbers(trail: Trail) -> Iterator[int]:
    """Numbers without a manifest between those that may concern the window, their neighbours included."""
    after_last = len(trail.sequences)
    for index in range(trail.first, trail.end + 1):
        before = trail.sequences[index - 1] if index else FIRST_SEQUENCE - 1
        after = trail.sequences[index] if index < after_last else trail.watermark.last_sequence + 1
        yield from range(before + 1, after)


def _of_objects(evidence: Evidence) -> Iterator[Finding]:
    manifests = {
        manifest.object_key: manifest
        for trail in evidence.trails
        for manifest in trail.manifests.values()
        if manifest is not None and manifest.object_key is not None
    }
    found = {each.key: each for each in evidence.objects}
    for key, manifest in manifests.items():
        if key not in found and concerns(manifest, evidence.window):
            yield _about(manifest, FindingKind.MISSING_OBJECT, "the store does not have it", records=manifest.records)
    for each in evidence.objects:
        yield from _of_object(each, manifests.get(each.key), evidence.window)


def _of_object(found: FoundObject, manifest: Manifest | None, window: Window) -> Iterator[Finding]:
    if manifest is None:
        if found.may_concern(window):
            yield Finding(kind=FindingKind.UNKNOWN_OBJECT, detail="no manifest tells of it", object_key=found.key)
    elif difference := _difference(found, manifest):
        yield _about(manifest, FindingKind.CHANGED_OBJECT, difference)
    if found.repeated_events:
        yield Finding(
            kind=FindingKind.DUPLICATE,
            detail="events that are in the window already",
            records=found.repeated_events,
            object_key=found.key,
        )


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
