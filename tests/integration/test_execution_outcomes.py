"""How executions end, and what they say of it: real jobs over SQLite and a folder store, at a clock that stands."""

from dataclasses import replace

from monitor_jobs.contract.errors import StoreUnavailable
from monitor_jobs.object_store import S3Address
from monitor_jobs.object_store.folder import FolderStore
from service.core.states import ExecutionStatus, ProcessingJobStatus
from tests.integration.scheduling import MINUTE, NOON, PACKAGE
from tests.wait import wait_until

BEFORE_NOON = NOON - MINUTE / 2


def judged(house, action, **changes):
    """The execution of one captured record by the test program, once it has ended."""
    house.add_schedule(action=action, **changes)
    house.capture(BEFORE_NOON)
    return house.ended(house.start(), house.ask_for())


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
    assert len(house.reports(f"{folder}/")) == 4  # the violations under both their names


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
    assert house.reports() == []


def test_outputs_of_a_job_that_failed_half_way_are_kept(house):
    ended = judged(house, ("leave_half_and_fail",))
    assert ended.failure_reason.endswith("half way through, the disk was full")
    assert [key.rpartition("/")[2] for key in house.reports()] == ["statistics.json"]


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
    house.database.endpoints.save(replace(digits, running=quiet.running))
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
    assert house.reports() == []


class _NeverDownloads(FolderStore):
    def download(self, address, _path):
        raise StoreUnavailable(f"{address} cannot be read now")


def test_a_store_that_fails_while_staging_is_tried_twice(house):
    house.add_schedule()
    house.capture(BEFORE_NOON)
    ended = house.ended(house.start(store=_NeverDownloads(house.folder)), house.ask_for())
    assert (ended.status, ended.attempt) == (ExecutionStatus.FAILED, 2)
    assert ended.failure_reason.endswith("cannot be read now (2 attempts)")


def _stop_job(house, name):
    job = house.database.processing_jobs.get(name)
    house.database.processing_jobs.save(replace(job, status=ProcessingJobStatus.STOPPING))
