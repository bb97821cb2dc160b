"""The operation table on the four kinds of job definitions, and schedules that name one."""

from datetime import timedelta

import pytest

from monitor_jobs.contract.errors import BadInput, SextantError
from service.control.sagemaker.context import ResourceInUse, ResourceNotFound
from service.core.records import MonitoringType
from service.scheduler.slots import claim_due_slots, schedule_config
from tests import sagemaker_requests as requests
from tests.sagemaker_requests import NOON, Installation

ARN = "arn:aws:sagemaker:us-east-1:000000000000"
RUNNABLE = ["DataQuality", "ModelExplainability"]
LABELLED = ["ModelQuality", "ModelBias"]
CLARIFY = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/sagemaker-clarify-processing"
OUTPUT = {"MonitoringOutputs": [{"S3Output": {"S3Uri": "https://reports", "LocalPath": "/opt/ml/x"}}]}
BATCH = {"DataCapturedDestinationS3Uri": "s3://captures/batch", "DatasetFormat": {}, "LocalPath": "/opt/ml/x"}

kinds = pytest.mark.parametrize("kind", MonitoringType)


@pytest.fixture
def here(tmp_path):
    installation = Installation(tmp_path).with_endpoint()
    yield installation
    installation.database.engine.dispose()


def create(here, kind="DataQuality", name="quality", **members):
    return here.call(f"Create{kind}JobDefinition", **requests.job_definition(kind, name, **members))


def schedule(here, kind="DataQuality", name="hourly", definition="quality"):
    return here.call("CreateMonitoringSchedule", **requests.scheduled_by_name(name, kind=kind, definition=definition))


def names(here, kind="DataQuality", **request):
    rows = here.call(f"List{kind}JobDefinitions", **request)["JobDefinitionSummaries"]
    return [row["MonitoringJobDefinitionName"] for row in rows]


@kinds
def test_a_definition_is_described_as_it_was_sent(here, kind):
    answer = create(here, kind)
    word = {"DataQuality": "data-quality", "ModelQuality": "model-quality", "ModelBias": "model-bias"}
    assert answer["JobDefinitionArn"] == f"{ARN}:{word.get(kind, 'model-explainability')}-job-definition/quality"
    described = here.call(f"Describe{kind}JobDefinition", JobDefinitionName="quality")
    sent = requests.job_definition(kind)
    application = {f"{kind}AppSpecification": {"Environment": {}, **sent[f"{kind}AppSpecification"]}}
    assert described == sent | application | answer | {"CreationTime": NOON}


@kinds
def test_a_name_is_taken_once_a_kind(here, kind):
    for each in MonitoringType:
        create(here, each)
    with pytest.raises(ResourceInUse, match=f"{kind} job definition quality already exists"):
        create(here, kind)


@kinds
@pytest.mark.parametrize("verb", ["Describe", "Delete"])
def test_a_definition_that_is_not_there_is_a_resource_not_found(here, kind, verb):
    create(here, "ModelBias" if kind == "DataQuality" else "DataQuality")
    with pytest.raises(ResourceNotFound, match=f"^{kind} job definition with name quality does not exist$"):
        here.call(f"{verb}{kind}JobDefinition", JobDefinitionName="quality")


@kinds
def test_deleting_forgets_and_frees_the_name(here, kind):
    create(here, kind)
    assert here.call(f"Delete{kind}JobDefinition", JobDefinitionName="quality") == {}
    assert names(here, kind) == []
    create(here, kind)


@kinds
def test_a_definition_of_awss_own_monitor_is_kept(here, kind):
    application = requests.job_definition(kind)[f"{kind}AppSpecification"] | {"ImageUri": CLARIFY}
    create(here, kind, **{f"{kind}AppSpecification": application})
    with pytest.raises(BadInput, match=r"AWS's sagemaker-clarify-processing, and no monitor here stands in for it"):
        schedule(here, kind)
    assert here.call("ListMonitoringSchedules")["MonitoringScheduleSummaries"] == []


@pytest.mark.parametrize(
    ("member", "value", "words"),
    [
        ("DataQualityJobInput", {}, "needs one of EndpointInput and BatchTransformInput, and has 0"),
        ("DataQualityJobInput", {"EndpointInput": None}, "needs one of EndpointInput"),
        ("DataQualityJobOutputConfig", OUTPUT, "'https://reports' is no S3 address"),
        ("DataQualityAppSpecification", {}, "dataQualityAppSpecification.imageUri"),
        ("JobResources", {}, "jobResources.clusterConfig"),
        ("JobDefinitionName", "a\n", "jobDefinitionName"),
    ],
)
def test_a_definition_that_does_not_fit_is_refused(here, member, value, words):
    with pytest.raises(SextantError, match=words):
        create(here, **{member: value})
    assert names(here) == []


