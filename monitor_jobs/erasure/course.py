"""The course of an erasure: begun once, gone on with until nothing of that time can arrive any more.

A capture of the time before it was asked for may still be in a spool, be delivered once more by whoever finds it there,
or wait in a process for the index of its hour. What tells when that is over are watermarks: a segment is in no spool
any more once its producer's has passed it, and an hour's index is written before any passes that hour.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import count

from monitor_jobs.contract.capture import opened_at_of
from monitor_jobs.contract.erasure import (
    Amendment,
    IdKind,
    Tombstone,
    event_folder,
    pending_address,
    pending_folder,
    tombstone_address,
)
from monitor_jobs.contract.watermark import Watermark, born_at_of
from monitor_jobs.contract.window import HOUR, floor_hour
from monitor_jobs.erasure.captures import amendment_of, erase_lines
from monitor_jobs.erasure.index import renew_indexes
from monitor_jobs.erasure.matching import Matcher, digests_of
from monitor_jobs.erasure.reports import Reports
from monitor_jobs.erasure.steps import CLOCKS, erase_steps
from monitor_jobs.erasure.variant import Variant
from monitor_jobs.object_store import S3Address
from monitor_jobs.object_store.shown import put_shown

Watch = Callable[[str], object]


@dataclass(frozen=True, slots=True)
class Beside:
    """Addresses below which more lies of what a variant was sent: reports, and loads that keep tensors."""

    reports: tuple[str, ...] = ()
    tensors: tuple[str, ...] = ()


def begin(
    variant: Variant, kind: IdKind, value: str, *, key: bytes, now: datetime, beside: Beside, watch: Watch
) -> Tombstone:
    """Erase all that the store has of an id up to now, and tell what may still come; `watch` hears of every file.

    Once more of the same id: the same tombstone, up to the new moment. Raises StoreUnavailable; whatever was done by
    then is gone on with by beginning again.
    """
    open_now = variant.open_watermarks()  # before anything is listed: what they have not passed is looked at later
    digests = digests_of(key, kind, value)
    fresh = Tombstone(
        kind=kind,
        digests=digests,
        requested_at=now,
        settled_from=floor_hour(now) + HOUR,
        waiting={producer: mark.last_sequence for producer, mark in open_now.items()},
        reports=tuple(sorted(beside.reports)),
        tensors=tuple(sorted(beside.tensors)),
        unlooked=tuple(sorted(beside.tensors)),
    )
    told = _told(variant, fresh.name)
    erased = {} if told is None else {"objects": told.objects, "steps": told.steps}
    progress = _Progress(variant, fresh.model_copy(update=erased), key)
    put_shown(variant.store, S3Address.parse(pending_address(variant.side, fresh.name)), b"{}")
    progress.save()
    for entry in variant.captures():
        watch(entry.address.key)
        progress.erase_from(entry.address.key)
    progress.erase_beside(since=None)
    return progress.settle(now)


def pending(variant: Variant) -> Iterator[Tombstone]:
    """Every erasure that is not over."""
    for entry in variant.below(pending_folder(variant.side)):
        told = _told(variant, entry.address.key.rpartition("/")[2].removesuffix(".json"))
        if told is not None:
            yield told


def resume(variant: Variant, tombstone: Tombstone, *, key: bytes, now: datetime) -> Tombstone:
    """Erase what has arrived since, and end the erasure where nothing more can. Raises StoreUnavailable."""
    progress = _Progress(variant, tombstone, key)
    if tombstone.done:  # whoever ended it did not come to take its mark away
        progress.forget_mark()
        return tombstone
    return progress.settle(now)


def holding(variant: Variant, tombstone: Tombstone, value: str, *, key: bytes) -> list[S3Address]:
    """Objects below the reports' addresses that still hold the id, and are no reports of ours."""
    return Reports(variant, tombstone.reports, (), Matcher.of(tombstone, key)).holding(value.encode())


def _told(variant: Variant, name: str) -> Tombstone | None:
    text = variant.get(tombstone_address(variant.side, name))
    try:
        return None if text is None else Tombstone.from_json(text)
    except ValueError:
        return None


