"""The producers whose segments this process delivers: its own, and those that died.

What lives here: whose files are ours, and how those of the dead come into the ledger. What does not: flocks
(ownership), mending one file (recovery), delivery (uploader).
"""

import time
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

from monitor_jobs.contract.manifest import Outcome
from monitor_jobs.contract.watermark import SECOND, Gap, floor_second
from service.endpoint.gaps import Gaps
from service.endpoint.ownership import Ownership, inherit, locked_producers
from service.endpoint.recovery import (
    QUARANTINE,
    Entry,
    Mended,
    UnreadableSegment,
    damage_of,
    entries_in,
    foreign_files,
    is_readable,
    mend,
    part,
    parts_in,
    quarantine,
    seems_to_hold,
    set_aside,
    span_of,
)
from service.endpoint.segment import SegmentName, State, held, publish, sync_folder
from service.endpoint.spool import Spool
from service.logs import EventLog

log = EventLog(__name__)

UNREADABLE_SECONDS = 30.0  # what is set aside is so for good


class Estate:
    """All producers that are ours. Used by one thread; nothing here raises OSError, what failed is tried again."""

    def __init__(self, spool: Spool, own: Ownership) -> None:
        self.own = own
        self.gaps = Gaps(spool)
        self._spool = spool
        self._owned = {own.producer: own}
        self._writing = True
        self._set_aside_bytes = 0
        self._unreadable_since: dict[Path, float] = {}

    @property
    def finished(self) -> bool:
        """True once our own producer has nothing left and is no more."""
        return self.own.producer not in self._owned

    @property
    def silent(self) -> list[Ownership]:
        """The producers that write no more: the dead, and our own after `stop_writing`."""
        return [each for each in self._owned.values() if each is not self.own or not self._writing]

    def stop_writing(self) -> None:
        """Treat our own producer like one that died: seal what it left open, and end it with its last file."""
        self._writing = False

    def entries_of(self, ownership: Ownership) -> list[Entry]:
        """Every file of one producer, the earliest opened first."""
        return [entry for entry in entries_in(self._spool.folder) if entry.name.producer == ownership.producer]

    def vanished_of(self, ownership: Ownership) -> list[SegmentName]:
        """Segments of one producer that wait for the store, but whose files somebody removed."""
        waiting = self._spool.ledger.names_of(ownership.producer)  # asked first: files are made before they are counted
        missing = waiting - {entry.name for entry in self.entries_of(ownership)}
        return [name for name in missing if not self._has_file(name)]

    def sweep(self) -> None:
        """Inherit from those that died, mend and seal what nobody writes any more, set aside what nobody can read."""
        folder = self._spool.folder
        try:
            entries, parts, foreign = entries_in(folder), parts_in(folder), foreign_files(folder)
            producers = {entry.name.producer for entry in entries} | set(parts.values()) | locked_producers(folder)
        except OSError as error:
            log.error("spool_not_swept", cause=error)
            return
        self._inherit_from(producers)
        for path, producer in parts.items():
            if producer in self._owned:  # this thread writes them, and is not at it: whoever began it has died
                self._discard(path)
        for entry in filter(self._is_orphan, entries):
            self._revive(entry)
        for path in foreign:
            self._set_foreign_aside(path)
        self._note_others(filter(self._is_of_others, entries))

    def set_aside(self, entry: Entry) -> None:
        """Quarantine a segment and count its records so; what told of others leaves a hole in their numbers."""
        try:
            if not entry.holds_records:
                quarantine(entry.path, self._spool.files)
                return
            records = seems_to_hold(entry.path)
            set_aside(entry, records, self._spool.files)
            self._spool.ledger.quarantine(entry.name, records)
        except OSError as error:
            log.error("segment_not_quarantined", cause=error, file=entry.path.name)

    def doubt(self, entry: Entry) -> None:
        """Set aside what cannot be read for long; a disk that fails for a moment costs nothing."""
        now = time.monotonic()
        if is_readable(entry.path):
            self._unreadable_since.pop(entry.path, None)
        elif now - self._unreadable_since.setdefault(entry.path, now) >= UNREADABLE_SECONDS:
            self.set_aside(entry)

    def end(self, ownership: Ownership) -> None:
        """Forget a producer that has nothing left."""
        del self._owned[ownership.producer]
        ownership.end()

    def let_go(self) -> None:
        """Leave everything to whoever comes next."""
        for ownership in self._owned.values():
            ownership.let_go()
        self._owned = {}

    def _has_file(self, name: SegmentName) -> bool:
        # in the order of a file's life: a listing may miss one that is renamed meanwhile, these two looks cannot
        return any((self._spool.folder / name.file(state)).exists() for state in (State.OPEN, State.SEALED))

    def _inherit_from(self, producers: Iterable[str]) -> None:
        for producer in set(producers) - self._owned.keys():
            try:
                ownership = inherit(self._spool.folder, producer, self.own.destination)
            except OSError as error:
                log.error("producer_not_inherited", cause=error, producer=producer)
                continue
            if ownership is not None:
                self._owned[producer] = ownership
                log.info("producer_inherited", producer=producer)

    def _discard(self, path: Path) -> None:
        try:
            self._spool.files.unlink(path)
        except OSError as error:
            log.error("part_not_removed", cause=error, file=path.name)

    def _is_orphan(self, entry: Entry) -> bool:
        if not entry.holds_records or entry.name.producer not in self._owned:
            return False
        known = entry.name in self._spool.ledger
        if entry.name.producer == self.own.producer and self._writing:
            return known and entry.state is State.OPEN  # its flock tells whether the writer still has it
        return not known or entry.state is State.OPEN

    def _is_of_others(self, entry: Entry) -> bool:
        return entry.name.producer not in self._owned

    def _revive(self, entry: Entry) -> None:
        try:
            with held(entry.path) as mine:
                if mine:
                    self._mend_and_seal(entry)
        except UnreadableSegment as error:
            log.warning("segment_unreadable", file=entry.path.name, error=str(error))
            self.set_aside(entry)
        except OSError as error:
            log.error("segment_not_mended", cause=error, file=entry.path.name)
            self.doubt(entry)

    def _mend_and_seal(self, entry: Entry) -> None:
        mended = self._mended(entry)
        if entry.state is State.OPEN:
            publish(entry.path, entry.path.with_name(entry.name.file(State.SEALED)), self._spool.files)
        else:
            sync_folder(entry.path.parent, self._spool.files)  # its producer may have died before it came to that
        self._spool.ledger.adopt(entry.name, mended.records, mended.size_bytes)

    def _mended(self, entry: Entry) -> Mended:
        files = self._spool.files
        try:
            return mend(entry.path, files)
        except UnreadableSegment as error:
            damaged = damage_of(entry.path)
            log.warning("segment_damaged", file=entry.path.name, lines=len(damaged.damage), error=str(error))
            self._give_up(len(damaged.damage), *span_of(entry))
            part(entry.path, damaged, files)
            return mend(entry.path, files)

    def _give_up(self, records: int, first: datetime, last: datetime) -> None:
        """Write down a gap over records that nobody had counted, not before what is promised, and count them."""
        ledger = self._spool.ledger
        start = max(first, ledger.promised)
        end = max(start, last) + SECOND
        self.gaps.write(Gap(start=start, end=end, dropped=records, reason=Outcome.QUARANTINED))
        ledger.quarantine(SegmentName.new(self.own.producer, 0, start), records)

    def _set_foreign_aside(self, path: Path) -> None:
        log.warning("segment_unreadable", file=path.name, error="no name of a segment")
        now = floor_second(self._spool.clock())
        try:
            self._give_up(seems_to_hold(path), now, now)
            quarantine(path, self._spool.files)
        except OSError as error:
            log.error("segment_not_quarantined", cause=error, file=path.name)

    def _note_others(self, entries: Iterable[Entry]) -> None:
        """What the budget must leave to others, and to what was set aside, which only a person can judge."""
        folder = self._spool.folder / QUARANTINE
        set_aside_bytes = sum(map(_size_bytes, folder.glob("*")))
        if set_aside_bytes > self._set_aside_bytes:
            advice = "look at them, then remove them: they take room from the spool budget"
            log.warning("segments_in_quarantine", folder=str(folder), size_bytes=set_aside_bytes, advice=advice)
        self._set_aside_bytes = set_aside_bytes
        self._spool.ledger.note_others(set_aside_bytes + sum(_size_bytes(entry.path) for entry in entries))


def _size_bytes(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0  # delivered by its owner, or removed, since it was listed
