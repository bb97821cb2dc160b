"""The thread that turns queued exchanges into lines of segments, and says when those are due on the disk.

What lives here: what happens to a record between the event loop and its segment. What does not: whether it is taken
(capture), how its segment reaches the disk (syncer), what becomes of the file (uploader).
"""

import errno
import math
import threading
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from queue import Empty, SimpleQueue
from typing import NamedTuple

from monitor_jobs.contract.manifest import FIRST_SEQUENCE
from monitor_jobs.contract.window import floor_hour
from service.core.deployment import Durability, Exchange
from service.endpoint.accounting import Line, Ticket
from service.endpoint.segment import OpenSegment, SegmentName
from service.endpoint.snapshot import DropReason, Fate
from service.endpoint.spool import Spool
from service.endpoint.syncer import Syncer, seal, sync
from service.endpoint.waiting import Told, Waiting
from service.logs import EventLog

log = EventLog(__name__)

SEGMENT_BYTES = 8 * 2**20
SYNC_INTERVAL = timedelta(seconds=0.1)  # what a power failure may cost; a process that dies loses no written record
PROBE_SECONDS = 1.0
BATCH_RECORDS = 128  # more than answers can wait at a time
TOGETHER_BYTES = 2**20  # that are written by one call: each call waits its turn among Python's threads
NO_ROOM = (errno.ENOSPC, errno.EDQUOT)

Encode = Callable[[Exchange, datetime], bytes]


class _Queued(NamedTuple):
    """One record that is in memory only."""

    ticket: Ticket
    exchange: Exchange


def _written_together(lines: Iterator[Line]) -> Iterator[list[Line]]:
    """Lines in their order, so that each list has those of one hour, and not many bytes beyond the first."""
    together: list[Line] = []
    size_bytes = 0
    for line in lines:
        one_hour = not together or floor_hour(together[0].ticket.moment) == floor_hour(line.ticket.moment)
        if not one_hour or (together and size_bytes + len(line.content) > TOGETHER_BYTES):
            yield together
            together, size_bytes = [], 0
        together.append(line)
        size_bytes += len(line.content)
    if together:
        yield together


