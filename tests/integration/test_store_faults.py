"""Capture against a real S3 server that misbehaves in every way it knows, and heals: nothing is lost, nothing twice."""

import io
import json
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from monitor_jobs.contract.errors import StoreUnavailable
from monitor_jobs.object_store import S3Address
from monitor_jobs.object_store.s3 import S3Store
from service import logs
from service.endpoint.uploader import backoff_seconds
from tests.integration.capture_spool import (
    CAPTURES,
    NOON,
    Clock,
    offer_all,
    spec_of,
    spooled,
    started,
    stored_ids,
    stored_keys,
    watermarks,
)
from tests.servers.faulty_store import FaultyStore, Mode, Trusting, faulty_store
from tests.wait import wait_until

PATIENCE = 60
READ_SECONDS = 0.5
MANIFESTS = S3Address("bucket", "capture/_sextant/signs/AllTraffic/manifests/")
IDS = [f"i-{number:03}" for number in range(50)]


@dataclass(frozen=True)
class Noticed:
    """How a fault shows: the request that fails and as what, and words of the log."""

    request: tuple[str, str]
    words: str


FAULTS = {
    Mode.REFUSED: Noticed(("upload", "failed"), "EndpointConnectionError"),
    Mode.HUNG: Noticed(("upload", "failed"), "ReadTimeoutError"),
    Mode.FAILING: Noticed(("upload", "failed"), "it answered 500 InternalError"),
    Mode.BUSY: Noticed(("upload", "failed"), "it answered 503 SlowDown"),
    Mode.FORBIDDEN: Noticed(("upload", "refused"), "it answered 403 AccessDenied"),
    Mode.BUCKETLESS: Noticed(("upload", "refused"), "it answered 404 NoSuchBucket"),
    Mode.TRUNCATED: Noticed(("head", "failed"), "after the store had taken"),
    Mode.CORRUPTING: Noticed(("head", "failed"), "after the store had taken"),
    Mode.DROPPING: Noticed(("upload", "failed"), "ConnectionClosedError"),
}
EVERY_FAULT = pytest.mark.parametrize("mode", FAULTS)
A_LIE = pytest.mark.parametrize("mode", [Mode.TRUNCATED, Mode.CORRUPTING])


@pytest.fixture
def faulty() -> Iterator[FaultyStore]:
    with faulty_store(slow_seconds=READ_SECONDS / 2) as store:
        yield store


@pytest.fixture
def store(faulty):
    return faulty.connected(read_timeout_seconds=READ_SECONDS)


@pytest.fixture
def told() -> Iterator[Callable[[S3Address], str]]:
    """What the log said first went wrong at an address, as it is written; nothing where it has not yet."""
    root, stream = logging.getLogger(), io.StringIO()
    before = root.handlers[:], root.level
    logs.configure(stream)

    def error_at(address: S3Address) -> str:
        lines = map(json.loads, stream.getvalue().splitlines())
        errors = (line["error"] for line in lines if line["event"] == "capture_not_uploaded")
        return next((error for error in errors if str(address) in error), "")

    yield error_at
    logging.captureWarnings(capture=False)
    root.handlers[:], root.level = before


def failing_capture(tmp_path, faulty, store, mode):
    """A capture with sealed records that has noticed the fault."""
    clock = Clock(NOON)
    capture = started_well(tmp_path, store, clock)
    faulty.switch(mode)
    offer_all(capture, IDS, at=NOON)
    clock.advance(1)
    wait_until(lambda: requests(capture, FAULTS[mode]), timeout_seconds=PATIENCE, what=f"{mode} to be noticed")
    return capture


def started_well(tmp_path, store, clock):
    """A capture that has told a store that behaves of itself."""
    capture = started(spec_of(tmp_path), store, clock=clock)
    wait_until(
        lambda: ("head", "ok") in capture.snapshot().store_requests, timeout_seconds=PATIENCE, what="a watermark"
    )
    return capture


def requests(capture, noticed):
    return capture.snapshot().store_requests.get(noticed.request, 0)


