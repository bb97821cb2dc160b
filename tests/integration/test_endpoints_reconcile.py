"""Endpoints made as they are wanted, with real processes and a clock that the test sets."""

import os
import signal
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import psutil
import pytest

from monitor_jobs.object_store import S3Address
from service.adapters.process_host import ProcessHost
from service.core.records import EndpointConfigRecord, EndpointRecord, ModelRecord
from service.core.states import EndpointStatus
from service.scheduler.endpoints import Endpoints
from tests import plain_http
from tests.endpoint_token import AUTHORIZED, TOKEN_SHA256
from tests.integration import job_program
from tests.integration.scheduling import NOON, House, StillHost
from tests.integration.tiny_package import write_tiny_package
from tests.wait import wait_until

START_SECONDS = 60


@dataclass
class Keeper:
    """One scheduler's view of the endpoints."""

    endpoints: Endpoints
    host: ProcessHost
    executor: ThreadPoolExecutor


@pytest.fixture
def house(tmp_path):
    house = House(tmp_path)
    house.store.upload(write_tiny_package(tmp_path), S3Address("bucket", "tiny.tar.gz"))
    yield house
    house.close()


@pytest.fixture
def keep(house, tmp_path):
    """Makes a keeper; in the end all endpoints are stopped."""
    keepers = []

    def make(host=None):
        host = host or ProcessHost(job_program.environment(SEXTANT_DATA=str(tmp_path)), token_sha256=TOKEN_SHA256)
        executor = ThreadPoolExecutor(4)
        keepers.append(Keeper(house.endpoints(host, executor), host, executor))
        return keepers[-1]

    yield make
    for keeper in keepers:
        keeper.endpoints.stop_all()
        keeper.executor.shutdown()


def want(house, name="tiny", *, package="s3://bucket/tiny.tar.gz", **environment):
    """Rows as control writes them for a new endpoint."""
    capture = {
        "InitialSamplingPercentage": 100,
        "DestinationS3Uri": "s3://bucket/captures",
        "CaptureOptions": [{"CaptureMode": "Output"}],
    }
    container = {"ModelDataUrl": package, "Environment": environment}
    variants = [{"VariantName": "AllTraffic", "ModelName": name}]
    request = {"ProductionVariants": variants, "DataCaptureConfig": capture}
    now = house.clock()
    house.database.models.add(ModelRecord(name, now, {"PrimaryContainer": container}))
    house.database.endpoint_configs.add(EndpointConfigRecord(name, now, request))
    house.database.endpoints.add(EndpointRecord(name, name, EndpointStatus.CREATING, now, now))


def row(house, name="tiny"):
    return house.database.endpoints.get(name)


def handle_of(house):
    return row(house).running[0]["handle"]


def reach(house, keeper, status, name="tiny"):
    """The endpoint's row once it has that status, look after look."""

    def look():
        keeper.endpoints.reconcile()
        record = row(house, name)
        return record if record is not None and record.status is status else None

    return wait_until(look, timeout_seconds=START_SECONDS, what=f"{name} being {status}")


def invoke(house, body=b"hello"):
    return plain_http.post(f"{handle_of(house)['address']}/invocations", content=body, headers=AUTHORIZED)


def captures(house):
    return [entry.address.key for entry in house.store.list(S3Address.parse("s3://bucket/captures/tiny/"))]


def set_status(house, status):
    house.database.endpoints.save(replace(row(house), status=status))


def test_a_wanted_endpoint_comes_into_service_and_answers(house, keep):
    want(house)
    reach(house, keep(), EndpointStatus.IN_SERVICE)
    assert invoke(house).content == b"hello"


def test_a_model_that_does_not_load_fails_the_endpoint_with_its_own_sentence(house, keep):
    want(house, BEHAVIOUR="raise")
    reason = reach(house, keep(), EndpointStatus.FAILED).failure_reason
    assert "the weights are those of another network" in reason


def test_a_very_long_sentence_is_cut_to_what_the_wire_takes(house, keep):
    want(house, BEHAVIOUR="raise at length")
    reason = reach(house, keep(), EndpointStatus.FAILED).failure_reason
    assert 1000 < len(reason) <= 1024
    assert "missing keys" in reason


def test_a_process_that_ends_while_loading_fails_the_endpoint(house, keep):
    want(house, BEHAVIOUR="exit")
    assert reach(house, keep(), EndpointStatus.FAILED).failure_reason


def test_a_missing_package_is_named(house, keep):
    want(house, package="s3://bucket/nowhere.tar.gz")
    assert "s3://bucket/nowhere.tar.gz" in reach(house, keep(), EndpointStatus.FAILED).failure_reason


def test_an_endpoint_that_hangs_at_its_start_fails_after_four_minutes_and_is_ended(house, keep):
    want(house, BEHAVIOUR="hang")
    keeper = keep()
    keeper.endpoints.reconcile()
    house.clock.go(minutes=4)
    keeper.endpoints.reconcile()
    assert row(house).status is EndpointStatus.CREATING
    house.clock.go(seconds=1)
    keeper.endpoints.reconcile()
    assert row(house).failure_reason == "/ping did not answer 200 within 0:04:00"
    wait_until(lambda: not keeper.host.running(handle_of(house)), timeout_seconds=40, what="the process's end")


def test_an_endpoint_that_waited_long_for_a_scheduler_still_gets_its_four_minutes(house, keep):
    want(house)
    house.clock.go(hours=1)
    reach(house, keep(), EndpointStatus.IN_SERVICE)


def test_a_configuration_that_is_gone_is_named(house, keep):
    want(house)
    house.database.endpoint_configs.remove("tiny")
    reason = reach(house, keep(), EndpointStatus.FAILED).failure_reason
    assert reason == "endpoint configuration tiny is gone: create the endpoint again"


