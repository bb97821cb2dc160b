"""Users' scripts by boto3: named in a job and in a schedule as AWS's SDK names them, staged, run, and read in the log.

The control process and the scheduler share one folder; the endpoint's captures are written by hand.
"""

import json

import pytest

from monitor_jobs.object_store import S3Address
from service.core.states import ExecutionStatus
from tests.aws_clients import client
from tests.contract.running_jobs import Jobs
from tests.integration.scheduling import MINUTE, NOON, capture_line
from tests.sagemaker_requests import RESOURCES, ROLE, scheduled_by_name
from tests.servers.control import control_process

ANALYZER = "156813124566.dkr.ecr.us-east-1.amazonaws.com/sagemaker-model-monitor-analyzer"
CODE = "/opt/ml/processing/code"
SETS, OUTPUT = "/opt/ml/processing/input/baseline_dataset_input", "/opt/ml/processing/output"
BEFORE_NOON = NOON - MINUTE / 2
BY_LINE = "def preprocess_handler(line): return {'length': len(line), 'first': line[0]}"
OF_RECORDS = """
import json

def preprocess_handler(inference_record, logger):
    logger.info("record %s", inference_record.event_metadata.event_id)
    return {"label": json.loads(inference_record.endpoint_output.data)[0][0]}
"""
AFTERWARDS = """
import os

def postprocess_handler():
    print("the report has", sorted(os.listdir(os.environ["output_path"])))
"""


@pytest.fixture
def url(house):
    for name, text in (("line.py", BY_LINE), ("pre.py", OF_RECORDS), ("post.py", AFTERWARDS)):
        house.store.put(S3Address.parse(f"s3://bucket/code/{name}"), text.encode())
    with control_process(house.folder) as address:
        yield address


def schedule_with_scripts(url, before="pre.py"):
    aws = client("sagemaker", url)
    aws.create_data_quality_job_definition(
        JobDefinitionName="quality",
        DataQualityAppSpecification={
            "ImageUri": ANALYZER,
            "RecordPreprocessorSourceUri": f"s3://bucket/code/{before}",
            "PostAnalyticsProcessorSourceUri": "s3://bucket/code/post.py",
        },
        DataQualityJobInput={
            "EndpointInput": {"EndpointName": "digits", "LocalPath": "/opt/ml/processing/input/endpoint"}
        },
        DataQualityJobOutputConfig={
            "MonitoringOutputs": [{"S3Output": {"S3Uri": "s3://bucket/reports", "LocalPath": OUTPUT}}]
        },
        JobResources=RESOURCES,
        RoleArn=ROLE,
    )
    aws.create_monitoring_schedule(**scheduled_by_name("hourly"))


def judged(house):
    lines = (capture_line(BEFORE_NOON, label) for label in ("[[14]]", "[[14]]", "[[2]]"))
    house.capture_bytes(b"".join(lines), opened_at=BEFORE_NOON)
    return house.ended(house.start(), house.ask_for(schedule="hourly"))


def log_of(url, job):
    logs = client("logs", url)
    group = "/aws/sagemaker/ProcessingJobs"
    (stream,) = logs.describe_log_streams(logGroupName=group, logStreamNamePrefix=f"{job}/")["logStreams"]
    asked = {"logGroupName": group, "logStreamName": stream["logStreamName"], "startFromHead": True}
    return [event["message"] for event in logs.get_log_events(**asked)["events"]]


def test_scripts_of_a_schedule_make_its_rows_and_are_read_in_its_log(house, url):
    schedule_with_scripts(url)
    ended = judged(house)
    assert ended.status is ExecutionStatus.COMPLETED, ended.failure_reason
    (key,) = [key for key in house.reports() if key.endswith("/statistics.json")]
    statistics = json.loads(house.store.get(S3Address("bucket", key)))
    assert [feature["name"] for feature in statistics["features"]] == ["label"]
    assert statistics["features"][0]["numerical_statistics"]["sum"] == 30
    log = log_of(url, ended.processing_job_name)
    assert sum(line.startswith("preprocess_handler: INFO record ") for line in log) == 3
    assert any(line.startswith("postprocess_handler: the report has ['constraint") for line in log)


def test_a_script_that_fails_is_the_failure_of_its_execution_and_its_traceback_is_in_the_log(house, url):
    schedule_with_scripts(url, before="line.py")
    ended = judged(house)
    assert ended.status is ExecutionStatus.FAILED
    assert "preprocess_handler failed at record 1 (event id " in ended.failure_reason
    assert any(
        "TypeError: object of type 'types.SimpleNamespace' has no len()" in line
        for line in log_of(url, ended.processing_job_name)
    )


def test_a_script_that_is_not_in_the_store_is_told_before_anything_runs(house, url):
    schedule_with_scripts(url, before="absent.py")
    ended = judged(house)
    assert ended.status is ExecutionStatus.FAILED
    assert "absent.py" in ended.failure_reason


def test_a_baseline_job_with_a_script_as_the_sdk_sends_it_is_made_of_its_rows(house, url):
    house.store.put(S3Address.parse("s3://bucket/set/a.csv"), b"head\nada,36\nbo,4\n")
    inputs = {
        "baseline_dataset_input": ("set/", SETS),
        "pre_processor_script": ("code/line.py", f"{CODE}/preprocessing"),
    }
    client("sagemaker", url).create_processing_job(
        ProcessingJobName="baseline",
        ProcessingInputs=[
            {"InputName": name, "S3Input": {"S3Uri": f"s3://bucket/{key}", "LocalPath": path, "S3DataType": "S3Prefix"}}
            for name, (key, path) in inputs.items()
        ],
        ProcessingOutputConfig={
            "Outputs": [
                {
                    "OutputName": "monitoring_output",
                    "S3Output": {"S3Uri": "s3://bucket/baseline", "LocalPath": OUTPUT, "S3UploadMode": "EndOfJob"},
                }
            ]
        },
        ProcessingResources=RESOURCES,
        AppSpecification={"ImageUri": ANALYZER},
        Environment={
            "dataset_format": '{"csv": {"header": true}}',
            "dataset_source": SETS,
            "output_path": OUTPUT,
            "record_preprocessor_script": f"{CODE}/preprocessing/line.py",
        },
        RoleArn=ROLE,
    )
    ended = Jobs(house, None, {}).ended("baseline")
    assert ended.failure_reason is None
    statistics = json.loads(house.store.get(S3Address.parse("s3://bucket/baseline/statistics.json")))
    sums = [feature.get("numerical_statistics", {}).get("sum") for feature in statistics["features"]]
    assert (statistics["dataset"]["item_count"], sums) == (2, [10, None])