class _Progress:
    """One erasure under way; every step of it may be the last one before it is begun again."""

    def __init__(self, variant: Variant, tombstone: Tombstone, key: bytes) -> None:
        self._variant = variant
        self._matcher = Matcher.of(tombstone, key)
        self._tombstone = tombstone

    def save(self) -> None:
        """Write down how far it is."""
        address = tombstone_address(self._variant.side, self._tombstone.name)
        put_shown(self._variant.store, S3Address.parse(address), self._tombstone.to_json())

    def erase_from(self, key: str) -> int:
        """How many lines of a capture file were erased now."""
        opened_at = opened_at_of(key)
        if opened_at is not None and opened_at > self._tombstone.requested_at:
            return 0
        return erase_lines(self._variant, key, self._matcher, self._tombstone.name, self._note)

    def erase_beside(self, *, since: datetime | None) -> int:
        """How many indexes, and reports written since, were changed, and objects removed that were made of events."""
        amended = [found for key in self._tombstone.objects if (found := amendment_of(self._variant, key)) is not None]
        reports = Reports(self._variant, self._tombstone.reports, amended, self._matcher)
        made = sum(map(self._remove_made_of, amended))
        return renew_indexes(self._variant, amended) + reports.amend(since=since) + made

    def settle(self, now: datetime) -> Tombstone:
        """The tombstone once what has arrived is erased too; it is done where nothing more can arrive."""
        open_now = self._variant.open_watermarks()
        awaited = self._awaited(open_now)
        closed = self._variant.closed_watermarks() if awaited - open_now.keys() else {}
        found = sum([self._look_through(producer, {**closed, **open_now}.get(producer), now) for producer in awaited])
        if found + self.erase_beside(since=self._tombstone.requested_at - CLOCKS):
            self._wait_until(now)
        self._erase_steps(now)
        sealed = all(mark.sealed_until >= self._tombstone.settled_from for mark in open_now.values())
        self._update(done=sealed and not self._tombstone.waiting and not self._tombstone.tensors)
        self.save()
        if self._tombstone.done:
            self.forget_mark()
        return self._tombstone

    def forget_mark(self) -> None:
        """Take away the mark of an erasure that is not over."""
        self._variant.store.delete(S3Address.parse(pending_address(self._variant.side, self._tombstone.name)))

    def _erase_steps(self, now: datetime) -> None:
        def save(told: Tombstone) -> None:
            self._tombstone = told
            self.save()

        self._tombstone = erase_steps(self._variant, self._tombstone, self._matcher, now=now, save=save)

    def _awaited(self, open_now: Mapping[str, Watermark]) -> set[str]:
        """Producers that may still store lines of that time: those noted, and those that had not told of themselves."""
        told = self._tombstone
        born = {producer: born_at_of(producer) or told.requested_at for producer in open_now}
        silent = {producer for producer, born_at in born.items() if born_at <= told.requested_at}
        return {*told.waiting, *silent} - set(told.settled)

    def _look_through(self, producer: str, mark: Watermark | None, now: datetime) -> int:
        """How many lines were erased from what a producer stored since it was last settled up to where."""
        noted = self._tombstone.waiting.get(producer, 0)
        last = mark.last_sequence if mark is not None else 0
        lines = sum(map(self.erase_from, self._stored_after(producer, noted, last)))
        if mark is None or mark.closed:
            self._wait_until(now)  # whoever adopted it may keep an index of it in memory
        if mark is None or mark.closed or mark.sealed_until >= floor_hour(self._tombstone.requested_at) + HOUR:
            waiting = {name: number for name, number in self._tombstone.waiting.items() if name != producer}
            self._update(waiting=waiting, settled=(*self._tombstone.settled, producer))
        else:  # up to there nothing is in a spool any more, so nothing is delivered once more
            self._update(waiting={**self._tombstone.waiting, producer: max(noted, last)})
        return lines

    def _stored_after(self, producer: str, number: int, last: int) -> Iterator[str]:
        for sequence in count(number + 1):
            manifest = self._variant.manifest(producer, sequence)
            if manifest is None and sequence > last:
                return
            if manifest is not None and manifest.object_key is not None:
                yield manifest.object_key

    def _remove_made_of(self, amendment: Amendment) -> int:
        events = filter(None, amendment.events_of(self._tombstone.name))
        made = [entry for event in events for entry in self._variant.below(event_folder(self._variant.side, event))]
        for entry in made:
            self._variant.store.delete(entry.address)
        return len(made)

    def _note(self, amendment: Amendment) -> None:
        lines = len(amendment.events_of(self._tombstone.name))
        self._update(objects={**self._tombstone.objects, amendment.object_key: lines})
        self.save()

    def _wait_until(self, moment: datetime) -> None:
        self._update(settled_from=max(self._tombstone.settled_from, moment))

    def _update(self, **changed: object) -> None:
        self._tombstone = self._tombstone.model_copy(update=changed)
