"""The operation table on monitoring schedules and their executions."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from monitor_jobs.contract.errors import BadInput, Conflict, SextantError
from service.control.sagemaker.context import ResourceInUse, ResourceNotFound, ValidationException
from service.core.records import ExecutionOrigin, Query
from service.core.states import ExecutionStatus, ScheduleStatus
from tests import sagemaker_requests as requests
from tests.sagemaker_requests import NOON, Installation

ARN = "arn:aws:sagemaker:us-east-1:000000000000"
BATCH = {"DataCapturedDestinationS3Uri": "s3://captures/batch", "DatasetFormat": {}, "LocalPath": "/opt/ml/x"}
CLARIFY = "156813124566.dkr.ecr.us-east-1.amazonaws.com/sagemaker-clarify-processing"


@pytest.fixture
def here(tmp_path):
    installation = Installation(tmp_path).with_endpoint()
    yield installation
    installation.database.engine.dispose()


@pytest.fixture
def hourly(here):
    here.call("CreateMonitoringSchedule", **requests.schedule())
    return here


def described(here, name="hourly"):
    return here.call("DescribeMonitoringSchedule", MonitoringScheduleName=name)


def executions(here, **request):
    return here.call("ListMonitoringExecutions", **request)["MonitoringExecutionSummaries"]


def run_now(here, start, end, name="hourly"):
    window = {"DataAnalysisStartTime": start, "DataAnalysisEndTime": end}
    answer = here.call("StartMonitoringExecution", MonitoringScheduleName=name, **window)
    return here.database.executions.get(answer["MonitoringExecutionId"])


def test_a_schedule_is_described_as_it_was_sent(hourly):
    sent = requests.schedule()["MonitoringScheduleConfig"]
    definition = {"Environment": {}, **sent["MonitoringJobDefinition"]}
    assert described(hourly) == {
        "MonitoringScheduleName": "hourly",
        "MonitoringScheduleArn": f"{ARN}:monitoring-schedule/hourly",
        "MonitoringScheduleStatus": "Scheduled",
        "MonitoringType": "DataQuality",
        "CreationTime": NOON,
        "LastModifiedTime": NOON,
        "EndpointName": "signs",
        "MonitoringScheduleConfig": sent | {"MonitoringJobDefinition": definition},
        "MissedSlots": 0,
    }


def test_the_environment_that_was_sent_is_the_one_that_is_described(here):
    here.call("CreateMonitoringSchedule", **requests.schedule(Environment={"THRESHOLD": "0.5"}))
    definition = described(here)["MonitoringScheduleConfig"]["MonitoringJobDefinition"]
    assert definition["Environment"] == {"THRESHOLD": "0.5"}


def test_a_schedule_is_due_from_its_creation_on(hourly):
    assert hourly.database.schedules.get("hourly").covered_until == NOON
    assert executions(hourly) == []


def test_a_schedules_name_is_taken_once(hourly):
    with pytest.raises(ResourceInUse, match="Monitoring Schedule with name hourly already exists"):
        hourly.call("CreateMonitoringSchedule", **requests.schedule())


@pytest.mark.parametrize("verb", ["Describe", "Delete", "Start", "Stop", "Update"])
def test_a_schedule_that_is_not_there_is_a_resource_not_found(here, verb):
    request = requests.schedule("nope") if verb == "Update" else {"MonitoringScheduleName": "nope"}
    with pytest.raises(ResourceNotFound, match=r"^Monitoring Schedule with name nope does not exist$"):
        here.call(f"{verb}MonitoringSchedule", **request)


@pytest.mark.parametrize(
    ("times", "words"),
    [
        ({"ScheduleExpression": "rate(1 hour)"}, r"'rate\(1 hour\)' is no schedule expression"),
        ({"ScheduleExpression": "cron(0 * ? * * 2020)"}, "never fires again: write days to come"),
        ({"ScheduleExpression": "cron(0 0 30 2 ? *)"}, "never fires"),
        ({"ScheduleExpression": "NOW"}, "NOW needs DataAnalysisStartTime and DataAnalysisEndTime"),
        (requests.EVERY_HOUR | {"DataAnalysisStartTime": "-PT1H"}, "give both or neither"),
        (requests.NOW_ONCE | {"DataAnalysisStartTime": "-PT25H"}, "to at most 24 hours apart"),
        (requests.NOW_ONCE | {"DataAnalysisStartTime": "-PT0H", "DataAnalysisEndTime": "-PT1H"}, "is not before"),
        (requests.NOW_ONCE | {"DataAnalysisStartTime": "P"}, "'P' is no offset"),
    ],
)
def test_times_that_cannot_be_kept_are_refused(here, times, words):
    with pytest.raises(SextantError, match=words):
        here.call("CreateMonitoringSchedule", **requests.schedule(times=times))
    assert here.database.schedules.count(Query()) == 0


def test_a_schedule_needs_no_times(here):
    request = requests.schedule()
    del request["MonitoringScheduleConfig"]["ScheduleConfig"]
    here.call("CreateMonitoringSchedule", **request)
    assert described(here)["MonitoringScheduleStatus"] == "Scheduled"


@pytest.mark.parametrize(
    ("member", "value", "words"),
    [
        ("MonitoringInputs", [{}], r"MonitoringInputs\.0\.EndpointInput: Field required"),
        ("MonitoringInputs", [{"BatchTransformInput": BATCH}], "batch transform jobs do not run here, endpoints do"),
        ("MonitoringInputs", [], "at least 1 item|greater than or equal to 1"),
        ("Environment", {"A": None}, "Member must be a string"),
        ("StoppingCondition", {"MaxRuntimeInSeconds": 86401}, "less than or equal to 86400"),
        ("MonitoringAppSpecification", {}, "monitoringAppSpecification.imageUri"),
        ("MonitoringAppSpecification", {"ImageUri": CLARIFY}, "no monitor here stands in for it: schedule sextant/"),
        ("RoleArn", "nobody", "roleArn"),
    ],
)
def test_a_definition_that_cannot_run_is_refused(here, member, value, words):
    with pytest.raises(SextantError, match=words):
        here.call("CreateMonitoringSchedule", **requests.schedule(**{member: value}))


def test_a_report_goes_to_the_store_only(here):
    request = requests.schedule()
    definition = request["MonitoringScheduleConfig"]["MonitoringJobDefinition"]
    definition["MonitoringOutputConfig"]["MonitoringOutputs"][0]["S3Output"]["S3Uri"] = "s3://no"
    with pytest.raises(BadInput, match="'no' is no S3 bucket name"):
        here.call("CreateMonitoringSchedule", **request)


@pytest.mark.parametrize("verb", ["Create", "Update"])
def test_an_endpoint_that_is_not_there_cannot_be_scheduled(hourly, verb):
    with pytest.raises(ValidationException, match=f'^Could not find endpoint "{ARN}:endpoint/nope".$'):
        hourly.call(f"{verb}MonitoringSchedule", **requests.schedule(endpoint="nope"))


def test_now_runs_once_over_its_window(here):
    here.now = NOON + timedelta(minutes=30, microseconds=5)
    here.call("CreateMonitoringSchedule", **requests.schedule(times=requests.NOW_ONCE))
    (row,) = here.database.executions.find(Query())
    assert (row.scheduled_at, row.origin, row.status) == (here.now, ExecutionOrigin.RUN_NOW, ExecutionStatus.PENDING)
    assert (row.window_start, row.window_end) == (NOON - timedelta(minutes=30), NOON + timedelta(minutes=30))


def test_a_schedule_that_cannot_be_kept_leaves_no_execution(hourly):
    with pytest.raises(ResourceInUse):
        hourly.call("CreateMonitoringSchedule", **requests.schedule(times=requests.NOW_ONCE))
    assert executions(hourly) == []


def test_an_update_replaces_the_whole_configuration(hourly):
    hourly.with_endpoint("other").later(hours=2).call(
        "UpdateMonitoringSchedule", **requests.schedule(times=requests.NOW_ONCE, endpoint="other")
    )
    record = hourly.database.schedules.get("hourly")
    assert (record.endpoint_name, record.covered_until) == ("other", NOON + timedelta(hours=2))
    assert described(hourly)["MonitoringScheduleConfig"]["ScheduleConfig"] == requests.NOW_ONCE


def test_a_refused_update_changes_nothing(hourly):
    before = hourly.database.schedules.get("hourly")
    with pytest.raises(BadInput):
        hourly.call("UpdateMonitoringSchedule", **requests.schedule(times={"ScheduleExpression": "often"}))
    assert hourly.database.schedules.get("hourly") == before


def test_what_falls_due_while_a_schedule_is_stopped_is_not_caught_up_with(hourly):
    hourly.call("StopMonitoringSchedule", MonitoringScheduleName="hourly")
    assert described(hourly)["MonitoringScheduleStatus"] == "Stopped"
    hourly.later(hours=5).call("StartMonitoringSchedule", MonitoringScheduleName="hourly")
    record = hourly.database.schedules.get("hourly")
    assert (record.status, record.covered_until) == (ScheduleStatus.SCHEDULED, NOON + timedelta(hours=5))


@pytest.mark.parametrize(("verb", "status"), [("Start", "Scheduled"), ("Stop", "Stopped")])
def test_starting_or_stopping_twice_changes_nothing(hourly, verb, status):
    hourly.call(f"{verb}MonitoringSchedule", MonitoringScheduleName="hourly")
    once = hourly.database.schedules.get("hourly")
    hourly.later(hours=1).call(f"{verb}MonitoringSchedule", MonitoringScheduleName="hourly")
    assert hourly.database.schedules.get("hourly") == once
    assert once.status == status


def test_a_failed_schedule_cannot_be_started(hourly):
    record = hourly.database.schedules.get("hourly")
    hourly.database.schedules.save(replace(record, status=ScheduleStatus.FAILED))
    with pytest.raises(Conflict, match="a monitoring schedule that is Failed cannot become Scheduled"):
        hourly.call("StartMonitoringSchedule", MonitoringScheduleName="hourly")


def test_a_schedule_whose_execution_runs_cannot_be_deleted(hourly):
    hourly.database.executions.add(requests.execution(1, ExecutionStatus.IN_PROGRESS))
    with pytest.raises(ResourceInUse, match="hourly has an execution in progress: stop it or wait"):
        hourly.call("DeleteMonitoringSchedule", MonitoringScheduleName="hourly")
    assert described(hourly)["LastMonitoringExecutionSummary"]["MonitoringExecutionStatus"] == "InProgress"


def test_a_deleted_schedule_keeps_its_history(hourly):
    hourly.database.executions.add(requests.execution(1))
    hourly.call("DeleteMonitoringSchedule", MonitoringScheduleName="hourly")
    with pytest.raises(ResourceNotFound):
        described(hourly)
    assert [row["MonitoringScheduleName"] for row in executions(hourly)] == ["hourly"]


def test_an_explicit_window_is_an_execution_of_its_own(hourly):
    row = run_now(hourly, "2026-11-19T00:00:00Z", (NOON - timedelta(hours=1)).timestamp())
    assert (row.window_start, row.window_end) == (
        datetime.fromisoformat("2026-11-19T00:00Z"),
        NOON - timedelta(hours=1),
    )
    assert (row.origin, row.endpoint_name, row.scheduled_at) == (ExecutionOrigin.RUN_NOW, "signs", NOON)


def test_a_windows_bounds_are_whole_seconds(hourly):
    row = run_now(hourly, "2026-11-20T10:00:00.9Z", 1795172400.75)
    assert (row.window_start.microsecond, row.window_end.microsecond) == (0, 0)


@pytest.mark.parametrize(
    ("start", "end", "words"),
    [
        ("2026-11-20T12:00:00Z", "2026-11-20T12:00:00Z", "not after its start"),
        ("2026-11-20T12:00:00.1Z", "2026-11-20T12:00:00.9Z", "not after its start"),
        ("2026-11-20T12:00:00Z", "2026-11-20T11:00:00Z", "not after its start"),
        ("noon", "2026-11-20T11:00:00Z", "'noon' is no ISO 8601 time"),
        (1e300, 0, "is no time"),
        (None, 0, "Value null at 'dataAnalysisStartTime'"),
    ],
)
def test_a_window_that_holds_no_time_is_refused(hourly, start, end, words):
    with pytest.raises(BadInput, match=words):
        run_now(hourly, start, end)


def test_one_execution_at_a_moment(hourly):
    run_now(hourly, 0, 3600)
    with pytest.raises(ResourceInUse, match="hourly was asked for an execution at this very moment: try again"):
        run_now(hourly, 0, 3600)
    assert run_now(hourly.later(microseconds=1), 0, 3600).attempt == 0


def test_an_execution_for_a_schedule_that_is_not_there_is_refused(here):
    with pytest.raises(ResourceNotFound, match="Monitoring Schedule with name nope does not exist"):
        run_now(here, 0, 3600, name="nope")


def test_an_execution_is_described_with_its_window_and_verdict(hourly):
    verdict = {"processing_job_name": "job-1", "exit_message": "Completed", "window_records": 0, "violations": 0}
    hourly.database.executions.add(requests.execution(1, **verdict))
    at = NOON + timedelta(hours=1)
    assert hourly.call("DescribeMonitoringExecution", MonitoringExecutionId="execution-1") == {
        "MonitoringScheduleName": "hourly",
        "ScheduledTime": at,
        "CreationTime": at,
        "LastModifiedTime": at + timedelta(minutes=5),
        "MonitoringExecutionStatus": "Completed",
        "MonitoringType": "DataQuality",
        "EndpointName": "signs",
        "MonitoringExecutionId": "execution-1",
        "WindowStart": NOON,
        "WindowEnd": at,
        "CaptureSource": "SideIndex",
        "ProcessingJobArn": f"{ARN}:processing-job/job-1",
        "ExitMessage": "Completed",
        "WindowRecords": 0,
        "Violations": 0,
    }


def test_an_execution_without_a_job_has_no_job_arn(hourly):
    hourly.database.executions.add(requests.execution(1, ExecutionStatus.FAILED, failure_reason="no store"))
    (row,) = executions(hourly)
    assert "ProcessingJobArn" not in row
    assert row["FailureReason"] == "no store"


@pytest.mark.parametrize("name", ["nope", "no\0pe"])
def test_an_execution_that_is_not_there_is_a_resource_not_found(here, name):
    with pytest.raises(ResourceNotFound, match=r"Monitoring execution .* does not exist"):
        here.call("DescribeMonitoringExecution", MonitoringExecutionId=name)


def test_the_last_execution_is_that_of_the_latest_slot(hourly):
    for slot in (2, 3, 1):
        hourly.database.executions.add(requests.execution(slot))
    last = described(hourly)["LastMonitoringExecutionSummary"]
    assert last["ScheduledTime"] == NOON + timedelta(hours=3)


def test_executions_are_paged_newest_first(hourly):
    for slot in range(5):
        hourly.database.executions.add(requests.execution(slot))
    page = hourly.call("ListMonitoringExecutions", SortBy="ScheduledTime", MaxResults=2)
    slots = [row["ScheduledTime"].hour for row in page["MonitoringExecutionSummaries"]]
    while "NextToken" in page:
        page = hourly.call(
            "ListMonitoringExecutions", SortBy="ScheduledTime", MaxResults=2, NextToken=page["NextToken"]
        )
        slots += [row["ScheduledTime"].hour for row in page["MonitoringExecutionSummaries"]]
    assert slots == [16, 15, 14, 13, 12]


@pytest.mark.parametrize(
    ("filters", "slots"),
    [
        ({"StatusEquals": "Failed"}, [2]),
        ({"EndpointName": "other"}, [3]),
        ({"MonitoringScheduleName": "nope"}, []),
        ({"ScheduledTimeAfter": 1795179600, "ScheduledTimeBefore": "2026-11-20T15:00:00Z"}, [1, 2]),
        ({"LastModifiedTimeBefore": "2026-11-20T13:05:00Z"}, [0]),
        ({"SortBy": "Status", "SortOrder": "Ascending"}, [0, 1, 3, 2]),
    ],
)
def test_executions_are_filtered_and_sorted(hourly, filters, slots):
    for slot in range(4):
        status = ExecutionStatus.FAILED if slot == 2 else ExecutionStatus.COMPLETED
        hourly.database.executions.add(
            requests.execution(slot, status, endpoint_name="other" if slot == 3 else "signs")
        )
    found = executions(hourly, **{"SortBy": "ScheduledTime", "SortOrder": "Ascending"} | filters)
    assert [row["MonitoringExecutionId"] for row in found] == [f"execution-{slot}" for slot in slots]