def test_a_definition_of_a_batch_transform_job_is_kept_and_cannot_be_scheduled(here):
    create(here, DataQualityJobInput={"BatchTransformInput": BATCH})
    row = here.call("ListDataQualityJobDefinitions")["JobDefinitionSummaries"][0]
    assert row["EndpointName"] == ""
    with pytest.raises(BadInput, match="batch transform jobs do not run here"):
        schedule(here)


@pytest.mark.parametrize("kind", LABELLED)
def test_a_definition_with_ground_truth_is_scheduled_with_it(here, kind):
    create(here, kind)
    schedule(here, kind)
    config = schedule_config(here.database, here.database.schedules.get("hourly"))
    assert config.monitoring_job_definition.ground_truth_uri == "s3://labels/signs"


@pytest.mark.parametrize("kind", LABELLED)
def test_ground_truth_without_an_address_cannot_be_scheduled(here, kind):
    source = requests.job_definition(kind)[f"{kind}JobInput"]
    create(here, kind, **{f"{kind}JobInput": {**source, "GroundTruthS3Input": {}}})
    with pytest.raises(BadInput, match="GroundTruthS3Input has no S3Uri"):
        schedule(here, kind)


def test_ground_truth_at_no_address_is_refused(here):
    source = requests.job_definition("ModelQuality")["ModelQualityJobInput"]
    bad = {**source, "GroundTruthS3Input": {"S3Uri": "https://labels/signs"}}
    with pytest.raises(BadInput, match="is no S3 address"):
        create(here, "ModelQuality", ModelQualityJobInput=bad)


@pytest.fixture
def crowded(here):
    """Five definitions of a kind, an hour apart, every second one over another endpoint; one of another kind."""
    here.with_endpoint("other")
    for number in range(5):
        name = "other" if number % 2 else "signs"
        source = {"EndpointInput": {"EndpointName": name, "LocalPath": "/opt/ml/processing/input"}}
        create(here.later(hours=1), name=f"d{number}", DataQualityJobInput=source)
    create(here, "ModelExplainability", "d9")
    return here


@pytest.mark.parametrize(
    ("request_body", "found"),
    [
        ({}, ["d4", "d3", "d2", "d1", "d0"]),
        ({"SortBy": "Name", "SortOrder": "Ascending"}, ["d0", "d1", "d2", "d3", "d4"]),
        ({"EndpointName": "other"}, ["d3", "d1"]),
        ({"NameContains": "D2"}, ["d2"]),
        ({"NameContains": "data-quality"}, []),
        ({"CreationTimeAfter": "2026-11-20T14:00:00Z", "CreationTimeBefore": "2026-11-20T16:00:00Z"}, ["d2", "d1"]),
    ],
)
def test_definitions_of_a_kind_are_filtered_and_sorted(crowded, request_body, found):
    assert names(crowded, **request_body) == found


def test_definitions_are_paged(crowded):
    answer = crowded.call("ListDataQualityJobDefinitions", MaxResults=2)
    found = [answer]
    while "NextToken" in answer:
        answer = crowded.call("ListDataQualityJobDefinitions", MaxResults=2, NextToken=answer["NextToken"])
        found.append(answer)
    rows = [row["MonitoringJobDefinitionName"] for each in found for row in each["JobDefinitionSummaries"]]
    assert rows == ["d4", "d3", "d2", "d1", "d0"]


@pytest.mark.parametrize("kind", RUNNABLE)
def test_a_schedule_names_its_definition(here, kind):
    create(here, kind)
    schedule(here, kind)
    described = here.call("DescribeMonitoringSchedule", MonitoringScheduleName="hourly")
    assert described["MonitoringScheduleConfig"] == requests.scheduled_by_name(kind=kind)["MonitoringScheduleConfig"]
    assert (described["MonitoringType"], described["MonitoringJobDefinitionName"]) == (kind, "quality")
    assert described["EndpointName"] == "signs"


@pytest.mark.parametrize("kind", RUNNABLE)
def test_what_a_named_definition_says_is_what_runs(here, kind):
    rules = requests.job_definition(kind)[f"{kind}AppSpecification"] | {"Environment": {"THRESHOLD": "0.5"}}
    baseline = {"ConstraintsResource": {"S3Uri": "s3://reports/base/constraints.json"}}
    limits = {"StoppingCondition": {"MaxRuntimeInSeconds": 1800}}
    create(here, kind, **{f"{kind}AppSpecification": rules, f"{kind}BaselineConfig": baseline}, **limits)
    schedule(here, kind)
    config = schedule_config(here.database, here.database.schedules.get("hourly"))
    definition = config.monitoring_job_definition
    assert definition.monitoring_app_specification.image_uri == "sextant/class-skew"
    assert definition.environment == {"THRESHOLD": "0.5"}
    assert definition.baseline_config.constraints_resource.s3_uri == "s3://reports/base/constraints.json"
    assert definition.stopping_condition.max_runtime_in_seconds == 1800


