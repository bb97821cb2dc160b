"""The thread that carries sealed segments to the object store, for its own producer and for those that died.

What lives here: delivery, backoff, gaps, watermarks. What does not: how files come about (writer) or into our hands
(adoption), what a manifest says (manifests). A failing store never costs a record, nor does one that says 200 too soon:
a file leaves the spool once the store shows it, and its manifest, with the size that was sent and the ETag that was
answered.
"""

import importlib
import random
import threading
from collections.abc import Callable
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TypeVar

from monitor_jobs.contract.errors import NotFound, SextantError, StoreRefused
from monitor_jobs.contract.manifest import Manifest, Outcome
from monitor_jobs.contract.watermark import SECOND, Gap, Watermark, floor_second
from monitor_jobs.object_store import Head, ObjectStore, S3Address
from monitor_jobs.object_store.shown import require_shown
from service.endpoint.adoption import Estate
from service.endpoint.manifests import last_numbers_of, lost, manifest_of, watermark_of
from service.endpoint.ownership import Destination, Ownership
from service.endpoint.recovery import Entry
from service.endpoint.segment import State, held
from service.endpoint.side_index import SideIndex
from service.endpoint.snapshot import FAILED, OK, REFUSED, DropReason
from service.endpoint.spool import GRACE, Spool, yield_to_answers
from service.logs import EventLog

log = EventLog(__name__)

IDLE_SECONDS = 5.0  # also how soon an heir notices that a producer died
BACKOFF_FLOOR_SECONDS = 0.2
BACKOFF_CEILING_SECONDS = 15.0  # with a request that hangs for 10 s first, 25 s from a store's healing to the next try
T = TypeVar("T")


def backoff_seconds(failures: int, draw: float) -> float:
    """How long to wait after so many failures in a row, 1 or more: full jitter, 0.2 s to 15 s; draw from [0, 1)."""
    ceiling = min(BACKOFF_CEILING_SECONDS, BACKOFF_FLOOR_SECONDS * 2.0 ** min(failures, 16))
    return BACKOFF_FLOOR_SECONDS + draw * (ceiling - BACKOFF_FLOOR_SECONDS)


