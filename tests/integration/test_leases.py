"""Schedulers that die, sleep, stop and share: every execution is run to its end once, and never twice at once."""

import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta

import psutil
import pytest

from monitor_jobs.contract.errors import Conflict
from service.core.ports import JobSpec
from service.core.records import ProcessingJobRecord
from service.core.states import ExecutionStatus, ProcessingJobStatus
from service.scheduler.leases import LEASE, claim, lapsed, renewing
from tests.integration import job_program
from tests.integration.scheduling import MINUTE, NOON
from tests.wait import wait_until

BEFORE_NOON = NOON - MINUTE / 2
BEYOND_LEASE = LEASE.total_seconds() + 1


@pytest.fixture
def house(house):
    house.capture(BEFORE_NOON)
    return house


@pytest.fixture
def kill_scheduler_of(house):
    """Runs a scheduler until the execution's job has started and is noted, and kills it; the job's first process."""

    def kill(execution):
        seconds, runs = (house.clock() - NOON).total_seconds(), house.runs
        with scheduler_process(house, seconds) as child:
            wait_until(lambda: house.runs > runs, timeout_seconds=60, what="the job's start")
            wait_until(lambda: _started_root(house, execution), timeout_seconds=60, what="the job's program")
            child.kill()
        return house.job_of(execution).handle["pid"]

    return kill


@contextmanager
def scheduler_process(house, seconds):
    command = [sys.executable, "-m", "tests.integration.scheduler_child", str(house.folder), str(seconds)]
    child = subprocess.Popen(command, env=job_program.environment())
    try:
        yield child
    finally:
        child.kill()
        child.wait()


def _started_root(house, execution):
    job = house.job_of(execution)
    if job is None or job.handle is None:
        return None
    root = house.folder / "jobs" / job.name / "root"
    return root if (root / job_program.STARTED).exists() else None


def lives(pid):
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


def test_a_killed_schedulers_execution_is_left_alone_until_its_lease_runs_out(house, kill_scheduler_of):
    house.add_schedule(action=("sleep",))
    execution = house.ask_for()
    orphan = kill_scheduler_of(execution)
    house.start().tick()
    assert lives(orphan)
    assert house.execution(execution).attempt == 1
    house.runner.end(house.job_of(execution).handle)


def test_the_orphan_is_ended_before_its_execution_runs_again(house, kill_scheduler_of, tmp_path):
    go = tmp_path / "go"
    house.add_schedule(action=("wait_for_go", str(go)))
    execution = house.ask_for()
    orphan = kill_scheduler_of(execution)
    first_job = house.job_of(execution).name
    house.clock.go(seconds=BEYOND_LEASE)
    process = house.start()
    process.tick()
    assert not lives(orphan)
    go.touch()
    ended = house.ended(process, execution)
    assert (ended.status, ended.attempt, house.runs) == (ExecutionStatus.COMPLETED, 2, 2)
    assert house.database.processing_jobs.get(first_job).status is ProcessingJobStatus.FAILED
    assert ended.processing_job_name != first_job


def test_an_execution_whose_scheduler_dies_twice_fails_and_says_so(house, kill_scheduler_of):
    house.add_schedule(action=("sleep",))
    execution = house.ask_for()
    orphans = []
    for _ in range(2):
        orphans.append(kill_scheduler_of(execution))
        house.clock.go(seconds=BEYOND_LEASE)
    ended = house.ended(house.start(), execution)
    assert (ended.status, ended.attempt, house.runs) == (ExecutionStatus.FAILED, 2, 2)
    assert ended.failure_reason.startswith("The scheduler ended while this execution ran")
    assert not any(map(lives, orphans))


def test_what_a_killed_scheduler_had_staged_is_removed(house, kill_scheduler_of):
    house.add_schedule(action=("sleep",))
    execution = house.ask_for()
    kill_scheduler_of(execution)
    root = _started_root(house, execution)
    house.clock.go(seconds=BEYOND_LEASE)
    process = house.start()
    wait_until(lambda: process.tick() or not root.exists(), timeout_seconds=20, what="the folder's end")


