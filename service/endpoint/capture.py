"""Capture inside the endpoint process: takes answered exchanges, and brings every sampled one to the object store.

What lives here: the door for the event loop. Behind it: `writer` (queue to segment), `uploader` (segment to store),
`adoption` (what the dead left), `accounting` (where every record is). What does not: answering requests.

A record is safe from the death of the process once its line is written, moments after `offer` returns;
`wait_until_written` tells when. It is safe from a power failure 100 ms later, or when its segment is sealed.
"""

import os
import random
from datetime import UTC
from functools import partial
from pathlib import Path

from monitor_jobs.contract.capture import DataCaptureConfig
from monitor_jobs.contract.errors import BadInput
from monitor_jobs.object_store import ObjectStore
from service.core.deployment import EndpointSpec, Exchange
from service.core.sampling import is_sampled
from service.endpoint.accounting import Ledger
from service.endpoint.adoption import Estate
from service.endpoint.capture_lines import line_of
from service.endpoint.ownership import Destination, Ownership, become_producer
from service.endpoint.segment import Files
from service.endpoint.snapshot import Snapshot
from service.endpoint.spool import Clock, Spool
from service.endpoint.uploader import Uploader
from service.endpoint.writer import Writer

QUEUE_BYTES = 64 * 2**20  # what a slow disk may cost in memory
EXCHANGE_OVERHEAD_BYTES = 1024  # metadata and framing of one record
CLOSE_SECONDS = 20.0  # an endpoint has 30 s between SIGTERM and SIGKILL


class Capture:
    """The port CaptureSink: `offer` from one event loop, `close` once after the last offer."""

    def __init__(
        self, config: DataCaptureConfig, spool: Spool, uploader: Uploader, *, generator: random.Random
    ) -> None:
        self._config = config
        self._spool = spool
        self._writer = Writer(spool, partial(line_of, config=config))
        self._uploader = uploader
        self._generator = generator
        self._writer.start()
        self._uploader.start()

    def offer(self, exchange: Exchange) -> None:
        """Take a sampled exchange into the queue, or count it as dropped; returns at once and does no I/O."""
        if not self._config.enable_capture or not self._is_sampled():
            return
        size_bytes = len(exchange.request_body) + len(exchange.response_body) + EXCHANGE_OVERHEAD_BYTES
        ticket = self._spool.ledger.admit(exchange.answered_at.astimezone(UTC), size_bytes)
        if ticket is not None:
            self._writer.put(ticket, exchange)

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
        return is_sampled(self._config.initial_sampling_percentage, self._generator.random())


def start_capture(
    spec: EndpointSpec, store: ObjectStore, *, clock: Clock, generator: random.Random, files: Files = os
) -> Capture:
    """Begin to capture, and to deliver what dead processes left in the spool folder.

    `generator` must not be seeded alike in two processes. Raises BadInput where the spec asks for no capture, or the
    spool folder cannot be written to.
    """
    config = spec.data_capture
    if config is None:
        raise BadInput(f"endpoint {spec.endpoint} has no DataCaptureConfig: use NoCapture, or configure data capture")
    destination = Destination(destination=config.destination_s3_uri, endpoint=spec.endpoint, variant=spec.variant)
    own = _become_producer_in(spec.spool_folder, destination)
    ledger = Ledger(budget_bytes=spec.spool_budget_bytes, queue_bytes=QUEUE_BYTES)
    spool = Spool(spec.spool_folder, own.producer, spec.flush_interval_seconds, ledger, clock, files)
    return Capture(config, spool, Uploader(spool, Estate(spool, own), store, generator), generator=generator)


def _become_producer_in(folder: Path, destination: Destination) -> Ownership:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return become_producer(folder, destination)
    except OSError as error:
        raise BadInput(
            f"spool folder {folder} cannot be written to: {error}; make it a local folder of ours"
        ) from error