def test_executions_of_a_named_definition_tell_of_it(here):
    create(here)
    schedule(here)
    here.call("CreateMonitoringSchedule", **requests.schedule("inline"))
    claim_due_slots(here.database, here.later(hours=1).now)
    by_name = here.call("ListMonitoringExecutions", MonitoringJobDefinitionName="quality")
    (row,) = by_name["MonitoringExecutionSummaries"]
    assert (row["MonitoringScheduleName"], row["MonitoringType"]) == ("hourly", "DataQuality")
    assert row["MonitoringJobDefinitionName"] == "quality"
    of_kind = here.call("ListMonitoringExecutions", MonitoringTypeEquals="DataQuality")
    assert len(of_kind["MonitoringExecutionSummaries"]) == 2


def test_an_execution_that_is_asked_for_tells_of_its_definition_too(here):
    create(here, "ModelExplainability")
    schedule(here, "ModelExplainability")
    window = {"DataAnalysisStartTime": 0, "DataAnalysisEndTime": 3600}
    here.call("StartMonitoringExecution", MonitoringScheduleName="hourly", **window)
    (row,) = here.call("ListMonitoringExecutions")["MonitoringExecutionSummaries"]
    assert (row["MonitoringType"], row["MonitoringJobDefinitionName"]) == ("ModelExplainability", "quality")


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        ({"MonitoringTypeEquals": "DataQuality"}, ["inline", "by-name"]),
        ({"MonitoringTypeEquals": "ModelBias"}, []),
        ({"MonitoringJobDefinitionName": "quality"}, ["by-name"]),
        ({"LastModifiedTimeAfter": "2026-11-20T13:00:00Z"}, ["inline"]),
    ],
)
def test_schedules_are_filtered_by_what_they_run(here, filters, found):
    create(here)
    schedule(here, name="by-name")
    here.later(hours=1).call("CreateMonitoringSchedule", **requests.schedule("inline"))
    rows = here.call("ListMonitoringSchedules", **filters)["MonitoringScheduleSummaries"]
    assert [row["MonitoringScheduleName"] for row in rows] == found


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"MonitoringJobDefinitionName": "nope"}, "Could not find DataQuality job definition nope"),
        ({"MonitoringType": "ModelBias"}, "Could not find ModelBias job definition quality"),
        ({"MonitoringType": None}, "quality needs its MonitoringType: DataQuality, ModelQuality"),
        ({"MonitoringJobDefinitionName": None}, "not neither"),
        (
            {"MonitoringJobDefinition": requests.schedule()["MonitoringScheduleConfig"]["MonitoringJobDefinition"]},
            "both",
        ),
    ],
)
def test_a_schedule_without_one_definition_is_refused(here, changes, words):
    create(here)
    request = requests.scheduled_by_name()
    request["MonitoringScheduleConfig"] |= changes
    with pytest.raises(BadInput, match=words):
        here.call("CreateMonitoringSchedule", **request)


def test_a_definition_in_use_cannot_be_deleted(here):
    create(here)
    schedule(here)
    with pytest.raises(ResourceInUse, match="job definition quality is used by hourly: delete the schedule first"):
        here.call("DeleteDataQualityJobDefinition", JobDefinitionName="quality")
    here.call("DeleteMonitoringSchedule", MonitoringScheduleName="hourly")
    assert here.call("DeleteDataQualityJobDefinition", JobDefinitionName="quality") == {}


def test_a_schedule_may_change_to_another_definition(here):
    create(here)
    create(here, name="other", RoleArn=f"{requests.ROLE}-other")
    schedule(here)
    here.call("UpdateMonitoringSchedule", **requests.scheduled_by_name(definition="other"))
    here.call("DeleteDataQualityJobDefinition", JobDefinitionName="quality")
    config = schedule_config(here.database, here.database.schedules.get("hourly"))
    assert config.monitoring_job_definition.role_arn == f"{requests.ROLE}-other"


def test_offsets_of_a_named_definition_shift_its_windows(here):
    source = requests.job_definition()["DataQualityJobInput"]["EndpointInput"]
    shifted = {"EndpointInput": source | {"StartTimeOffset": "-P2D", "EndTimeOffset": "-P1D"}}
    create(here, DataQualityJobInput=shifted)
    schedule(here)
    claim_due_slots(here.database, here.later(hours=1).now)
    (row,) = here.database.executions.find(requests.EVERYTHING)
    assert row.window_end == NOON + timedelta(hours=1, days=-1)