def test_a_model_that_is_gone_is_named(house, keep):
    want(house)
    house.database.models.remove("tiny")
    assert reach(house, keep(), EndpointStatus.FAILED).failure_reason == "model tiny is gone: create it again"


def test_an_endpoint_that_dies_is_started_again(house, keep):
    want(house)
    keeper = keep()
    reach(house, keeper, EndpointStatus.IN_SERVICE)
    first = handle_of(house)
    os.kill(first["pid"], signal.SIGKILL)
    wait_until(lambda: not keeper.host.running(first), timeout_seconds=20, what="its death")
    keeper.endpoints.reconcile()
    second = handle_of(house)
    assert second["pid"] != first["pid"]
    wait_until(lambda: keeper.host.ready(second), timeout_seconds=START_SECONDS, what="its second life")
    assert row(house).status is EndpointStatus.IN_SERVICE


def test_a_restart_needs_no_configuration_any_more(house, keep):
    want(house)
    keeper = keep()
    reach(house, keeper, EndpointStatus.IN_SERVICE)
    house.database.endpoint_configs.remove("tiny")
    house.database.models.remove("tiny")
    first = handle_of(house)
    keeper.host.stop(first)
    keeper.endpoints.reconcile()
    assert handle_of(house)["pid"] != first["pid"]


def test_the_next_scheduler_adopts_what_lives(house, keep):
    want(house)
    reach(house, keep(), EndpointStatus.IN_SERVICE)
    before = row(house)
    keep().endpoints.reconcile()
    assert row(house) == before
    assert invoke(house).status_code == 200


def test_a_deleted_endpoint_is_drained_flushed_and_gone(house, keep):
    want(house)
    keeper = keep()
    reach(house, keeper, EndpointStatus.IN_SERVICE)
    handle = handle_of(house)
    assert invoke(house).status_code == 200
    set_status(house, EndpointStatus.DELETING)
    wait_until(lambda: keeper.endpoints.reconcile() or row(house) is None, timeout_seconds=40, what="its end")
    assert not keeper.host.running(handle)
    assert len(captures(house)) == 1


def test_a_failed_endpoint_can_be_deleted(house, keep):
    want(house, BEHAVIOUR="exit")
    keeper = keep()
    reach(house, keeper, EndpointStatus.FAILED)
    set_status(house, EndpointStatus.DELETING)
    wait_until(lambda: keeper.endpoints.reconcile() or row(house) is None, timeout_seconds=40, what="its end")


def test_stopping_all_loses_no_capture_and_keeps_what_is_wanted(house, keep):
    want(house)
    keeper = keep()
    reach(house, keeper, EndpointStatus.IN_SERVICE)
    for _ in range(5):
        invoke(house)
    handle = handle_of(house)
    keeper.endpoints.stop_all()
    assert not keeper.host.running(handle)
    assert row(house).status is EndpointStatus.IN_SERVICE
    stored = [house.store.get(S3Address("bucket", key)) for key in captures(house)]
    assert b"".join(stored).count(b"\n") == 5


def test_an_endpoint_that_was_stopped_while_it_loaded_is_started_again(house, keep):
    want(house)
    first, second = keep(), keep()
    first.endpoints.reconcile()
    first.endpoints.stop_all()
    assert row(house).status is EndpointStatus.CREATING
    reach(house, second, EndpointStatus.IN_SERVICE)


def test_two_schedulers_leave_one_process(house, keep):
    want(house)
    keepers = [keep(), keep()]
    with ThreadPoolExecutor(2) as both:
        list(both.map(lambda keeper: keeper.endpoints.reconcile(), keepers))
    reach(house, keepers[0], EndpointStatus.IN_SERVICE)
    assert len(_processes_of(house)) == 1


class _DeadHost(StillHost):
    """Endpoints that die at once, and one of which cannot even be started."""

    starts = 0

    def start(self, spec, *, folder):
        if spec.endpoint == "broken":
            raise OSError("no space left on device")
        self.starts += 1
        return super().start(spec, folder=folder)

    def running(self, _handle):
        return False


def test_an_endpoint_that_dies_again_and_again_is_restarted_with_pauses(house, keep):
    house.add_endpoint("tiny")
    host = _DeadHost()
    keeper = keep(host)
    for _ in range(5):
        keeper.endpoints.reconcile()
    assert host.starts == 1


def test_an_endpoint_that_ends_without_a_word_still_has_a_reason(house, keep):
    want(house)
    reason = reach(house, keep(_DeadHost()), EndpointStatus.FAILED).failure_reason
    assert reason == "its process ended without a word: see the scheduler's log"


def test_an_endpoint_that_cannot_be_started_keeps_no_other_from_it(house, keep):
    want(house, "broken")
    want(house, "tiny")
    keep(_DeadHost()).endpoints.reconcile()
    assert (row(house, "broken").running, len(row(house, "tiny").running)) == ([], 1)


@pytest.mark.parametrize("status", [EndpointStatus.FAILED, EndpointStatus.OUT_OF_SERVICE])
def test_what_is_not_wanted_is_not_started(house, keep, status):
    house.database.endpoints.add(EndpointRecord("tiny", "tiny", status, NOON, NOON))
    keep(_DeadHost()).endpoints.reconcile()
    assert row(house).running == []


def _processes_of(house):
    folder = str(house.folder / "endpoints/tiny/AllTraffic/spec-")
    processes = psutil.process_iter(["cmdline"])
    return [each for each in processes if any(word.startswith(folder) for word in each.info["cmdline"] or [])]