def test_a_job_that_was_being_stopped_when_its_scheduler_died_is_not_run_again(house, kill_scheduler_of):
    house.add_schedule(action=("sleep",))
    execution = house.ask_for()
    kill_scheduler_of(execution)
    job = house.job_of(execution)
    house.database.processing_jobs.save(replace(job, status=ProcessingJobStatus.STOPPING))
    house.clock.go(seconds=BEYOND_LEASE)
    assert house.ended(house.start(), execution).status is ExecutionStatus.STOPPED
    assert house.runs == 1


def test_a_clean_stop_gives_the_execution_back_without_counting_the_attempt(house):
    house.add_schedule(action=("sleep",))
    execution, process = house.ask_for(), house.start()
    house.running_job(process, execution)
    process.end()
    record = house.execution(execution)
    assert (record.status, record.attempt, record.lease_owner) == (ExecutionStatus.PENDING, 0, None)
    assert house.job_of(execution).failure_reason == "The scheduler was stopped while this job ran"


def test_after_a_clean_stop_the_next_scheduler_runs_it_to_its_end(house, tmp_path):
    go = tmp_path / "go"
    house.add_schedule(action=("wait_for_go", str(go)))
    execution, process = house.ask_for(), house.start()
    house.running_job(process, execution)
    process.end()
    go.touch()
    ended = house.ended(house.start(), execution)
    assert (ended.status, ended.attempt) == (ExecutionStatus.COMPLETED, 1)


def test_two_schedulers_share_the_slots_and_run_each_once(house):
    house.add_schedule(cron="cron(* * ? * * *)")
    for minute in range(5):
        house.capture(NOON + minute * MINUTE)
    processes = [house.start(), house.start()]
    house.clock.go(minutes=5)

    def all_ended():
        with ThreadPoolExecutor(2) as both:
            list(both.map(lambda process: process.tick(), processes))
        return len(house.executions(status=ExecutionStatus.COMPLETED)) == 5

    wait_until(all_ended, timeout_seconds=60, what="five executions")
    assert len(house.executions()) == 5
    assert house.runs == 5
    assert {row.attempt for row in house.executions()} == {1}


def test_a_machine_that_slept_longer_than_a_lease_goes_on_with_its_own_jobs(house, tmp_path):
    go = tmp_path / "go"
    house.add_schedule(action=("wait_for_go", str(go)))
    execution, process = house.ask_for(), house.start()
    house.running_job(process, execution)
    house.clock.go(hours=1)
    process.tick()
    go.touch()
    ended = house.ended(process, execution)
    assert (ended.status, ended.attempt, house.runs) == (ExecutionStatus.COMPLETED, 1, 1)


def test_a_scheduler_that_lost_its_execution_ends_the_job_and_publishes_nothing(house):
    house.add_schedule(action=("sleep",))
    execution, process = house.ask_for(), house.start()
    house.running_job(process, execution)
    pid = house.job_of(execution).handle["pid"]
    other = claim(house.database.executions, house.execution(execution), owner="other", clock=house.clock)
    wait_until(lambda: not lives(pid), timeout_seconds=20, what="the job's end")
    process.end()
    assert house.execution(execution) == other.record


def test_a_requested_job_of_a_killed_scheduler_fails_and_says_why(house):
    handle = house.runner.start(_job_spec(house))
    house.database.processing_jobs.add(_requested_job(house, started_at=NOON, handle=handle))
    started = house.folder / "jobs/asked/root" / job_program.STARTED
    wait_until(started.exists, timeout_seconds=60, what="the job's program")
    process = house.start()
    process.tick()
    assert lives(handle["pid"])
    house.clock.go(seconds=BEYOND_LEASE)
    process.tick()
    job = house.database.processing_jobs.get("asked")
    assert (job.status, lives(handle["pid"])) == (ProcessingJobStatus.FAILED, False)
    assert job.failure_reason == "The scheduler that ran this job ended before it did"


