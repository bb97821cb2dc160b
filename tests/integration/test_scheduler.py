"""The scheduler's tick against SQLite, a folder store and real jobs; the clock is the test's."""

import pytest
from sqlalchemy.exc import OperationalError

from monitor_jobs.contract.errors import StoreUnavailable
from monitor_jobs.object_store import S3Address
from monitor_jobs.object_store.folder import FolderStore
from service.core.records import ExecutionOrigin
from service.core.states import EndpointStatus, ExecutionStatus, ProcessingJobStatus, ScheduleStatus
from tests.integration.scheduling import FLUSH_SECONDS, MINUTE, NOON, PACKAGE, House
from tests.wait import wait_until

BEFORE_NOON = NOON - MINUTE / 2


@pytest.fixture
def house(tmp_path):
    house = House(tmp_path)
    house.add_endpoint()
    yield house
    house.close()


def judged(house, action, **changes):
    """The execution of one captured record by the test program, once it has ended."""
    house.add_schedule(action=action, **changes)
    house.capture(BEFORE_NOON)
    return house.ended(house.start(), house.ask_for())


def keys(house, prefix="s3://bucket/reports"):
    return [entry.address.key for entry in house.store.list(S3Address.parse(prefix))]


def test_a_clean_window_is_completed_with_the_jobs_own_message(house):
    ended = judged(house, ("leave_report", "0"))
    assert (ended.status, ended.exit_message, ended.violations) == (ExecutionStatus.COMPLETED, "done", 0)
    assert (ended.window_records, ended.attempt, ended.failure_reason) == (1, 1, None)


def test_violations_are_counted_and_are_no_failure(house):
    ended = judged(house, ("leave_report", "2"))
    assert (ended.status, ended.violations) == (ExecutionStatus.COMPLETED_WITH_VIOLATIONS, 2)
    assert house.job_of(ended.id).status is ProcessingJobStatus.COMPLETED


def test_outputs_lie_where_the_job_says(house):
    ended = judged(house, ("leave_report", "0"))
    folder = house.job_of(ended.id).request["ProcessingOutputConfig"]["Outputs"][0]["S3Output"]["S3Uri"]
    assert folder == f"s3://bucket/reports/digits/skew/2026/11/20/12/00-00-{ended.id}"
    assert len(keys(house, f"{folder}/")) == 3


def test_an_exit_code_is_told_with_the_last_log_lines(house):
    ended = judged(house, ("end_with", "3"))
    assert ended.status is ExecutionStatus.FAILED
    assert ended.failure_reason == "AlgorithmError: exit code 3. Last log lines:\nfirst line\nlast words"
    assert house.job_of(ended.id).exit_code == 3


def test_a_kill_is_told_with_its_likely_cause(house):
    reason = judged(house, ("kill_self", "9")).failure_reason
    assert reason == "AlgorithmError: exit code 137 (killed by SIGKILL, perhaps out of memory). The job logged nothing"


def test_a_long_log_is_cut_from_the_front(house):
    reason = judged(house, ("log_much", "1000")).failure_reason
    assert len(reason) <= 1024
    assert reason.endswith("line 999: " + "x" * 200)


def test_a_job_over_its_time_fails_with_that_reason(house):
    reason = judged(house, ("sleep",), max_runtime=1).failure_reason
    assert reason.startswith("AlgorithmError: MaxRuntimeInSeconds of 1 exceeded")


def test_a_message_that_is_not_utf8_fails_the_job_and_publishes_nothing(house):
    ended = judged(house, ("leave_broken_message",))
    assert ended.failure_reason == "message is not UTF-8 at byte 3: write the exit message as UTF-8"
    assert keys(house) == []


def test_outputs_of_a_job_that_failed_half_way_are_kept(house):
    ended = judged(house, ("leave_half_and_fail",))
    assert ended.failure_reason.endswith("half way through, the disk was full")
    assert [key.rpartition("/")[2] for key in keys(house)] == ["statistics.json"]


def test_an_image_that_cannot_run_here_fails_the_execution(house):
    ended = judged(house, ("sleep",), MonitoringAppSpecification={"ImageUri": "somewhere/else"})
    assert "'somewhere/else' cannot run as a process" in ended.failure_reason


def test_an_empty_window_starts_no_container(house):
    house.add_schedule()
    house.capture(NOON)
    ended = house.ended(house.start(), house.ask_for())
    assert (ended.status, ended.exit_message) == (ExecutionStatus.COMPLETED, "No verdict: 0 records")
    assert (ended.window_records, ended.violations, ended.processing_job_name, house.runs) == (0, 0, None, 0)


