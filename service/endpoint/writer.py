"""The thread that turns queued exchanges into lines of segments, and seals them.

What lives here: what happens to a record between the event loop and a sealed file. What does not: whether it is taken
(capture), what becomes of the file (uploader).
"""

import errno
import math
import threading
import time
from collections import deque
from collections.abc import Callable
from datetime import datetime, timedelta

from monitor_jobs.contract.manifest import FIRST_SEQUENCE
from monitor_jobs.contract.window import floor_hour
from service.core.deployment import Durability, Exchange
from service.endpoint.accounting import Ticket
from service.endpoint.segment import OpenSegment, SegmentName
from service.endpoint.snapshot import DropReason, Fate
from service.endpoint.spool import Spool
from service.logs import EventLog

log = EventLog(__name__)

SEGMENT_BYTES = 8 * 2**20
SYNC_INTERVAL = timedelta(seconds=0.1)  # what a power failure may cost; a process that dies loses no written record
PROBE_SECONDS = 1.0
NO_ROOM = (errno.ENOSPC, errno.EDQUOT)

Encode = Callable[[Exchange, datetime], bytes]
Told = Callable[[Fate], None]


class Writer:
    """One thread with one open segment; `encode` makes the line of an exchange and its time."""

    def __init__(self, spool: Spool, encode: Encode, durability: Durability) -> None:
        self._spool = spool
        self._encode = encode
        self._durability = durability
        self._queue: deque[tuple[Ticket, Exchange, Told | None]] = deque()
        self._waiting: list[Told] = []
        self._distrusted = False
        self._failed_at = -math.inf
        self._wake = threading.Event()
        self._ending = threading.Event()
        self._segment: OpenSegment | None = None
        self._sequence = FIRST_SEQUENCE
        self._synced_at = spool.clock()
        self._tick = spool.tick_at(self._synced_at)
        self._last_failure: DropReason | None = None
        self._thread = threading.Thread(target=self._run, name="capture-writer", daemon=True)

    def start(self) -> None:
        """Begin to write."""
        self._thread.start()

    def put(self, ticket: Ticket, exchange: Exchange, told: Told | None = None) -> None:
        """Hand over an admitted exchange; returns at once.

        `told` hears SAFE once the record is written, or on the disk where durability is `power`; AT_RISK where it was
        dropped or the disk failed to sync. All that wait share one sync, and whoever comes while that runs the next.
        """
        self._queue.append((ticket, exchange, told))
        self._wake.set()

    @property
    def disk_fails(self) -> bool:
        """True for a second after the disk refused a record: then the next one may find out whether it has healed."""
        return time.monotonic() - self._failed_at < PROBE_SECONDS

    def finish(self, timeout_seconds: float) -> None:
        """Write all that was admitted, seal, and end; or give up waiting for that. The ledger must be closed before."""
        self._ending.set()
        self._wake.set()
        self._thread.join(timeout_seconds)

    def _run(self) -> None:
        while not self._ending.is_set() or self._spool.ledger.queued_records:
            self._wake.wait(SYNC_INTERVAL.total_seconds())
            self._wake.clear()
            self._drain()
            self._keep_time()
        self._seal()

    def _drain(self) -> None:
        while self._queue:
            self._distrusted = False
            for _ in range(len(self._queue)):
                self._take(*self._queue.popleft())
                self._keep_time()
            self._settle()

    def _settle(self) -> None:
        if self._waiting and self._durability is Durability.POWER:
            self._sync()
        for told in self._waiting:
            told(Fate.AT_RISK if self._distrusted else Fate.SAFE)
        self._waiting = []

    def _take(self, ticket: Ticket, exchange: Exchange, told: Told | None) -> None:
        try:
            failure = self._write(ticket, self._encode(exchange, ticket.moment))
        except OSError as error:
            failure = DropReason.DISK_FULL if error.errno in NO_ROOM else DropReason.DISK_ERROR
            self._failed_at = time.monotonic()
            self._leave_bad_segment(failure)
        except Exception as error:  # noqa: BLE001 -- logged with its traceback
            log.error("capture_record_not_encoded", cause=error)
            failure = DropReason.UNENCODABLE
        if failure is not None:
            self._spool.ledger.drop(ticket, failure)
        if told is not None:
            told(Fate.AT_RISK) if failure else self._waiting.append(told)
        self._tell(failure)

    def _write(self, ticket: Ticket, line: bytes) -> DropReason | None:
        ledger = self._spool.ledger
        if not ledger.fits(ticket, len(line)):
            return DropReason.SPOOL_FULL
        segment = self._segment_for(ticket.moment)
        segment.append(line)
        ledger.write(ticket, segment.name, len(line))
        if segment.size_bytes >= SEGMENT_BYTES:
            self._seal()
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
            self._sync()
        tick = self._spool.tick_at(now)
        if tick != self._tick:
            self._tick = tick
            self._seal()
            self._spool.ticked.set()
            self._spool.wake.set()

    def _sync(self) -> None:
        if self._segment is None:
            return
        try:
            self._segment.sync()
        except OSError as error:
            # the kernel reports such a failure once and then forgets the pages: the file is not to be trusted with more
            self._distrusted = True
            log.warning("segment_not_synced", uuid=str(self._segment.name.uuid), error=str(error))
            self._seal()

    def _leave_bad_segment(self, failure: DropReason) -> None:
        if self._segment is not None and (self._segment.torn or failure is not DropReason.DISK_FULL):
            self._seal()

    def _seal(self) -> None:
        segment, self._segment = self._segment, None
        if segment is None:
            return
        try:
            segment.seal()
        except OSError as error:
            self._distrusted = True
            log.warning("segment_not_sealed_cleanly", uuid=str(segment.name.uuid), error=str(error))
        if segment.discarded:
            self._sequence = segment.name.sequence  # given to the next one: the numbers have no hole
        elif not segment.size_bytes:
            self._spool.ledger.adopt(segment.name, 0, 0)  # its file stays: the store is to be told of its number
        self._spool.wake.set()

    def _tell(self, failure: DropReason | None) -> None:
        # once a streak: a full disk must not fill the log as well
        if failure is not self._last_failure:
            self._last_failure = failure
            log.warning("capture_records_dropped" if failure else "capture_resumed", reason=failure)