def test_two_schedulers_start_a_requested_job_once(house):
    house.database.processing_jobs.add(_requested_job(house, action=("leave_report", "0")))
    processes = [house.start(), house.start()]

    def ended():
        with ThreadPoolExecutor(2) as both:
            list(both.map(lambda process: process.tick(), processes))
        return house.database.processing_jobs.get("asked").ended_at

    wait_until(ended, timeout_seconds=30, what="the job's end")
    assert house.runs == 1


@pytest.mark.parametrize(
    ("ends_in", "expected"),
    [(timedelta(0), False), (LEASE, False), (timedelta(microseconds=-1), True), (3 * LEASE, True)],
)
def test_a_lease_holds_until_its_end_and_not_from_before_the_clock_was_set_back(ends_in, expected):
    assert lapsed(NOON + ends_in, NOON) is expected


def test_what_was_never_leased_has_lapsed():
    assert lapsed(None, NOON)


def test_of_two_claims_on_one_row_the_first_holds(house):
    house.add_schedule()
    row = house.execution(house.ask_for())
    held = [claim(house.database.executions, row, owner=owner, clock=house.clock) for owner in ("one", "two")]
    assert held[0].is_held()
    assert held[1] is None


def test_a_row_that_another_took_is_held_no_more_and_cannot_be_saved(house):
    house.add_schedule()
    held = claim(house.database.executions, house.execution(house.ask_for()), owner="one", clock=house.clock)
    claim(house.database.executions, held.record, owner="two", clock=house.clock)
    assert not held.is_held()
    with pytest.raises(Conflict):
        held.save(status=ExecutionStatus.COMPLETED)


def test_a_row_that_was_deleted_is_held_no_more(house):
    house.add_schedule()
    held = claim(house.database.executions, house.execution(house.ask_for()), owner="one", clock=house.clock)
    house.database.executions.remove(held.record.id)
    assert not held.is_held()


def test_every_save_renews_the_lease(house):
    house.add_schedule()
    held = claim(house.database.executions, house.execution(house.ask_for()), owner="one", clock=house.clock)
    house.clock.go(seconds=20)
    assert held.save().lease_until == NOON + timedelta(seconds=20) + LEASE


def test_a_lease_is_renewed_through_failures_of_the_database():
    calls = threading.Semaphore(0)

    def renew():
        calls.release()
        raise OSError("the database is away")

    with renewing(renew, every_seconds=0.01):
        assert all(calls.acquire(timeout=10) for _ in range(3))


def test_renewing_ends_with_its_row():
    calls = []

    def renew():
        calls.append(1)
        raise Conflict("taken")

    with renewing(renew, every_seconds=0.01):
        wait_until(lambda: "lease" not in {t.name for t in threading.enumerate()}, timeout_seconds=10, what="its end")
    assert len(calls) == 1


def _job_spec(house):
    root = house.folder / "jobs/asked/root"
    (root / "opt/ml").mkdir(parents=True)
    return JobSpec("asked", job_program.IMAGE, ("sleep",), {}, root, root / "log", MINUTE)


def _requested_job(house, *, action=("sleep",), **changes):
    request = {
        "ProcessingJobName": "asked",
        "ProcessingOutputConfig": {
            "Outputs": [{"OutputName": "o", "S3Output": {"S3Uri": "s3://bucket/out", "LocalPath": job_program.OUTPUT}}]
        },
        "AppSpecification": {"ImageUri": job_program.IMAGE, "ContainerArguments": action},
    }
    record = ProcessingJobRecord("asked", ProcessingJobStatus.IN_PROGRESS, NOON, NOON, request)
    return replace(record, **changes)
