"""Data quality from a baseline to a verdict: asked for by boto3 as AWS's SDK asks, run by a real scheduler, real jobs.

The control process and the scheduler share one folder; the endpoint's captures are written by hand.
"""

import json
import random
import uuid

import pytest

from monitor_jobs.contract.capture import CaptureData, CaptureRecord, EventMetadata, Payload
from monitor_jobs.object_store import S3Address
from service.core.states import ExecutionStatus
from tests.aws_clients import client
from tests.contract.running_jobs import Jobs
from tests.integration.scheduling import MINUTE, NOON
from tests.sagemaker_requests import RESOURCES, ROLE, scheduled_by_name
from tests.servers.control import control_process

ANALYZER = "156813124566.dkr.ecr.us-east-1.amazonaws.com/sagemaker-model-monitor-analyzer"
SETS, OUTPUT = "/opt/ml/processing/input/baseline_dataset_input", "/opt/ml/processing/output"
BASELINE, REPORTS = "s3://bucket/baseline", "s3://bucket/reports"
DATA_METRICS = "/aws/sagemaker/Endpoints/data-metrics"


@pytest.fixture
def url(house):
    with control_process(house.folder) as address:
        yield address


@pytest.fixture
def aws(url):
    return client("sagemaker", url)


def rows(count: int, *, age: float = 40) -> list[str]:
    """Lines of the share that the model answers with, an age and a city: answers come first, as at AWS."""
    draw = random.Random(count)
    return [
        f"{draw.random():.3f},{max(0, round(draw.gauss(age, 5)))},{draw.choice(['Ulm', 'Bonn'])}" for _ in range(count)
    ]


def make_baseline(house, aws, *, name="baseline", **environment: str) -> dict:
    """DescribeProcessingJob of a job such as `suggest_baseline` asks for, once it has ended."""
    text = "\n".join(["share,age,city", *rows(2000)])
    house.store.put(S3Address.parse("s3://bucket/set/people.csv"), text.encode())
    source = {"S3Uri": "s3://bucket/set/", "LocalPath": SETS, "S3DataType": "S3Prefix", "S3InputMode": "File"}
    target = {"S3Uri": BASELINE, "LocalPath": OUTPUT, "S3UploadMode": "EndOfJob"}
    aws.create_processing_job(
        ProcessingJobName=name,
        ProcessingInputs=[{"InputName": "baseline_dataset_input", "S3Input": source}],
        ProcessingOutputConfig={"Outputs": [{"OutputName": "monitoring_output", "S3Output": target}]},
        ProcessingResources=RESOURCES,
        AppSpecification={"ImageUri": ANALYZER},
        Environment={
            "dataset_format": '{"csv": {"header": true, "output_columns_position": "START"}}',
            "dataset_source": SETS,
            "output_path": OUTPUT,
            "publish_cloudwatch_metrics": "Disabled",
            **environment,
        },
        RoleArn=ROLE,
    )
    Jobs(house, None, {}).ended(name)
    return aws.describe_processing_job(ProcessingJobName=name)


def schedule_quality(aws, **members: object) -> None:
    """A job definition and an hourly schedule of it."""
    source = {"EndpointName": "digits", "LocalPath": "/opt/ml/processing/input/endpoint"}
    aws.create_data_quality_job_definition(
        JobDefinitionName="quality",
        DataQualityAppSpecification={"ImageUri": ANALYZER},
        DataQualityJobInput={"EndpointInput": source},
        DataQualityJobOutputConfig={
            "MonitoringOutputs": [{"S3Output": {"S3Uri": REPORTS, "LocalPath": "/opt/ml/processing/output"}}]
        },
        JobResources=RESOURCES,
        RoleArn=ROLE,
        **members,
    )
    aws.create_monitoring_schedule(**scheduled_by_name("hourly"))