def test_nothing_that_was_staged_is_left_on_the_disk(house):
    ended = judged(house, ("leave_report", "0"))
    folder = house.folder / "jobs" / ended.processing_job_name
    wait_until(lambda: [path.name for path in folder.iterdir()] == ["log.txt"], timeout_seconds=10, what="tidiness")


def test_an_empty_window_leaves_no_folder(house):
    house.add_schedule()
    house.ended(house.start(), house.ask_for())
    wait_until(lambda: not list((house.folder / "jobs").glob("*")), timeout_seconds=10, what="tidiness")


def test_a_slot_becomes_one_execution_over_the_hour_before_it(house):
    house.add_schedule()
    house.capture(NOON)
    house.clock.go(hours=1)
    process = house.start()
    process.tick()
    (row,) = house.executions()
    assert (row.origin, row.scheduled_at, row.window_start) == (ExecutionOrigin.SLOT, house.clock(), NOON)
    ended = house.ended(process, row.id)
    assert ended.window_records == 1
    assert set(keys(house)) == {
        f"reports/digits/skew/2026/11/20/13/{name}.json" for name in ("constraint_violations", "report", "statistics")
    }


def test_slots_of_a_day_of_downtime_are_caught_up_and_older_ones_counted(house):
    house.add_schedule()
    house.clock.go(hours=30)
    house.start().tick()
    assert len(house.executions()) == 24
    assert house.database.schedules.get("skew").missed_slots == 6


def test_a_second_look_makes_no_second_execution(house):
    house.add_schedule()
    house.clock.go(hours=1)
    process = house.start()
    process.tick()
    process.tick()
    assert len(house.executions()) == 1


def test_a_stopped_schedule_makes_no_execution(house):
    house.add_schedule()
    row = house.database.schedules.get("skew")
    house.database.schedules.save(row.__class__(**{**_fields(row), "status": ScheduleStatus.STOPPED}))
    house.clock.go(hours=5)
    house.start().tick()
    assert house.executions() == []


def test_a_slot_that_was_judged_before_does_not_hold_up_the_later_ones(house):
    house.add_schedule()
    house.ask_for(at=NOON + 60 * MINUTE)
    house.clock.go(hours=2)
    house.start().tick()
    assert [row.scheduled_at.hour for row in house.executions()] == [13, 14]


def test_a_schedule_that_cannot_be_read_keeps_no_other_from_its_slots(house):
    house.add_schedule("a-broken")
    row = house.database.schedules.get("a-broken")
    house.database.schedules.save(row.__class__(**{**_fields(row), "request": {"MonitoringScheduleConfig": 1}}))
    house.add_schedule("good")
    house.clock.go(hours=1)
    house.start().tick()
    assert [row.schedule_name for row in house.executions()] == ["good"]


def test_a_clock_that_goes_back_repeats_no_slot_and_loses_none(house):
    house.add_schedule(cron="cron(* * ? * * *)")
    process = house.start()
    for passed in (3, -10, 8, 4):
        house.clock.go(minutes=passed)
        process.tick()
    assert [row.scheduled_at.minute for row in house.executions()] == [1, 2, 3, 4, 5]


def test_executions_of_one_schedule_never_overlap_and_keep_their_order(house, tmp_path):
    go = tmp_path / "go"
    house.add_schedule(action=("wait_for_go", str(go)))
    house.capture(BEFORE_NOON)
    first, second = house.ask_for(at=NOON), house.ask_for(at=NOON + MINUTE)
    process = house.start()
    house.running_job(process, first)
    process.tick()
    assert house.execution(second).status is ExecutionStatus.PENDING
    go.touch()
    house.ended(process, second)
    assert house.execution(first).modified_at <= house.execution(second).modified_at


def test_executions_wait_for_a_place_and_not_in_a_queue(house, tmp_path):
    go = tmp_path / "go"
    house.capture(BEFORE_NOON)
    ids = []
    for name in ("a", "b", "c"):
        house.add_schedule(name, action=("wait_for_go", str(go)))
        ids.append(house.ask_for(schedule=name))
    process = house.start()
    for execution in ids[:2]:
        house.running_job(process, execution)
    third = house.execution(ids[2])
    assert (third.status, third.attempt) == (ExecutionStatus.PENDING, 0)
    go.touch()
    assert house.ended(process, ids[2]).attempt == 1


