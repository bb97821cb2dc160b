"""Capture inside the endpoint process: takes answered exchanges, and brings every sampled one to the object store.

What lives here: the door for those who answer. Behind it: `writer` (queue to segment), `syncer` (segment to disk),
`uploader` (segment to store), `adoption` (what the dead left), `accounting` (where every record is). What does not:
answering requests.

A record is safe from the death of the process once its line is written, and its answer waits for that: whoever got a
2xx has a capture that outlives kill -9. It is safe from a power failure once the next sync has ended, which is asked
for within 100 ms and waits for at most one before it; where durability is `power`, the answer waits for that too.
"""

import os
import random
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from monitor_jobs.contract.capture import DataCaptureConfig
from monitor_jobs.contract.errors import BadInput
from monitor_jobs.object_store import ObjectStore
from service.core.deployment import Durability, EndpointSpec, Exchange, WhenSpoolIsFull
from service.core.sampling import is_sampled
from service.endpoint.accounting import Ledger
from service.endpoint.adoption import Estate
from service.endpoint.capture_lines import line_of, redacted_line_of
from service.endpoint.ownership import Destination, Ownership, become_producer, make_folder
from service.endpoint.ports import CaptureRefused, Tell
from service.endpoint.redaction import Redactor
from service.endpoint.segment import Files
from service.endpoint.snapshot import Fate, Snapshot
from service.endpoint.spool import Clock, Spool
from service.endpoint.uploader import Uploader
from service.endpoint.waiting import Told
from service.endpoint.writer import Encode, Writer

QUEUE_BYTES = 64 * 2**20  # what a slow disk may cost in memory
EXCHANGE_OVERHEAD_BYTES = 1024  # metadata and framing of one record
CLOSE_SECONDS = 20.0  # an endpoint has 30 s between SIGTERM and SIGKILL


class Capture:
    """The port CaptureSink: `close` once after the last exchange."""

    def __init__(
        self,
        config: DataCaptureConfig,
        spool: Spool,
        uploader: Uploader,
        *,
        generator: random.Random,
        when_full: WhenSpoolIsFull,
        durability: Durability,
        redactor: Redactor | None,
    ) -> None:
        self._config = config
        self._when_full = when_full
        self._spool = spool
        self._writer = Writer(spool, _encoder(config, redactor), durability)
        self._uploader = uploader
        self._generator = generator
        self._writer.start()
        self._uploader.start()

    def require_room(self) -> None:
        """Return; raise CaptureRefused where full spools are to refuse, and there is no room or the disk fails."""
        if self._when_full is WhenSpoolIsFull.DROP or not self._config.enable_capture:
            return
        if not self._spool.ledger.has_room or self._writer.disk_fails:
            raise CaptureRefused("captures find no room on the disk: wait, or see why the store does not take them")

    def before_answer(self, exchange: Exchange, tell: Tell) -> None:
        """Tell once the record is as durable as was asked for: in its segment, or on the disk.

        Where that fails, or takes longer than 30 s, it is answered nevertheless, unless captures are to refuse:
        CaptureRefused then.
        """
        if not self._is_sampled():
            tell(None)
        elif not self._take(exchange, partial(self._tell, tell)):
            self._tell(tell, Fate.AT_RISK)

    def offer(self, exchange: Exchange) -> None:
        """Take a sampled exchange into the queue, or count it as dropped, for callers who do not wait."""
        if self._is_sampled():
            self._take(exchange, None)

    def _tell(self, tell: Tell, fate: Fate) -> None:
        refused = fate is Fate.AT_RISK and self._when_full is WhenSpoolIsFull.REFUSE
        tell(CaptureRefused("the capture of this request is not safe: send it again") if refused else None)

    def _take(self, exchange: Exchange, told: Told | None) -> bool:
        """False where there is no room for it; else `told`, where it is given, will hear how that ended."""
        size_bytes = len(exchange.request_body) + len(exchange.response_body) + EXCHANGE_OVERHEAD_BYTES
        ticket = self._spool.ledger.admit(exchange.answered_at.astimezone(UTC), size_bytes)
        if ticket is not None:
            self._writer.put(ticket, exchange, told)
        return ticket is not None

    def wait_until_written(self, timeout_seconds: float) -> bool:
        """True once every exchange offered before is a line in the spool, or dropped: kill -9 cannot lose it."""
        return self._spool.ledger.wait_until_written(timeout_seconds)

    def snapshot(self) -> Snapshot:
        """Where every captured record is, at this instant."""
        return self._spool.ledger.snapshot()

    def close(self, timeout_seconds: float = CLOSE_SECONDS) -> None:
        """Write, seal and upload what was taken, close the watermark; an heir finds in the spool what takes longer."""
        self._spool.ledger.close()
        self._writer.finish(timeout_seconds / 2)
        self._uploader.finish(timeout_seconds / 2)

    def _is_sampled(self) -> bool:
        percentage = self._config.initial_sampling_percentage
        return self._config.enable_capture and is_sampled(percentage, self._generator.random())


def start_capture(
    spec: EndpointSpec,
    store: ObjectStore,
    *,
    clock: Clock,
    generator: random.Random,
    files: Files = os,
    redactor: Redactor | None = None,
) -> Capture:
    """Begin to capture, and to deliver what dead processes left in the spool folder.

    `generator` must not be seeded alike in two processes. Raises BadInput where the spec asks for redaction and there
    is no redactor; BadInput where the spec asks for no capture, or the
    spool folder cannot be written to.
    """
    config = spec.data_capture
    if config is None:
        raise BadInput(f"endpoint {spec.endpoint} has no DataCaptureConfig: use NoCapture, or configure data capture")
    destination = Destination(destination=config.destination_s3_uri, endpoint=spec.endpoint, variant=spec.variant)
    if spec.redaction is not None and redactor is None:
        raise BadInput(f"endpoint {spec.endpoint} must not capture without the redaction that it asks for")
    own = _become_producer_in(spec.spool_folder, destination, clock(), files)
    ledger = Ledger(budget_bytes=spec.spool_budget_bytes, queue_bytes=QUEUE_BYTES)
    spool = Spool(spec.spool_folder, own.producer, spec.flush_interval_seconds, ledger, clock, files)
    uploader = Uploader(spool, Estate(spool, own), store, generator)
    return Capture(
        config,
        spool,
        uploader,
        generator=generator,
        when_full=spec.when_spool_is_full,
        durability=spec.durability,
        redactor=redactor,
    )


def _encoder(config: DataCaptureConfig, redactor: Redactor | None) -> Encode:
    # chosen once: where there are no rules, no record asks whether there are
    if redactor is None:
        return partial(line_of, config=config)
    return partial(redacted_line_of, config=config, redactor=redactor)


def _become_producer_in(folder: Path, destination: Destination, born_at: datetime, files: Files) -> Ownership:
    try:
        make_folder(folder, files)
        return become_producer(folder, destination, born_at, files)
    except OSError as error:
        raise BadInput(
            f"spool folder {folder} cannot be written to: {error}; make it a local folder of ours"
        ) from error