def capture(house, lines: list[str]) -> None:
    """The lines as requests in CSV, but for their first value: that is the answer, in JSON."""
    records = []
    for line in lines:
        answered, _, asked = line.partition(",")
        request = Payload(observed_content_type="text/csv", mode="INPUT", data=asked, encoding="CSV")
        answer = Payload(observed_content_type="application/json", mode="OUTPUT", data=answered, encoding="JSON")
        metadata = EventMetadata(event_id=str(uuid.uuid4()), inference_time=NOON - MINUTE / 2)
        data = CaptureData(endpoint_input=request, endpoint_output=answer)
        records.append(CaptureRecord(capture_data=data, event_metadata=metadata).to_line())
    house.capture_bytes(b"".join(records), opened_at=NOON - MINUTE / 2)


def judged(house):
    """The execution of the schedule over the last minute, once it has ended."""
    return house.ended(house.start(), house.ask_for(schedule="hourly"))


def report(house, name: str) -> dict:
    (key,) = [key for key in house.reports() if key.endswith(f"/{name}")]
    return json.loads(house.store.get(S3Address.parse(f"s3://bucket/{key}")))


def baseline_config() -> dict:
    return {
        "ConstraintsResource": {"S3Uri": f"{BASELINE}/constraints.json"},
        "StatisticsResource": {"S3Uri": f"{BASELINE}/statistics.json"},
    }


def test_a_baseline_job_as_the_sdk_sends_it_leaves_both_files(house, aws):
    job = make_baseline(house, aws)
    assert job["ProcessingJobStatus"] == "Completed"
    constraints = json.loads(house.store.get(S3Address.parse(f"{BASELINE}/constraints.json")))
    types = [(feature["name"], feature["inferred_type"]) for feature in constraints["features"]]
    assert types == [("share", "Fractional"), ("age", "Integral"), ("city", "String")]
    statistics = json.loads(house.store.get(S3Address.parse(f"{BASELINE}/statistics.json")))
    assert statistics["dataset"]["item_count"] == 2000


def test_a_baseline_job_of_an_empty_set_says_what_it_lacks(house, aws):
    house.store.put(S3Address.parse("s3://bucket/set/people.csv"), b"")
    job = make_baseline(house, aws, dataset_source="/opt/ml/processing/input/nothing")
    assert job["ProcessingJobStatus"] == "Failed"
    assert "dataset_source" in job["ExitMessage"]


def test_a_schedule_by_its_job_definition_finds_what_drifted(house, aws, url):
    make_baseline(house, aws)
    schedule_quality(aws, DataQualityBaselineConfig=baseline_config())
    capture(house, rows(400, age=60))
    assert judged(house).status is ExecutionStatus.COMPLETED_WITH_VIOLATIONS
    (execution,) = aws.list_monitoring_executions(MonitoringScheduleName="hourly")["MonitoringExecutionSummaries"]
    assert execution["MonitoringExecutionStatus"] == "CompletedWithViolations"
    rows_found = report(house, "constraint_violations.json")["violations"]
    assert ("age", "baseline_drift_check") in [
        (row["feature_name"], row["constraint_check_type"]) for row in rows_found
    ]
    published = client("cloudwatch", url).list_metrics(Namespace=DATA_METRICS, MetricName="feature_data_age")
    assert len(published["Metrics"]) == 1


def test_a_schedule_finds_nothing_where_nothing_changed(house, aws):
    make_baseline(house, aws)
    schedule_quality(aws, DataQualityBaselineConfig=baseline_config())
    capture(house, rows(400))
    ended = judged(house)
    assert (ended.status, ended.violations) == (ExecutionStatus.COMPLETED, 0), report(
        house, "constraint_violations.json"
    )


def test_a_schedule_without_a_baseline_says_that_it_compared_nothing(house, aws):
    schedule_quality(aws)
    capture(house, rows(50))
    ended = judged(house)
    assert ended.status is ExecutionStatus.COMPLETED
    assert ended.exit_message.startswith("No comparison: no baseline was given")
    assert report(house, "statistics.json")["dataset"]["item_count"] == 50
    assert len(report(house, "constraints.json")["features"]) == 3