@EVERY_FAULT
def test_while_the_store_misbehaves_nothing_leaves_the_spool_and_the_log_says_why(tmp_path, faulty, store, mode, told):
    capture = failing_capture(tmp_path, faulty, store, mode)
    error = wait_until(lambda: told(CAPTURES), timeout_seconds=PATIENCE, what="a line about the segment")
    now, kept = capture.snapshot(), spooled(spec_of(tmp_path), "sealed")
    faulty.switch(Mode.OK)
    capture.close()
    assert (len(kept), now.stored, now.backlog_records) == (1, 0, len(IDS))
    assert now.store_refuses is (FAULTS[mode].request[1] == "refused")
    assert FAULTS[mode].words in error


@EVERY_FAULT
def test_once_the_store_is_healed_it_holds_every_record_once(tmp_path, faulty, store, mode):
    capture = failing_capture(tmp_path, faulty, store, mode)
    faulty.switch(Mode.OK)
    wait_until(lambda: capture.snapshot().stored == len(IDS), timeout_seconds=PATIENCE, what="the records in the store")
    capture.close()
    assert (stored_ids(store), len(stored_keys(store))) == (IDS, 1)
    assert [watermark.closed for watermark in watermarks(store)] == [True]
    assert not capture.snapshot().store_refuses


def test_a_slow_store_is_no_failing_one(tmp_path, faulty, store):
    capture = started_well(tmp_path, store, Clock(NOON))
    faulty.switch(Mode.SLOW)
    offer_all(capture, IDS, at=NOON)
    capture.close()
    assert {outcome for _, outcome in capture.snapshot().store_requests} == {"ok"}
    assert stored_ids(store) == IDS


@A_LIE
def test_a_manifest_that_the_store_spoilt_is_put_again(tmp_path, faulty, store, mode):
    class SpoilsManifests(S3Store):
        """The store that misbehaves for the first manifest only."""

        spoilt = False

        def put(self, address, body):
            if self.spoilt or "/manifests/" not in address.key:
                return super().put(address, body)
            self.spoilt = True
            faulty.switch(mode)
            etag = super().put(address, body)
            faulty.switch(Mode.OK)
            return etag

    capture = started(spec_of(tmp_path), SpoilsManifests(store._client), clock=Clock(NOON))
    offer_all(capture, IDS, at=NOON)
    capture.close()
    (found,) = store.list(MANIFESTS)
    assert json.loads(store.get(found.address))["records"] == len(IDS)


@A_LIE
def test_whoever_trusts_every_200_loses_records(tmp_path, faulty, store, mode):
    capture = started_well(tmp_path, Trusting(store), Clock(NOON))
    faulty.switch(mode)
    offer_all(capture, IDS, at=NOON)
    capture.close()
    faulty.switch(Mode.OK)
    (found,) = store.list(CAPTURES)
    assert capture.snapshot().stored == len(IDS) > store.get(found.address).count(b"captureData")


def test_what_the_store_sends_half_of_is_no_answer(tmp_path, faulty, store):
    store.put(S3Address("bucket", "key"), b"body")
    faulty.switch(Mode.TRUNCATED)
    for deed in (
        lambda: store.get(S3Address("bucket", "key")),
        lambda: store.download(S3Address("bucket", "key"), tmp_path / "file"),
        lambda: list(store.list(S3Address("bucket", ""))),
    ):
        with pytest.raises(StoreUnavailable, match="s3://bucket/"):
            deed()


def test_a_store_may_change_its_mind_as_often_as_it_likes(tmp_path, faulty, store):
    clock = Clock(NOON)
    capture = started_well(tmp_path, store, clock)
    for mode, name in zip(FAULTS, IDS, strict=False):
        faulty.switch(mode)
        before = requests(capture, FAULTS[mode])
        offer_all(capture, [name], at=clock.now)
        clock.advance(1)
        wait_until(lambda: requests(capture, FAULTS[mode]) > before, timeout_seconds=PATIENCE, what=mode)  # noqa: B023
    faulty.switch(Mode.OK)
    clock.advance(1)
    wait_until(lambda: not capture.snapshot().backlog_records, timeout_seconds=PATIENCE, what="an empty spool")
    capture.close()
    assert stored_ids(store) == IDS[: len(FAULTS)]


def test_delivery_resumes_within_30_seconds_of_healing():
    hanging_request_seconds, longest_wait_seconds = 10, backoff_seconds(10_000, 1.0)
    assert hanging_request_seconds + longest_wait_seconds < 30