def test_a_window_waits_until_every_producer_has_sealed_beyond_it(house):
    house.add_schedule()
    house.seal(NOON, producer="quick")
    house.seal(NOON - MINUTE, producer="slow")
    execution = house.ask_for()
    process = house.start()
    process.tick()
    assert house.execution(execution).status is ExecutionStatus.PENDING
    house.seal(NOON, producer="slow")
    assert house.ended(process, execution).exit_message == "No verdict: 0 records"


def test_a_producer_that_has_ended_is_not_waited_for(house):
    house.add_schedule()
    house.seal(NOON - 60 * MINUTE, closed=True)
    assert house.ended(house.start(), house.ask_for()).status is ExecutionStatus.COMPLETED


def test_a_window_that_has_not_ended_is_not_judged(house):
    house.add_schedule()
    execution = house.ask_for(end=NOON + MINUTE)
    house.start().tick()
    assert house.execution(execution).status is ExecutionStatus.PENDING


@pytest.mark.parametrize("records", [0, 1])
def test_waiting_is_given_up_after_the_flush_interval_and_thirty_seconds(house, records):
    house.add_schedule()
    house.seal(NOON - MINUTE, producer="lost")
    for _ in range(records):
        house.capture(BEFORE_NOON)
    execution = house.ask_for()
    process = house.start()
    house.clock.go(seconds=FLUSH_SECONDS + 29)
    process.tick()
    assert house.execution(execution).status is ExecutionStatus.PENDING
    house.clock.go(seconds=1)
    assert house.ended(process, execution).exit_message.endswith(". Gave up waiting for captures of lost.")


def test_a_watermark_that_cannot_be_read_is_no_reason_to_wait(house):
    house.add_schedule()
    house.store.put(S3Address.parse("s3://bucket/captures/_sextant/digits/AllTraffic/watermarks/x.json"), b"{")
    assert house.ended(house.start(), house.ask_for()).status is ExecutionStatus.COMPLETED


def test_a_deleted_schedule_fails_what_it_had_pending(house):
    house.add_schedule()
    execution = house.ask_for()
    house.database.schedules.remove("skew")
    reason = house.ended(house.start(), execution).failure_reason
    assert reason == "schedule skew was deleted before this execution started"


def test_a_deleted_endpoint_fails_what_is_pending(house):
    house.add_schedule()
    house.database.endpoints.remove("digits")
    reason = house.ended(house.start(), house.ask_for()).failure_reason
    assert reason == "endpoint digits does not run: create it, or delete the schedule"


def test_a_deleted_endpoint_configuration_changes_nothing(house):
    assert house.database.endpoint_configs.get("digits") is None
    assert judged(house, ("leave_report", "0")).status is ExecutionStatus.COMPLETED


def test_a_deleted_model_package_is_named(house):
    house.store.delete(S3Address.parse(PACKAGE))
    assert judged(house, ("leave_report", "0")).failure_reason == (
        f"model package {PACKAGE} is gone from the store: upload it again"
    )


def test_a_missing_baseline_is_named(house):
    baseline = {"ConstraintsResource": {"S3Uri": "s3://bucket/none/constraints.json"}}
    ended = judged(house, ("leave_report", "0"), BaselineConfig=baseline)
    assert ended.failure_reason.startswith("No S3 objects found under S3 URL s3://bucket/none/constraints.json")
    assert house.job_of(ended.id).failure_reason == ended.failure_reason


def test_an_endpoint_that_captures_nothing_is_named(house):
    house.add_endpoint("quiet", data_capture=None)
    quiet = house.database.endpoints.get("quiet")
    digits = house.database.endpoints.get("digits")
    house.database.endpoints.save(digits.__class__(**{**_fields(digits), "running": quiet.running}))
    house.add_schedule()
    assert "captures nothing" in house.ended(house.start(), house.ask_for()).failure_reason


def test_a_job_that_is_stopped_on_request_stops_its_execution(house):
    house.add_schedule(action=("sleep",))
    house.capture(BEFORE_NOON)
    execution, process = house.ask_for(), house.start()
    house.running_job(process, execution)
    _stop_job(house, house.execution(execution).processing_job_name)
    ended = house.ended(process, execution)
    assert (ended.status, ended.failure_reason) == (ExecutionStatus.STOPPED, None)
    assert house.job_of(execution).status is ProcessingJobStatus.STOPPED
    assert keys(house) == []


class _FailingStore(FolderStore):
    """A folder store that is down until told otherwise."""

    down = True

    def list(self, prefix):
        if self.down:
            raise StoreUnavailable("the store is down")
        return super().list(prefix)


