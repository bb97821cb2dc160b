"""What the capture tests share: a spec, exchanges, a folder store that can be down, and what lies in it."""

import errno
import json
import os
import random
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

from monitor_jobs.contract.capture import DataCaptureConfig
from monitor_jobs.contract.errors import StoreUnavailable
from monitor_jobs.contract.manifest import Manifest
from monitor_jobs.contract.watermark import Gap, GapMarker, Watermark
from monitor_jobs.object_store import ObjectMissing, S3Address
from monitor_jobs.object_store.folder import FolderStore
from service.core.deployment import EndpointSpec, Exchange
from service.endpoint.capture import Capture, start_capture
from tests.endpoint_token import TOKEN_SHA256

CAPTURES = S3Address("bucket", "capture/signs/AllTraffic/")
MANIFESTS = S3Address("bucket", "capture/_sextant/signs/AllTraffic/manifests/")
WATERMARKS = S3Address("bucket", "capture/_sextant/signs/AllTraffic/watermarks/")
GAPS = S3Address("bucket", "capture/_sextant/signs/AllTraffic/gaps/")
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


class Clock:
    """Time that moves when it is told to."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


class Switched(FolderStore):
    """A real folder store behind a switch; while it is off every request fails as an unreachable store does."""

    on = True

    def put(self, address: S3Address, body: bytes) -> None:
        self._require()
        super().put(address, body)

    def upload(self, path: Path, address: S3Address) -> None:
        self._require()
        super().upload(path, address)

    def take(self, path: Path, address: S3Address) -> None:
        self._require()
        super().take(path, address)

    def _require(self) -> None:
        if not self.on:
            raise StoreUnavailable("the store is switched off")


def config_of(*, percentage: int = 100, mode: str = "InputAndOutput") -> DataCaptureConfig:
    return DataCaptureConfig.model_validate(
        {
            "InitialSamplingPercentage": percentage,
            "DestinationS3Uri": "s3://bucket/capture",
            "CaptureOptions": [{"CaptureMode": mode}],
            "CaptureContentTypeHeader": {"CsvContentTypes": ["text/csv"], "JsonContentTypes": ["application/json"]},
        }
    )


def spec_of(
    folder: Path,
    *,
    config: DataCaptureConfig | None = None,
    budget_bytes: int = 2**30,
    flush_seconds: float = 1,
    **policies: str,
) -> EndpointSpec:
    return EndpointSpec(
        endpoint="signs",
        variant="AllTraffic",
        model_name="signs",
        model_data_url="s3://bucket/model.tar.gz",
        data_capture=config or config_of(),
        spool_folder=folder / "spool",
        spool_budget_bytes=budget_bytes,
        flush_interval_seconds=flush_seconds,
        token_sha256=TOKEN_SHA256,
        **policies,
    )


def exchange_of(inference_id: str, *, at: datetime | None = None, request_bytes: int = 16) -> Exchange:
    return Exchange(
        request_body=b"\0" * request_bytes,
        request_content_type="application/x-npy",
        response_body=b'{"predictions": [[14]]}',
        response_content_type="application/json; charset=utf-8",
        answered_at=at or datetime.now(UTC),
        inference_id=inference_id,
    )


def started(spec: EndpointSpec, store: FolderStore, *, clock: Clock | None = None, **seams) -> Capture:
    return start_capture(spec, store, clock=clock or (lambda: datetime.now(UTC)), generator=random.Random(7), **seams)


def offer_all(capture: Capture, inference_ids, **fields) -> None:
    for inference_id in inference_ids:
        capture.offer(exchange_of(inference_id, **fields))
    assert capture.wait_until_written(30)


def offer_one_by_one(capture: Capture, inference_ids, **fields) -> None:
    """No two of these are written by one call."""
    for inference_id in inference_ids:
        offer_all(capture, [inference_id], **fields)


def stored_keys(store: FolderStore) -> list[str]:
    return [found.address.key.removeprefix(CAPTURES.key) for found in store.list(CAPTURES)]


def stored_records(store: FolderStore) -> list[dict]:
    objects = (store.get(found.address) for found in store.list(CAPTURES))
    return [json.loads(line) for body in objects for line in body.splitlines()]


def stored_ids(store: FolderStore) -> list[str]:
    return sorted(record["eventMetadata"]["inferenceId"] for record in stored_records(store))


def watermarks(store: FolderStore) -> list[Watermark]:
    """Every watermark, each as far as it has come; one is closed by a move, and may be listed twice, or be gone."""
    found: dict[str, Watermark] = {}
    for entry in store.list(WATERMARKS):
        with suppress(ObjectMissing):
            mark = Watermark.from_json(store.get(entry.address))
            found[mark.producer] = max(mark, found.get(mark.producer, mark), key=lambda each: each.closed)
    return list(found.values())


def gaps(store: FolderStore) -> list[Gap]:
    return [GapMarker.from_json(store.get(found.address)).gap for found in store.list(GAPS)]


def manifests(store: FolderStore) -> list[Manifest]:
    return [Manifest.from_json(store.get(found.address)) for found in store.list(MANIFESTS)]


def spooled(spec: EndpointSpec, suffix: str) -> list[Path]:
    return sorted(spec.spool_folder.glob(f"*.{suffix}"))


class FaultyFiles:
    """The module os, except that calls of one name fail while told to; the real file system does the rest."""

    def __init__(self, call: str, number: int) -> None:
        self.call = call
        self.number = number
        self.passing = self.left = 0

    def fail(self, times: int, *, after: int = 0) -> None:
        self.passing, self.left = after, times

    def __getattr__(self, name: str):
        real = getattr(os, name)
        return partial(self.faulty, real) if name == self.call else real

    def faulty(self, real, *arguments):
        if not self.due():
            return real(*arguments)
        raise OSError(self.number, os.strerror(self.number))

    def due(self) -> bool:
        if self.passing:
            self.passing -= 1
            return False
        if not self.left:
            return False
        self.left -= 1
        return True


class HalfWrites(FaultyFiles):
    """A disk that takes half of a record before it is full, as ext4 does."""

    def __init__(self) -> None:
        super().__init__("write", errno.ENOSPC)

    def faulty(self, real, descriptor, content):
        return real(descriptor, content[: len(content) // 2] if self.due() else content)