class Uploader:
    """One thread. `generator` draws the jitter."""

    def __init__(self, spool: Spool, estate: Estate, store: ObjectStore, generator: random.Random) -> None:
        self._spool = spool
        self._estate = estate
        self._store = store
        self._generator = generator
        self._index = SideIndex(self._put)
        self._last_sequence = 0
        self._due = False  # gaps and a watermark, since an interval has ended
        self._ends: dict[str, datetime] = {}  # of producers: after the last record that was delivered
        self._finishing = threading.Event()
        self._giving_up = threading.Event()
        self._thread = threading.Thread(target=self._run, name="capture-uploader", daemon=True)

    def start(self) -> None:
        """Begin to adopt and upload; the first watermark tells the store that this producer exists."""
        self._spool.ticked.set()
        self._thread.start()

    def finish(self, timeout_seconds: float) -> None:
        """Upload what is left, close the watermark, and end; or leave to an heir what takes longer."""
        self._finishing.set()
        self._spool.wake.set()
        self._thread.join(timeout_seconds)
        self._giving_up.set()
        self._spool.wake.set()

    def _run(self) -> None:
        # pyarrow, 0.07 s, while the model's thread unpacks; first, since who waits for an import waits at its priority
        importlib.import_module("monitor_jobs.side_index")
        yield_to_answers()
        failures = 0
        while not self._giving_up.is_set() and not self._estate.finished:
            failures = 0 if self._cycle_succeeds() else failures + 1
            self._pause(failures)
        self._estate.let_go()

    def _pause(self, failures: int) -> None:
        if self._estate.finished:
            return
        seconds = IDLE_SECONDS
        if failures:
            self._giving_up.wait(
                BACKOFF_FLOOR_SECONDS
            )  # a segment sealed meanwhile ends the rest of the wait, not this
            seconds = backoff_seconds(failures, self._generator.random()) - BACKOFF_FLOOR_SECONDS
        self._spool.wake.wait(min(seconds, BACKOFF_FLOOR_SECONDS) if self._finishing.is_set() else seconds)
        self._spool.wake.clear()

    def _cycle_succeeds(self) -> bool:
        try:
            self._cycle()
        except SextantError as error:
            log.warning("capture_not_uploaded", error=str(error))
        except Exception as error:  # noqa: BLE001 -- logged with its traceback
            log.error("capture_upload_failed", cause=error)
        else:
            return True
        return False

    def _cycle(self) -> None:
        if self._finishing.is_set():
            self._estate.stop_writing()
        if self._spool.ticked.is_set():
            self._spool.ticked.clear()  # before anything else: the next interval may end while this cycle runs
            self._due = True
        self._estate.sweep()
        self._account_for_vanished(self._estate.own)
        if self._due or self._finishing.is_set():
            self._write_gaps()
        self._deliver_all(self._estate.own)
        if self._due:
            self._publish_watermark()
        for ownership in self._estate.silent:
            self._account_for_vanished(ownership)
            self._deliver_all(ownership)
            self._end_if_empty(ownership)

    def _write_gaps(self) -> None:
        untold = self._spool.ledger.take_gaps()
        try:
            while untold:
                self._write_gap(untold[-1])
                untold.pop()
        finally:
            self._spool.ledger.give_back(untold)

    def _write_gap(self, gap: Gap) -> None:
        gaps = self._estate.gaps
        try:
            gaps.write(gap)
        except OSError as error:
            log.warning("capture_gap_not_written", error=str(error))
            # the disk that takes no captures may take no gap before this process ends
            marker = gaps.next_marker(gap)
            self._put(self._estate.own.destination.gap_of(marker.producer, marker.sequence), marker.to_json())
            gaps.last = marker.sequence

    def _deliver_all(self, ownership: Ownership) -> None:
        for entry in self._estate.entries_of(ownership):
            if self._giving_up.is_set() or (ownership is not self._estate.own and self._spool.wake.is_set()):
                return  # our own come first
            if not entry.holds_records or (entry.state is State.SEALED and entry.name in self._spool.ledger):
                self._deliver(entry, ownership.destination)

    def _deliver(self, entry: Entry, destination: Destination) -> None:
        try:
            with held(entry.path) as mine:
                if mine:
                    self._move(entry, destination)
            if mine:
                self._spool.ledger.store(entry.name)  # its room is free only once nobody holds the file
        except (SextantError, OSError):
            self._estate.doubt(entry)
            raise

    def _move(self, entry: Entry, destination: Destination) -> None:
        address = destination.address_of(entry.name, entry.state)
        known = self._spool.ledger.contents_of(entry.name)
        manifest = None if entry.state is State.GAP else manifest_of(entry, address, known)
        if manifest is None or manifest.outcome is Outcome.STORED:
            self._upload(entry, address, self._store.upload if known is None else self._store.take)
        if manifest is not None:
            self._put_manifest(manifest, destination)
            if manifest.outcome is Outcome.STORED:
                self._index.add(entry, destination)
        self._spool.files.unlink(entry.path)

    def _upload(self, entry: Entry, address: S3Address, send: Callable[[Path, S3Address], str | None]) -> None:
        etag = self._asked("upload", partial(send, entry.path, address))
        self._require(Head(entry.path.stat().st_size, etag), address)

    def _put(self, address: S3Address, body: bytes) -> None:
        etag = self._asked("put", partial(self._store.put, address, body))
        self._require(Head(len(body), etag), address)

    def _require(self, sent: Head, address: S3Address) -> None:
        self._asked("head", partial(require_shown, self._store, address, sent))

    def _put_manifest(self, manifest: Manifest, destination: Destination) -> None:
        address = destination.manifest_of(manifest.producer, manifest.sequence)
        if manifest.outcome is not Outcome.STORED and self._is_stored(address):
            return  # a file that could not be opened after all has the number of the next; or it was not set aside
        self._put(address, manifest.to_json())
        if manifest.producer == self._spool.producer:
            self._last_sequence = max(self._last_sequence, manifest.sequence)
        if manifest.last_inference_time is not None:
            end = manifest.last_inference_time + SECOND
            self._ends[manifest.producer] = max(end, self._ends.get(manifest.producer, end))

    def _is_stored(self, address: S3Address) -> bool:
        try:
            self._asked("head", partial(self._store.head, address))
        except NotFound:
            return False
        return True

    def _account_for_vanished(self, ownership: Ownership) -> None:
        for name in self._estate.vanished_of(ownership):
            log.warning("segment_vanished", uuid=str(name.uuid))
            try:
                self._asked("head", partial(self._store.head, ownership.destination.address_of(name, State.SEALED)))
                self._spool.ledger.store(name)
            except NotFound:
                records = self._spool.ledger.records_of(name)
                self._put_manifest(lost(name, Outcome.VANISHED, records=records), ownership.destination)
                self._spool.ledger.lose(name, DropReason.VANISHED)

    def _publish_watermark(self) -> None:
        until = self._spool.ledger.promise(self._spool.clock() - GRACE)
        self._index.publish_before(until)
        watermark = self._watermark(self._estate.own, until)
        address = self._estate.own.destination.open_watermark_of(watermark.producer)
        self._put(address, watermark.to_json())
        self._due = False

    def _end_if_empty(self, ownership: Ownership) -> None:
        own = ownership is self._estate.own
        if self._estate.entries_of(ownership) or (own and not self._spool.ledger.is_written_down):
            return
        if own:
            self._index.publish()
        until = self._spool.ledger.promise(self._end_of(ownership)) if own else self._end_of(ownership)
        watermark = self._watermark(ownership, until)
        self._close(watermark.model_copy(update={"closed": True}), ownership.destination)
        self._estate.end(ownership)

    def _end_of(self, ownership: Ownership) -> datetime:
        """Now, unless the clock was set back since: not before a record, nor before what was promised already."""
        now = floor_second(self._spool.clock())
        told = watermark_of(self._store, ownership)
        return max(now, self._ends.get(ownership.producer, now), told.sealed_until if told else now)

    def _close(self, watermark: Watermark, destination: Destination) -> None:
        """Move a watermark from those that are waited for to those of its hour."""
        body, opened = watermark.to_json(), destination.open_watermark_of(watermark.producer)
        self._put(destination.closed_watermark_of(watermark), body)
        try:
            self._asked("delete", partial(self._store.delete, opened))
        except StoreRefused:  # whoever may not delete says in both places that it has ended
            self._put(opened, body)

    def _watermark(self, ownership: Ownership, until: datetime) -> Watermark:
        own = ownership is self._estate.own
        last_sequence, last_gap = self._own_numbers() if own else last_numbers_of(self._store, ownership)
        return Watermark(
            producer=ownership.producer,
            sealed_until=until,
            flush_interval_seconds=self._spool.flush_interval_seconds,
            last_sequence=last_sequence,
            last_gap=last_gap,
        )

    def _own_numbers(self) -> tuple[int, int]:
        """Up to where all our segments and gaps are in the store: what is left in the spool is not."""
        waiting = self._spool.ledger.names_of(self._spool.producer)
        left = self._estate.entries_of(self._estate.own)
        segments = {*waiting, *(entry.name for entry in left if entry.state is not State.GAP)}
        gaps = {entry.name for entry in left if entry.state is State.GAP}
        return (
            min([self._last_sequence, *(name.sequence - 1 for name in segments)]),
            min([self._estate.gaps.last, *(name.sequence - 1 for name in gaps)]),
        )

    def _asked(self, operation: str, request: Callable[[], T]) -> T:
        try:
            answer = request()
        except Exception as error:
            self._spool.ledger.note_request(operation, REFUSED if isinstance(error, StoreRefused) else FAILED)
            raise
        self._spool.ledger.note_request(operation, OK)
        return answer
