"""The thread that puts segments on the disk while others are written to.

What lives here: syncing and sealing, in the order in which that was asked for. What does not: when it is due (writer).
"""

import threading
from collections.abc import Callable
from functools import partial
from queue import Queue

from service.endpoint.segment import OpenSegment
from service.endpoint.spool import Spool, yield_to_answers
from service.logs import EventLog

log = EventLog(__name__)


class Syncer:
    """One thread; whoever asks for more than it can do waits, lest a slow disk fall ever further behind."""

    def __init__(self, spool: Spool) -> None:
        self._spool = spool
        self._asked: Queue[Callable[[], None] | None] = Queue(maxsize=1)
        self._thread = threading.Thread(target=self._run, name="capture-syncer", daemon=True)

    def start(self) -> None:
        """Begin to sync."""
        self._thread.start()

    def sync(self, segment: OpenSegment) -> None:
        """Put on the disk what was appended so far; the segment is doubtful afterwards where that fails."""
        self._asked.put(partial(sync, segment))

    def seal(self, segment: OpenSegment) -> None:
        """Seal a segment that is written no more, and wake the uploader."""
        self._asked.put(partial(self._seal, segment))

    def tick(self) -> None:
        """Tell the uploader that a flush interval has passed, once all that was to be sealed before is."""
        self._asked.put(self._tick)

    def finish(self) -> None:
        """Do what was asked for, and end."""
        self._asked.put(None)
        self._thread.join()

    def _run(self) -> None:
        yield_to_answers()
        while (task := self._asked.get()) is not None:
            task()

    def _seal(self, segment: OpenSegment) -> None:
        seal(segment, self._spool)

    def _tick(self) -> None:
        self._spool.ticked.set()
        self._spool.wake.set()


def sync(segment: OpenSegment) -> None:
    """Put on the disk what was appended so far; the segment is doubtful afterwards where that fails."""
    try:
        segment.sync()
    except OSError as error:
        log.warning("segment_not_synced", uuid=str(segment.name.uuid), error=str(error))


def seal(segment: OpenSegment, spool: Spool) -> None:
    """Seal a segment, tell the ledger where it is beyond doubt, and wake the uploader."""
    try:
        segment.seal()
        if not segment.doubtful and not segment.torn and not segment.discarded:
            spool.ledger.finish(segment.name, segment.contents())
    except OSError as error:
        log.warning("segment_not_sealed_cleanly", uuid=str(segment.name.uuid), error=str(error))
    spool.wake.set()
