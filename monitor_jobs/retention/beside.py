"""What is kept beside captures of one variant, removed after them: indexes, amendments, manifests, gaps, watermarks.

A producer that has ended goes with all it told once its last record is gone. One that lives on keeps telling; what it
told of records that are gone is removed by its numbers, of which the variant is told first.
"""

from collections.abc import Callable, Collection, Iterator
from datetime import datetime
from typing import Final, TypeVar

from monitor_jobs.contract.capture import side_prefix
from monitor_jobs.contract.manifest import FIRST_SEQUENCE, Manifest, manifest_folder, numbered
from monitor_jobs.contract.retention import SLACK, Retained, ended_at, retained_address
from monitor_jobs.contract.watermark import (
    GapMarker,
    Watermark,
    closed_watermark_folder,
    gap_folder,
    open_watermark_folder,
    producer_of,
)
from monitor_jobs.object_store import ObjectMissing, ObjectStore, S3Address
from monitor_jobs.object_store.shown import put_shown

NUMBERS_A_PASS: Final = 1000

ToldT = TypeVar("ToldT")


class Beside:
    """Used within one pass."""

    def __init__(self, store: ObjectStore, destination: str, endpoint: str, variant: str) -> None:
        self._store = store
        self._side = side_prefix(destination, endpoint, variant)
        self._told = self._parsed(retained_address(self._side), Retained.from_json)

    def tell_removed_before(self, hour: datetime) -> None:
        """Tell that captures of hours before may be gone, where that is not told already."""
        if self._told is None:
            self._tell(Retained(removed_before=hour))
        elif self._told.removed_before < hour:
            self._tell(self._told.model_copy(update={"removed_before": hour}))

    def tidy(self, hour: datetime) -> Iterator[None]:
        """Remove what tells of nothing but captures of hours before; one None an object. Raises StoreUnavailable."""
        for folder in ("index", "erasures/objects"):
            yield from self._remove_hours(f"{self._side}/{folder}/", hour)
        yield from self._remove_ended_producers(hour - SLACK)
        marks = self._store.list(S3Address.parse(open_watermark_folder(self._side)))
        living = [producer_of(entry.address.key) for entry in marks]
        for producer in living:
            yield from self._remove_numbers(producer, living, hour - SLACK)

    def _remove_hours(self, folder: str, hour: datetime) -> Iterator[None]:
        for entry in self._store.list(S3Address.parse(folder)):
            if ended_at(entry.address.key, entry.modified_at) > hour:
                return  # by hour: all that follow are younger
            self._store.delete(entry.address)
            yield None

    def _remove_ended_producers(self, moment: datetime) -> Iterator[None]:
        for entry in self._store.list(S3Address.parse(closed_watermark_folder(self._side))):
            mark = self._parsed(str(entry.address), Watermark.from_json)
            if mark is None or mark.sealed_until >= moment:
                continue
            for folder in (manifest_folder(self._side, mark.producer), gap_folder(self._side, mark.producer)):
                for told in self._store.list(S3Address.parse(folder)):
                    self._store.delete(told.address)
                    yield None
            self._store.delete(entry.address)  # last: it is by the watermark that the others are found
            yield None

    def _remove_numbers(self, producer: str, living: Collection[str], moment: datetime) -> Iterator[None]:
        told = self._told or Retained(removed_before=moment)
        manifests, gaps = manifest_folder(self._side, producer), gap_folder(self._side, producer)
        segment = self._first(manifests, told.first_segments.get(producer, FIRST_SEQUENCE), moment, _opened_at)
        gap = self._first(gaps, told.first_gaps.get(producer, FIRST_SEQUENCE), moment, _written_at)
        firsts = {
            "first_segments": {**told.first_segments, producer: segment},
            "first_gaps": {**told.first_gaps, producer: gap},
        }
        update = {name: {each: numbers[each] for each in living if each in numbers} for name, numbers in firsts.items()}
        self._tell(told.model_copy(update=update))
        yield from self._remove_below(manifests, segment)
        yield from self._remove_below(gaps, gap)

    def _first(self, folder: str, first: int, moment: datetime, time_of: Callable[[bytes], datetime]) -> int:
        """The first number that tells of something later, of a thousand at most."""
        for number in range(first, first + NUMBERS_A_PASS):
            told = self._parsed(numbered(folder, number), time_of)
            if told is None or told >= moment:
                return number
        return first + NUMBERS_A_PASS

    def _remove_below(self, folder: str, number: int) -> Iterator[None]:
        for entry in self._store.list(S3Address.parse(folder)):
            if str(entry.address) >= numbered(folder, number):
                return
            self._store.delete(entry.address)
            yield None

    def _parsed(self, address: str, parse: Callable[[bytes], ToldT]) -> ToldT | None:
        try:
            return parse(self._store.get(S3Address.parse(address)))
        except (ObjectMissing, ValueError):
            return None  # what cannot be read stays: a proof of capture names it

    def _tell(self, retained: Retained) -> None:
        if retained != self._told:
            put_shown(self._store, S3Address.parse(retained_address(self._side)), retained.to_json())
            self._told = retained


def _opened_at(text: bytes) -> datetime:
    return Manifest.from_json(text).opened_at


def _written_at(text: bytes) -> datetime:
    return GapMarker.from_json(text).written_at