def test_an_execution_waits_while_the_store_is_down(house):
    store = _FailingStore(house.folder)
    house.add_schedule()
    house.capture(BEFORE_NOON)
    execution, process = house.ask_for(), house.start(store=store)
    process.tick()
    assert house.execution(execution).status is ExecutionStatus.PENDING
    store.down = False
    assert house.ended(process, execution).status is ExecutionStatus.COMPLETED


class _NeverDownloads(FolderStore):
    def download(self, address, path):
        raise StoreUnavailable(f"{address} cannot be read now")


def test_a_store_that_fails_while_staging_is_tried_twice(house):
    house.add_schedule()
    house.capture(BEFORE_NOON)
    ended = house.ended(house.start(store=_NeverDownloads(house.folder)), house.ask_for())
    assert (ended.status, ended.attempt) == (ExecutionStatus.FAILED, 2)
    assert ended.failure_reason.endswith("cannot be read now (2 attempts)")


def test_a_database_that_is_locked_for_a_tick_ends_nothing(house):
    house.add_schedule()
    house.clock.go(hours=1)
    process = house.start()
    with house.database.engine.connect() as other:
        other.exec_driver_sql("PRAGMA busy_timeout=0")
        _refuse_to_wait(house)
        process.tick()
        assert house.executions() == []
    process.tick()
    assert len(house.executions()) == 1


def test_a_requested_job_is_run_once_and_its_outputs_uploaded(house):
    process, name = house.start(), _request_job(house, "leave_report", "0")
    job = _ended_job(house, process, name)
    process.tick()
    assert (job.status, job.exit_message, house.runs) == (ProcessingJobStatus.COMPLETED, "done", 1)
    assert len(keys(house, "s3://bucket/out")) == 3


def test_a_requested_job_that_breaks_the_service_still_ends(house):
    name = _request_job(house, "leave_report", "0", LocalPath="not/absolute")
    job = _ended_job(house, house.start(), name)
    assert job.status is ProcessingJobStatus.FAILED
    assert "not/absolute" in job.failure_reason


def test_a_requested_job_that_was_stopped_before_it_started_never_starts(house):
    name = _request_job(house, "leave_report", "0")
    _stop_job(house, name)
    assert _ended_job(house, house.start(), name).status is ProcessingJobStatus.STOPPED
    assert house.runs == 0


def test_a_requested_job_without_input_objects_says_so(house):
    source = {"S3Uri": "s3://bucket/nothing", "LocalPath": "/opt/ml/processing/input"}
    name = _request_job(house, "leave_report", "0", inputs=[{"InputName": "data", "S3Input": source}])
    assert (
        "No S3 objects found under S3 URL s3://bucket/nothing" in _ended_job(house, house.start(), name).failure_reason
    )


def test_an_endpoint_in_service_stays_so(house):
    house.start().tick()
    assert house.database.endpoints.get("digits").status is EndpointStatus.IN_SERVICE


def _refuse_to_wait(house):
    # A lock that outlasts the busy timeout, without the thirty seconds of it.
    raise_locked = OperationalError("BEGIN", {}, Exception("database is locked"))
    table, find = house.database.schedules, house.database.schedules.find

    def once(query):
        table.find = find
        raise raise_locked

    table.find = once


def _request_job(house, *arguments, LocalPath="/opt/ml/processing/outputs", inputs=()):  # noqa: N803 -- AWS's name
    from service.core.records import ProcessingJobRecord

    output = {"OutputName": "out", "S3Output": {"S3Uri": "s3://bucket/out", "LocalPath": LocalPath}}
    request = {
        "ProcessingJobName": "asked",
        "ProcessingInputs": list(inputs),
        "ProcessingOutputConfig": {"Outputs": [output]},
        "AppSpecification": {"ImageUri": "tests/program", "ContainerArguments": arguments},
    }
    now = house.clock()
    record = ProcessingJobRecord("asked", ProcessingJobStatus.IN_PROGRESS, now, now, request)
    house.database.processing_jobs.add(record)
    return record.name


def _ended_job(house, process, name):
    def look():
        process.tick()
        job = house.database.processing_jobs.get(name)
        return job if job.ended_at else None

    return wait_until(look, timeout_seconds=60, what="the job's end")


def _stop_job(house, name):
    job = house.database.processing_jobs.get(name)
    house.database.processing_jobs.save(job.__class__(**{**_fields(job), "status": ProcessingJobStatus.STOPPING}))


def _fields(record):
    return {name: getattr(record, name) for name in record.__dataclass_fields__}
