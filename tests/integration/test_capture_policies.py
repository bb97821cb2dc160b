"""What a full spool and a power failure cost, as the spec asks for it; what a store that refuses is told to be."""

import asyncio
import errno
import os
import threading

import pytest

from monitor_jobs.contract.errors import StoreRefused
from service.endpoint.ports import CaptureRefused
from service.endpoint.snapshot import DropReason
from service.endpoint.writer import SEGMENT_BYTES
from tests import plain_http
from tests.answering import captured
from tests.endpoint_token import AUTHORIZED
from tests.integration.capture_spool import (
    NOON,
    Clock,
    FaultyFiles,
    Switched,
    exchange_of,
    offer_all,
    spec_of,
    started,
    stored_ids,
)
from tests.integration.tiny_package import INFERENCE
from tests.servers.endpoint import running_endpoint, write_package
from tests.wait import wait_until

PATIENCE = 60
SMALL = {"budget_bytes": 4000, "when_spool_is_full": "refuse"}


@pytest.fixture
def store(tmp_path):
    return Switched(tmp_path / "data")


def filled(capture):
    """How many requests were answered until the next one was refused."""
    answered = 0
    while _has_room(capture):
        offer_all(capture, [str(answered)], at=NOON)
        answered += 1
    return answered


def test_a_spool_with_room_refuses_nothing(tmp_path, store):
    capture = started(spec_of(tmp_path, when_spool_is_full="refuse"), store)
    capture.require_room()
    capture.close()


def test_a_full_spool_refuses_before_it_drops(tmp_path, store):
    store.on = False
    capture = started(spec_of(tmp_path, budget_bytes=20_000, when_spool_is_full="refuse"), store, clock=Clock(NOON))
    answered = filled(capture)
    assert (answered > 10, sum(capture.snapshot().dropped.values())) == (True, 0)
    store.on = True
    capture.close()
    assert len(stored_ids(store)) == answered


def test_a_spool_that_empties_again_takes_requests_again(tmp_path, store):
    clock = Clock(NOON)
    capture = started(spec_of(tmp_path, **SMALL), store, clock=clock)
    assert filled(capture) < 10
    clock.advance(5)
    wait_until(lambda: not capture.snapshot().backlog_records, timeout_seconds=PATIENCE, what="an empty spool")
    capture.require_room()
    capture.close()


def test_a_full_spool_that_may_drop_refuses_nothing(tmp_path, store):
    capture = started(spec_of(tmp_path, budget_bytes=1), store)
    offer_all(capture, ["dropped"])
    capture.require_room()
    capture.close()
    assert capture.snapshot().dropped[DropReason.SPOOL_FULL] == 1


def test_a_disk_that_fails_refuses_after_the_first_loss(tmp_path, store):
    files = FaultyFiles("write", errno.ENOSPC)
    capture = started(spec_of(tmp_path, when_spool_is_full="refuse"), store, clock=Clock(NOON), files=files)
    capture.require_room()
    files.fail(1)
    offer_all(capture, ["lost"], at=NOON)
    with pytest.raises(CaptureRefused, match="no room on the disk"):
        capture.require_room()
    wait_until(lambda: _has_room(capture), timeout_seconds=PATIENCE, what="the next attempt")
    capture.close()


def _has_room(capture):
    try:
        capture.require_room()
    except CaptureRefused:
        return False
    return True


class Watched:
    """The module os; every sync of content waits to be let through, and is counted."""

    def __init__(self, *, fails=False):
        self.let = threading.Semaphore(0)
        self.waiting = self.syncs = 0
        self.fails = fails

    def __getattr__(self, name):
        return getattr(os, name)

    def fdatasync(self, descriptor):
        self.waiting += 1
        self.let.acquire(timeout=PATIENCE)
        self.syncs += 1
        if self.fails:
            raise OSError(errno.EIO, "no")
        os.fdatasync(descriptor)


def power_safe(tmp_path, store, files, **policies):
    spec = spec_of(tmp_path, durability="power", flush_seconds=3600, **policies)
    return started(spec, store, clock=Clock(NOON), files=files)


def test_an_answer_waits_for_the_disk(tmp_path, store):
    files = Watched()
    capture = power_safe(tmp_path, store, files)

    async def answers():
        waiting = asyncio.ensure_future(captured(capture, exchange_of("i", at=NOON)))
        await asyncio.sleep(0)  # it begins
        await asyncio.to_thread(capture.wait_until_written, PATIENCE)
        early = waiting.done()
        files.let.release()
        await waiting
        return early

    assert (asyncio.run(answers()), files.syncs) == (False, 1)
    files.let.release(100)
    capture.close()
    assert stored_ids(store) == ["i"]


def test_all_answers_that_wait_share_syncs(tmp_path, store):
    files = Watched()
    capture = power_safe(tmp_path, store, files)

    async def answers():
        first = asyncio.ensure_future(captured(capture, exchange_of("first", at=NOON)))
        await asyncio.sleep(0)  # it begins
        await asyncio.to_thread(capture.wait_until_written, PATIENCE)
        others = [asyncio.ensure_future(captured(capture, exchange_of(str(n), at=NOON))) for n in range(50)]
        await asyncio.sleep(0)  # all of them are in the queue now, while the first one's sync runs
        files.let.release(2)
        await asyncio.gather(first, *others)

    asyncio.run(answers())
    assert files.syncs == 2
    files.let.release(100)
    capture.close()
    assert len(stored_ids(store)) == 51


