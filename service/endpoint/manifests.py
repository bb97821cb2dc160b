"""The manifest of each file that the uploader carries: made from the file alone, so that a repeated one is the same.

What lives here: making manifests, and what the store has of a producer already. What does not: when they are
written (uploader).
"""

from datetime import datetime

from pydantic import ValidationError

from monitor_jobs.capture_io import read_contents
from monitor_jobs.contract.manifest import Manifest, Outcome, sequence_of, unstored
from monitor_jobs.contract.watermark import Watermark
from monitor_jobs.object_store import ObjectMissing, ObjectStore, S3Address
from service.endpoint.ownership import Ownership
from service.endpoint.recovery import Entry
from service.endpoint.segment import SegmentName, State


def manifest_of(entry: Entry, address: S3Address) -> Manifest | None:
    """What became of a file that is delivered to this address; None where that tells of no segment. Raises OSError."""
    if entry.state is State.GAP:
        return lost(entry.name, Outcome.QUARANTINED) if entry.name.sequence else None
    contents = read_contents(entry.path)
    if not contents.records:
        return lost(entry.name, Outcome.EMPTY)
    return Manifest(
        producer=entry.name.producer,
        sequence=entry.name.sequence,
        opened_at=entry.name.opened_at,
        outcome=Outcome.STORED,
        object_key=address.key,
        records=contents.records,
        size_bytes=contents.size_bytes,
        sha256=contents.sha256,
        first_inference_time=contents.first,
        last_inference_time=contents.last,
    )


def lost(name: SegmentName, outcome: Outcome) -> Manifest:
    """What became of a segment that is no capture file."""
    return unstored(name.producer, name.sequence, name.opened_at, outcome)


def last_sequence_of(store: ObjectStore, ownership: Ownership) -> int:
    """The highest number of a segment that a dead producer, or whoever delivered for it, has told the store of."""
    prefix = ownership.destination.manifests_of(ownership.producer)
    listed = (sequence_of(found.address.key) for found in store.list(prefix))
    watermark = _watermark_of(store, ownership)
    return max([watermark.last_sequence if watermark else 0, *filter(None, listed)])


def sealed_until_of(store: ObjectStore, ownership: Ownership) -> datetime | None:
    """How far a producer has told the store that it had come; None where it never has."""
    watermark = _watermark_of(store, ownership)
    return watermark.sealed_until if watermark else None


def _watermark_of(store: ObjectStore, ownership: Ownership) -> Watermark | None:
    try:
        return Watermark.model_validate_json(store.get(ownership.destination.watermark_of(ownership.producer)))
    except (ObjectMissing, ValidationError):
        return None
