"""The manifest of each file that the uploader carries: made of its lines alone, so that a repeated one is the same.

What lives here: making manifests, and the highest numbers that the store has of a producer. What does not: when they
are written (uploader).
"""

from itertools import count

from monitor_jobs.capture_io import Contents, read_contents
from monitor_jobs.contract.manifest import BLOCK, Manifest, Outcome, block_of, sequence_of, unstored
from monitor_jobs.contract.watermark import Watermark
from monitor_jobs.object_store import ObjectMissing, ObjectStore, S3Address
from service.endpoint.ownership import Ownership
from service.endpoint.recovery import Entry
from service.endpoint.segment import SegmentName, State


def manifest_of(entry: Entry, address: S3Address, known: Contents | None = None) -> Manifest:
    """What became of a segment that is delivered to this address, or was set aside. Raises OSError.

    `known` is what was written to it, where this process knows: what the disk made of that since is for the reader to
    find out.
    """
    if entry.state is State.LOST:
        return _left_by(entry)
    contents = known or read_contents(entry.path)
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


def lost(name: SegmentName, outcome: Outcome, *, records: int = 0) -> Manifest:
    """What became of a segment that is no capture file."""
    return unstored(name.producer, name.sequence, name.opened_at, outcome, records=records)


def last_numbers_of(store: ObjectStore, ownership: Ownership) -> tuple[int, int]:
    """The highest numbers of a dead producer's segments and gaps that the store has, whoever delivered them."""
    told, destination = watermark_of(store, ownership), ownership.destination
    segments = _highest(store, destination.manifests_of(ownership.producer), told.last_sequence if told else 0)
    return segments, _highest(store, destination.gaps_of(ownership.producer), told.last_gap if told else 0)


def _highest(store: ObjectStore, folder: str, told: int) -> int:
    """Listed a block at a time, from the one of what was told to the first that is empty."""
    highest = told
    for first in count(told, BLOCK):
        listed = [sequence_of(found.address.key) for found in store.list(S3Address.parse(block_of(folder, first)))]
        if not listed:
            break
        highest = max([highest, *filter(None, listed)])
    return highest


def watermark_of(store: ObjectStore, ownership: Ownership) -> Watermark | None:
    """What a producer that has not ended told the store last; None where it never has, or that cannot be read."""
    try:
        return Watermark.from_json(store.get(ownership.destination.open_watermark_of(ownership.producer)))
    except (ObjectMissing, ValueError):
        return None


def _left_by(entry: Entry) -> Manifest:
    try:
        return Manifest.from_json(entry.path.read_bytes())
    except ValueError:
        return lost(entry.name, Outcome.QUARANTINED)