def test_an_answer_of_a_process_waits_until_its_record_is_written_and_not_for_the_disk(tmp_path, store):
    files = Watched()
    capture = started(spec_of(tmp_path, flush_seconds=3600), store, clock=Clock(NOON), files=files)
    asyncio.run(captured(capture, exchange_of("i", at=NOON)))
    [segment] = (tmp_path / "spool").glob("*.open")
    assert (segment.read_bytes().count(b"\n"), files.syncs) == (1, 0)
    files.let.release(100)
    capture.close()


@pytest.mark.parametrize("request_bytes", [16, SEGMENT_BYTES])  # the larger one fills its segment
def test_an_answer_that_waits_for_the_disk_finds_its_record_there(tmp_path, store, request_bytes):
    files = Watched()
    files.let.release(100)
    capture = power_safe(tmp_path, store, files)
    asyncio.run(captured(capture, exchange_of("i", at=NOON, request_bytes=request_bytes)))
    assert files.syncs == 1
    capture.close()


def test_answers_of_a_process_go_on_while_the_disk_syncs(tmp_path, store):
    files, clock = Watched(), Clock(NOON)
    capture = started(spec_of(tmp_path, flush_seconds=3600), store, clock=clock, files=files)
    asyncio.run(captured(capture, exchange_of("before", at=NOON)))
    clock.advance(0.2)
    wait_until(lambda: files.waiting, timeout_seconds=PATIENCE, what="a sync that takes its time")
    asyncio.run(captured(capture, exchange_of("meanwhile", at=NOON)))
    assert files.syncs == 0
    files.let.release(100)
    capture.close()
    assert stored_ids(store) == ["before", "meanwhile"]


def test_each_answered_exchange_is_captured_once(tmp_path, store):
    files = Watched()
    files.let.release(100)
    capture = power_safe(tmp_path, store, files)
    asyncio.run(captured(capture, exchange_of("once", at=NOON)))
    capture.close()
    assert stored_ids(store) == ["once"]


@pytest.mark.parametrize(("policy", "refused"), [("drop", False), ("refuse", True)])
def test_a_disk_that_does_not_sync_refuses_the_answer_only_where_it_is_asked_to(tmp_path, store, policy, refused):
    files = Watched(fails=True)
    files.let.release(100)
    capture = power_safe(tmp_path, store, files, when_spool_is_full=policy)
    outcome = _outcome(capture, exchange_of("i", at=NOON))
    capture.close()
    assert isinstance(outcome, CaptureRefused) is refused


def _outcome(capture, exchange):
    try:
        asyncio.run(captured(capture, exchange))
    except CaptureRefused as error:
        return error
    return None


def test_what_is_not_sampled_does_not_wait_for_the_disk(tmp_path, store):
    files = Watched()
    off = spec_of(tmp_path, durability="power").data_capture.model_copy(update={"initial_sampling_percentage": 0})
    capture = power_safe(tmp_path, store, files, config=off)
    asyncio.run(captured(capture, exchange_of("i", at=NOON)))
    capture.close()
    assert (files.syncs, stored_ids(store)) == (0, [])


class Denied(Switched):
    """A store that denies access while it is off."""

    def _require(self):
        if not self.on:
            raise StoreRefused("AccessDenied")


def test_a_store_that_refuses_is_told_at_once_and_costs_nothing(tmp_path):
    store, clock = Denied(tmp_path / "data"), Clock(NOON)
    store.on = False
    capture = started(spec_of(tmp_path), store, clock=clock)
    wait_until(lambda: capture.snapshot().store_refuses, timeout_seconds=PATIENCE, what="the refusal")
    offer_all(capture, ["kept"], at=NOON)
    store.on = True
    clock.advance(5)
    wait_until(lambda: stored_ids(store) == ["kept"], timeout_seconds=PATIENCE, what="the record")
    wait_until(lambda: not capture.snapshot().store_refuses, timeout_seconds=PATIENCE, what="the end of it")
    capture.close()


def test_a_store_that_is_only_away_does_not_refuse(tmp_path, store):
    store.on = False
    capture = started(spec_of(tmp_path), store)
    wait_until(lambda: capture.snapshot().store_requests.get(("put", "failed")), timeout_seconds=PATIENCE, what="a try")
    assert not capture.snapshot().store_refuses
    capture.close(timeout_seconds=0.5)


@pytest.mark.parametrize("durability", ["process", "power"])
def test_an_endpoint_answers_503_with_retry_after_where_its_spool_is_full(tmp_path, durability):
    policies = {"when_spool_is_full": "refuse", "durability": durability, "spool_budget_bytes": 10_000}
    capture = spec_of(tmp_path).data_capture.model_dump(by_alias=True)
    package = write_package(tmp_path / "package", {"code/inference.py": INFERENCE})
    settings = {**policies, "data_capture": capture, "flush_interval_seconds": 3600}
    with running_endpoint(package, tmp_path, **settings) as endpoint:
        headers = {**AUTHORIZED, "content-type": "application/json", "accept": "application/json"}
        answers = [plain_http.post(f"{endpoint.url}/invoke", content=b"[[1, 2]]", headers=headers) for _ in range(60)]
    refused = [answer for answer in answers if answer.status_code == 503]
    assert {answer.status_code for answer in answers} == {200, 503}
    assert all(answer.headers["retry-after"] == "1" and "no room" in answer.json()["error"] for answer in refused)
