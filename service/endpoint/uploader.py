"""The thread that carries sealed segments to the object store, for its own producer and for those that died.

What lives here: delivery, backoff, gaps, watermarks. What does not: how files come about (writer) or into our hands
(adoption), what a manifest says (manifests). A failing store never costs a record: a file leaves the spool once the
store shows an object of its size under its address, and has its manifest.
"""

import logging
import random
import threading
from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import TypeVar

from monitor_jobs.contract.errors import NotFound, SextantError, StoreRefused, StoreUnavailable
from monitor_jobs.contract.manifest import Manifest, Outcome
from monitor_jobs.contract.watermark import SECOND, Gap, Watermark, floor_second
from monitor_jobs.object_store import ObjectStore, S3Address
from service.endpoint.adoption import Estate
from service.endpoint.manifests import last_sequence_of, lost, manifest_of, sealed_until_of
from service.endpoint.ownership import Destination, Ownership
from service.endpoint.recovery import Entry, is_readable, write_gap
from service.endpoint.segment import SegmentName, State, held
from service.endpoint.snapshot import FAILED, OK, REFUSED, DropReason
from service.endpoint.spool import GRACE, Spool

log = logging.getLogger(__name__)

IDLE_SECONDS = 5.0  # also how soon an heir notices that a producer died
BACKOFF_FLOOR_SECONDS = 0.2
BACKOFF_CEILING_SECONDS = 60.0
T = TypeVar("T")


def backoff_seconds(failures: int, draw: float) -> float:
    """How long to wait after so many failures in a row, 1 or more: full jitter, 0.2 s to 60 s; draw from [0, 1)."""
    ceiling = min(BACKOFF_CEILING_SECONDS, BACKOFF_FLOOR_SECONDS * 2.0 ** min(failures, 16))
    return BACKOFF_FLOOR_SECONDS + draw * (ceiling - BACKOFF_FLOOR_SECONDS)


class Uploader:
    """One thread. `generator` draws the jitter."""

    def __init__(self, spool: Spool, estate: Estate, store: ObjectStore, generator: random.Random) -> None:
        self._spool = spool
        self._estate = estate
        self._store = store
        self._generator = generator
        self._last_sequence = 0
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
            log.warning("capture_not_uploaded", extra={"error": str(error)})
        except Exception:
            log.exception("capture_upload_failed")
        else:
            return True
        return False

    def _cycle(self) -> None:
        if self._finishing.is_set():
            self._estate.stop_writing()
        due = self._spool.ticked.is_set()
        self._estate.sweep()
        self._account_for_vanished(self._estate.own)
        if due or self._finishing.is_set():
            self._write_gaps()
        self._deliver_all(self._estate.own)
        if due:
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
        name = SegmentName.new(self._spool.producer, 0, gap.start)
        try:
            write_gap(self._spool.folder, name, gap, self._spool.files)
        except OSError as error:
            log.warning("capture_gap_not_written", extra={"error": str(error)})
            # the disk that takes no captures may take no gap before this process ends; both places have one address
            address = self._estate.own.destination.address_of(name, State.GAP)
            self._asked("put", partial(self._store.put, address, gap.to_json()))

    def _deliver_all(self, ownership: Ownership) -> None:
        for entry in self._estate.entries_of(ownership):
            if self._giving_up.is_set() or (ownership is not self._estate.own and self._spool.wake.is_set()):
                return  # our own come first
            if entry.state is State.GAP or (entry.state is State.SEALED and entry.name in self._spool.ledger):
                self._deliver(entry, ownership.destination)

    def _deliver(self, entry: Entry, destination: Destination) -> None:
        try:
            with held(entry.path) as mine:
                if mine:
                    self._move(entry, destination)
        except (SextantError, OSError):
            if not is_readable(entry.path) and entry.path.exists():
                self._estate.set_aside(entry)
            raise

    def _move(self, entry: Entry, destination: Destination) -> None:
        address = destination.address_of(entry.name, entry.state)
        manifest = manifest_of(entry, address)
        if manifest is None or manifest.outcome is not Outcome.EMPTY:
            self._upload(entry, address)
        if manifest is not None:
            self._put_manifest(manifest, destination)
        self._spool.files.unlink(entry.path)
        self._spool.ledger.store(entry.name)

    def _upload(self, entry: Entry, address: S3Address) -> None:
        size_bytes = entry.path.stat().st_size
        self._asked("upload", partial(self._store.upload, entry.path, address))
        stored_bytes = self._asked("size", partial(self._store.size, address))
        if stored_bytes != size_bytes:
            raise StoreUnavailable(
                f"{address} holds {stored_bytes} bytes after an upload of {size_bytes}: see the store"
            )

    def _put_manifest(self, manifest: Manifest, destination: Destination) -> None:
        address = destination.manifest_of(manifest.producer, manifest.sequence)
        self._asked("put", partial(self._store.put, address, manifest.to_json()))
        if manifest.producer == self._spool.producer:
            self._last_sequence = max(self._last_sequence, manifest.sequence)
        if manifest.last_inference_time is not None:
            end = manifest.last_inference_time + SECOND
            self._ends[manifest.producer] = max(end, self._ends.get(manifest.producer, end))

    def _account_for_vanished(self, ownership: Ownership) -> None:
        for name in self._estate.vanished_of(ownership):
            log.warning("segment_vanished", extra={"uuid": str(name.uuid)})
            try:
                self._asked("size", partial(self._store.size, ownership.destination.address_of(name, State.SEALED)))
                self._spool.ledger.store(name)
            except NotFound:
                self._put_manifest(lost(name, Outcome.VANISHED), ownership.destination)
                self._spool.ledger.lose(name, DropReason.VANISHED)

    def _publish_watermark(self) -> None:
        self._spool.ticked.clear()
        try:
            until = self._spool.ledger.promise(self._spool.clock() - GRACE)
            self._put_watermark(self._estate.own, self._watermark(self._estate.own, until))
        except SextantError:
            self._spool.ticked.set()
            raise

    def _end_if_empty(self, ownership: Ownership) -> None:
        own = ownership is self._estate.own
        if self._estate.entries_of(ownership) or (own and not self._spool.ledger.is_written_down):
            return
        until = self._spool.ledger.promise(self._end_of(ownership)) if own else self._end_of(ownership)
        watermark = self._watermark(ownership, until)
        self._put_watermark(ownership, watermark.model_copy(update={"closed": True}))
        self._estate.end(ownership)

    def _end_of(self, ownership: Ownership) -> datetime:
        """Now, unless the clock was set back since: not before a record, nor before what was promised already."""
        now = floor_second(self._spool.clock())
        told = sealed_until_of(self._store, ownership)
        return max(now, self._ends.get(ownership.producer, now), told or now)

    def _watermark(self, ownership: Ownership, until: datetime) -> Watermark:
        own = ownership is self._estate.own
        return Watermark(
            producer=ownership.producer,
            sealed_until=until,
            flush_interval_seconds=self._spool.flush_interval_seconds,
            last_sequence=self._last_sequence if own else last_sequence_of(self._store, ownership),
        )

    def _put_watermark(self, ownership: Ownership, watermark: Watermark) -> None:
        address = ownership.destination.watermark_of(ownership.producer)
        self._asked("put", partial(self._store.put, address, watermark.model_dump_json().encode()))

    def _asked(self, operation: str, request: Callable[[], T]) -> T:
        try:
            answer = request()
        except Exception as error:
            self._spool.ledger.note_request(operation, REFUSED if isinstance(error, StoreRefused) else FAILED)
            raise
        self._spool.ledger.note_request(operation, OK)
        return answer