class Writer:
    """One thread with one open segment; `encode` makes the line of an exchange and its time."""

    def __init__(self, spool: Spool, encode: Encode, durability: Durability) -> None:
        self._spool = spool
        self._encode = encode
        self._durability = durability
        self._queue: SimpleQueue[_Queued | None] = SimpleQueue()  # None wakes
        self._waiting = Waiting()
        self._unsynced: list[Ticket] = []  # of those that power asks a sync for
        self._distrusted = False
        self._failed_at = -math.inf
        self._ending = threading.Event()
        self._segment: OpenSegment | None = None
        self._sequence = FIRST_SEQUENCE
        self._synced_at = spool.clock()
        self._tick = spool.tick_at(self._synced_at)
        self._last_failure: DropReason | None = None
        self._syncer = Syncer(spool)
        self._thread = threading.Thread(target=self._run, name="capture-writer", daemon=True)

    def start(self) -> None:
        """Begin to write."""
        self._waiting.start()
        self._syncer.start()
        self._thread.start()

    def put(self, ticket: Ticket, exchange: Exchange, told: Told | None = None) -> None:
        """Hand over an admitted exchange; returns at once.

        `told` hears SAFE once the record is written, or on the disk where durability is `power`; AT_RISK where it was
        dropped, or the disk failed to sync for it. All that wait share one sync, and whoever comes while it runs the
        next. Nobody waits for a disk that hangs: AT_RISK after 30 s.
        """
        if told is not None:
            self._waiting.add(ticket, told)
        self._queue.put(_Queued(ticket, exchange))

    @property
    def disk_fails(self) -> bool:
        """True for a second after the disk refused a record: then the next one may find out whether it has healed."""
        return time.monotonic() - self._failed_at < PROBE_SECONDS

    def finish(self, timeout_seconds: float) -> None:
        """Write all that was admitted, seal, and end; or give up waiting for that. The ledger must be closed before."""
        self._ending.set()
        self._queue.put(None)
        self._thread.join(timeout_seconds)

    def _run(self) -> None:
        while not self._ending.is_set() or self._spool.ledger.queued_records:
            batch, self._distrusted = self._batch(), False
            for lines in _written_together(self._encoded(batch)):
                self._take(lines)
            self._settle()
            self._keep_time()
        self._seal()
        self._syncer.finish()
        self._waiting.finish()

    def _batch(self) -> list[_Queued]:
        """What is queued; where that is nothing, what comes first within a sync interval."""
        try:
            first = self._queue.get(timeout=SYNC_INTERVAL.total_seconds())
        except Empty:
            return []
        more = (self._queue.get_nowait() for _ in range(min(self._queue.qsize(), BATCH_RECORDS)))
        return [queued for queued in (first, *more) if queued is not None]

    def _settle(self) -> None:
        if not self._unsynced:
            return
        if self._segment is not None:
            self._sync(self._segment)
        for ticket in self._unsynced:
            self._waiting.tell(ticket, Fate.AT_RISK if self._distrusted else Fate.SAFE)
        self._unsynced = []

    def _encoded(self, batch: list[_Queued]) -> Iterator[Line]:
        for ticket, exchange in batch:
            try:
                line = Line(ticket, self._encode(exchange, ticket.moment))
            except Exception as error:  # noqa: BLE001 -- logged with its traceback
                log.fault("capture_record_not_encoded", cause=error)
                self._drop(ticket, DropReason.UNENCODABLE)
            else:
                yield line

    def _take(self, lines: list[Line]) -> None:
        """Write lines by one call; where that cannot be, one by one, so that none is dropped for another."""
        failure = self._failure(lines)
        if failure is not None and len(lines) > 1:
            for line in lines:
                self._take([line])
            return
        for ticket, _ in lines:
            if failure is None:
                self._tell(ticket, None)
            else:
                self._drop(ticket, failure)
        if self._segment is not None:
            self._segment.count()
            if self._segment.size_bytes >= SEGMENT_BYTES:
                self._seal()
        if failure is None:
            self._log(None)

    def _failure(self, lines: list[Line]) -> DropReason | None:
        """Why these lines could not be written; None once they are."""
        try:
            return self._write(lines)
        except OSError as error:
            failure = DropReason.DISK_FULL if error.errno in NO_ROOM else DropReason.DISK_ERROR
            self._failed_at = time.monotonic()
            self._leave_bad_segment(failure)
            return failure

    def _drop(self, ticket: Ticket, reason: DropReason) -> None:
        self._spool.ledger.drop(ticket, reason)
        self._tell(ticket, reason)
        self._log(reason)

    def _tell(self, ticket: Ticket, failure: DropReason | None) -> None:
        if failure is None and self._durability is Durability.POWER:
            self._unsynced.append(ticket)
        else:
            self._waiting.tell(ticket, Fate.SAFE if failure is None else Fate.AT_RISK)

    def _write(self, lines: list[Line]) -> DropReason | None:
        ledger = self._spool.ledger
        if not ledger.fit(lines):
            return DropReason.SPOOL_FULL
        segment = self._segment_for(lines[0].ticket.moment)
        segment.append(*(line.content for line in lines))
        ledger.write(segment.name, lines)
        return None

    def _segment_for(self, moment: datetime) -> OpenSegment:
        # the key of a segment names one hour, which must be that of all its records
        if self._segment is not None and floor_hour(self._segment.name.opened_at) != floor_hour(moment):
            self._seal()
        if self._segment is None:
            name = SegmentName.new(self._spool.producer, self._sequence, moment)
            self._segment = OpenSegment(self._spool.folder, name, self._spool.files)
            self._sequence += 1
        return self._segment

    def _keep_time(self) -> None:
        now = self._spool.clock()
        if abs(now - self._synced_at) >= SYNC_INTERVAL:
            self._synced_at = now
            if self._segment is not None:
                self._syncer.sync(self._segment)
        if self._segment is not None and self._segment.doubtful:
            self._seal()
        tick = self._spool.tick_at(now)
        if tick != self._tick:
            self._tick = tick
            self._seal()
            self._syncer.tick()

    def _sync(self, segment: OpenSegment) -> None:
        sync(segment)
        self._distrusted |= segment.doubtful

    def _leave_bad_segment(self, failure: DropReason) -> None:
        if self._segment is not None and (self._segment.torn or failure is not DropReason.DISK_FULL):
            self._seal()

    def _seal(self) -> None:
        segment, self._segment = self._segment, None
        if segment is None:
            return
        if not segment.size_bytes:
            self._discard(segment)
            return
        if self._durability is Durability.POWER:
            self._sync(segment)
        self._syncer.seal(segment)

    def _discard(self, empty: OpenSegment) -> None:
        seal(empty, self._spool)
        if empty.discarded:
            self._sequence = empty.name.sequence  # given to the next one: the numbers have no hole
        else:
            self._spool.ledger.adopt(empty.name, 0, 0)  # its file stays: the store is to be told of its number

    def _log(self, failure: DropReason | None) -> None:
        # once a streak: a full disk must not fill the log as well
        if failure is not self._last_failure:
            self._last_failure = failure
            log.warning("capture_records_dropped" if failure else "capture_resumed", reason=failure)
