"""From a schedule's configuration and one window to the processing job that judges it."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest
from pydantic import ValidationError

from monitor_jobs.contract.container import CAPTURE_DATASET_FORMAT, Variable
from monitor_jobs.contract.window import hours_of
from service.core.monitoring import (
    MonitoringJobDefinition,
    MonitoringScheduleConfig,
    execution_job_name,
    labelling_window_of,
    max_runtime,
    offsets_of,
    processing_job_request,
    report_uri,
    window_of,
)
from service.core.processing import ProcessingJobRequest
from service.core.records import ExecutionOrigin
from tests import sagemaker_requests as requests

EXECUTION = requests.execution(1)  # the slot of 13:00
AWSS_ANALYZER = "156813124566.dkr.ecr.us-east-1.amazonaws.com/sagemaker-model-monitor-analyzer"
CAPTURES = "s3://captures/signs/signs"
BASELINE = {
    "ConstraintsResource": {"S3Uri": "s3://reports/base/constraints.json"},
    "StatisticsResource": {"S3Uri": "s3://reports/base/statistics.json"},
}


def definition(**members):
    config = requests.schedule(**members)["MonitoringScheduleConfig"]
    return MonitoringJobDefinition.model_validate(config["MonitoringJobDefinition"])


def job_request(**members):
    return processing_job_request(definition(**members), EXECUTION, job_name="job-1", capture_uri=CAPTURES)


def input_named(name, uri, path):
    source = {"S3Uri": uri, "LocalPath": path, "S3DataType": "S3Prefix", "S3InputMode": "File"}
    return {"InputName": name, "AppManaged": False, "S3Input": source}


def test_a_schedule_becomes_this_processing_job():
    specification = {
        "ImageUri": "registry/monitor:1",
        "ContainerEntrypoint": ["python"],
        "ContainerArguments": ["-m", "monitor"],
    }
    made = job_request(
        BaselineConfig=BASELINE,
        MonitoringAppSpecification=specification,
        Environment={"THRESHOLD": "0.5"},
        StoppingCondition={"MaxRuntimeInSeconds": 1800},
    )
    target = {
        "S3Uri": "s3://reports/signs/signs/hourly/2026/11/20/13",
        "LocalPath": "/opt/ml/processing/output",
        "S3UploadMode": "EndOfJob",
    }
    assert made == {
        "ProcessingJobName": "job-1",
        "ProcessingInputs": [
            input_named("endpoint_input_1", CAPTURES, "/opt/ml/processing/input"),
            input_named("constraints", "s3://reports/base/constraints.json", "/opt/ml/processing/baseline/constraints"),
            input_named("baseline", "s3://reports/base/statistics.json", "/opt/ml/processing/baseline/stats"),
        ],
        "ProcessingOutputConfig": {
            "Outputs": [{"OutputName": "monitoring_output", "AppManaged": False, "S3Output": target}]
        },
        "ProcessingResources": requests.RESOURCES,
        "StoppingCondition": {"MaxRuntimeInSeconds": 1800},
        "AppSpecification": specification,
        "Environment": {
            "THRESHOLD": "0.5",
            "dataset_format": CAPTURE_DATASET_FORMAT,
            "dataset_source": "/opt/ml/processing/input",
            "start_time": "2026-11-20T12:00:00Z",
            "end_time": "2026-11-20T13:00:00Z",
            "output_path": "/opt/ml/processing/output",
            "publish_cloudwatch_metrics": "Enabled",
            "sagemaker_endpoint_name": "signs",
            "sagemaker_monitoring_schedule_name": "hourly",
            "sagemaker_endpoint_datacapture_prefix": CAPTURES,
            "baseline_constraints": "/opt/ml/processing/baseline/constraints/constraints.json",
            "baseline_statistics": "/opt/ml/processing/baseline/stats/statistics.json",
            "SEXTANT_MODEL_CARD": "/opt/ml/processing/model/model_card.json",
            "SEXTANT_CAPTURE_COMPLETENESS": "/opt/ml/processing/completeness/capture_completeness.json",
            "SEXTANT_SIDE_INDEX": "/opt/ml/processing/side_index",
        },
        "RoleArn": requests.ROLE,
    }


SCRIPTS = {
    "RecordPreprocessorSourceUri": "s3://code/signs/preprocessor.py",
    "PostAnalyticsProcessorSourceUri": "s3://code/signs/postprocessor.py",
}


def test_every_variable_of_the_container_contract_is_given():
    quality = {"InferenceAttribute": "0", "ProbabilityAttribute": "1", "ProbabilityThresholdAttribute": 0.5}
    source = {"EndpointName": "signs", "LocalPath": "/opt/ml/processing/input", **quality}
    made = job_request(
        BaselineConfig=BASELINE,
        MonitoringInputs=[{"EndpointInput": source}],
        MonitoringAppSpecification={"ImageUri": "i", "ProblemType": "MulticlassClassification", **SCRIPTS},
    )
    of_users = {Variable.GROUND_TRUTH_ATTRIBUTE, Variable.POSITIVE_LABEL}  # no member of a schedule says them
    assert {name for name in Variable if not name.startswith("SEXTANT_")} - of_users <= {*made["Environment"]}
    assert made["Environment"]["analysis_type"] == "MODEL_QUALITY"
    assert made["Environment"]["probability_threshold_attribute"] == "0.5"


def test_captures_with_ground_truth_are_told_apart_and_so_is_what_came_of_merging_it():
    source = {"EndpointName": "signs", "LocalPath": "/opt/ml/processing/input"}
    labels = {"EndpointInput": source, "GroundTruthS3Input": {"S3Uri": "s3://labels/signs"}}
    made = job_request(MonitoringInputs=[labels])["Environment"]
    assert json.loads(made["dataset_format"]) == {"sagemakerMergeJson": {"captureIndexNames": ["endpointOutput"]}}
    assert made["SEXTANT_GROUND_TRUTH"] == "/opt/ml/processing/ground_truth/merge_counts.json"


@pytest.mark.parametrize(("origin", "late", "hours"), [(ExecutionOrigin.SLOT, 0, 1), (ExecutionOrigin.RUN_NOW, 10, 2)])
def test_labels_are_looked_for_from_the_windows_start_to_the_slot(origin, late, hours):
    execution = replace(EXECUTION, origin=origin, scheduled_at=EXECUTION.scheduled_at + timedelta(minutes=late))
    assert len(hours_of(labelling_window_of(execution))) == hours


def test_scripts_are_staged_and_named_by_their_paths():
    made = job_request(MonitoringAppSpecification={"ImageUri": "i", **SCRIPTS})
    assert made["ProcessingInputs"][1:] == [
        input_named("pre_processor_script", "s3://code/signs/preprocessor.py", "/opt/ml/processing/code/preprocessing"),
        input_named(
            "post_processor_script", "s3://code/signs/postprocessor.py", "/opt/ml/processing/code/postprocessing"
        ),
    ]
    paths = [made["Environment"][name] for name in ("record_preprocessor_script", "post_analytics_processor_script")]
    assert paths == [
        "/opt/ml/processing/code/preprocessing/preprocessor.py",
        "/opt/ml/processing/code/postprocessing/postprocessor.py",
    ]


@pytest.mark.parametrize(("uri", "name"), [("s3://b/mine.json", "mine.json"), ("s3://b/base/", "constraints.json")])
def test_a_baseline_is_told_by_the_name_that_it_is_staged_under(uri, name):
    made = job_request(BaselineConfig={"ConstraintsResource": {"S3Uri": uri}})
    assert made["Environment"]["baseline_constraints"] == f"/opt/ml/processing/baseline/constraints/{name}"


def test_a_schedule_that_names_no_script_and_no_attribute_gets_no_variable_of_theirs():
    names = {*job_request()["Environment"]}
    assert names.isdisjoint({"record_preprocessor_script", "inference_attribute", "analysis_type", "problem_type"})


def test_a_baseline_that_is_not_there_is_neither_staged_nor_named():
    made = job_request(
        BaselineConfig={"ConstraintsResource": BASELINE["ConstraintsResource"], "StatisticsResource": {}}
    )
    assert [each["InputName"] for each in made["ProcessingInputs"]] == ["endpoint_input_1", "constraints"]
    assert "baseline_statistics" not in made["Environment"]
    assert "baseline_constraints" not in job_request()["Environment"]


def test_the_platforms_variables_win_over_the_users():
    assert job_request(Environment={"end_time": "never"})["Environment"]["end_time"] == "2026-11-20T13:00:00Z"


def test_the_first_output_is_the_output_path_and_all_have_names_of_their_own():
    outputs = [{"S3Output": {"S3Uri": f"s3://reports/{name}/", "LocalPath": f"/out/{name}"}} for name in "ab"]
    made = job_request(MonitoringOutputConfig={"MonitoringOutputs": outputs})
    assert made["Environment"]["output_path"] == "/out/a"
    assert [each["OutputName"] for each in made["ProcessingOutputConfig"]["Outputs"]] == [
        "monitoring_output",
        "monitoring_output_2",
    ]


def test_the_request_is_one_that_processing_jobs_take():
    parsed = ProcessingJobRequest.model_validate(job_request())
    assert parsed.inputs[0].s3_input.s3_uri == CAPTURES
    assert parsed.outputs[0].s3_output.local_path == "/opt/ml/processing/output"
    assert parsed.max_runtime == timedelta(hours=1)


@pytest.mark.parametrize("uri", ["s3://reports/x", "s3://reports/x/", "s3://reports/x//"])
def test_a_slot_on_the_hour_reports_into_awss_hour_folder(uri):
    assert report_uri(uri, EXECUTION) == "s3://reports/x/signs/hourly/2026/11/20/13"


@pytest.mark.parametrize(
    ("changes", "folder"),
    [
        ({"scheduled_at": requests.NOON + timedelta(minutes=5, seconds=7)}, "2026/11/20/12/05-07-execution-1"),
        ({"origin": ExecutionOrigin.RUN_NOW}, "2026/11/20/13/00-00-execution-1"),
        ({"scheduled_at": requests.NOON + timedelta(microseconds=1)}, "2026/11/20/12/00-00-execution-1"),
    ],
)
def test_every_other_execution_reports_into_a_folder_of_its_own(changes, folder):
    assert (
        report_uri("s3://reports/x", replace(EXECUTION, **changes)).removeprefix("s3://reports/x/signs/hourly/")
        == folder
    )


def test_a_job_has_an_hour_unless_said():
    assert max_runtime(definition()) == timedelta(hours=1)
    assert max_runtime(definition(StoppingCondition={"MaxRuntimeInSeconds": 60})) == timedelta(minutes=1)


def test_each_claim_of_an_execution_has_a_job_of_its_own():
    names = {execution_job_name(replace(EXECUTION, id="f" * 32, version=version)) for version in (0, 1)}
    assert names == {f"model-monitoring-202611201300-{'f' * 20}-{version}" for version in (0, 1)}
    assert max(map(len, names)) <= 63


def test_an_executions_window_is_its_own():
    assert (window_of(EXECUTION).start, window_of(EXECUTION).end) == (EXECUTION.window_start, EXECUTION.window_end)


def test_offsets_come_from_the_schedule_and_from_its_input():
    given = requests.schedule(times=requests.NOW_ONCE)["MonitoringScheduleConfig"]
    given["MonitoringJobDefinition"]["MonitoringInputs"][0]["EndpointInput"] |= {"StartTimeOffset": "-P8D"}
    offsets = offsets_of(MonitoringScheduleConfig.model_validate(given))
    assert (offsets.analysis_start, offsets.analysis_end) == (timedelta(hours=-1), timedelta(0))
    assert (offsets.input_start, offsets.input_end) == (timedelta(days=-8), None)


@pytest.mark.parametrize(
    "members",
    [
        {"MonitoringInputs": []},
        {"MonitoringInputs": [{"BatchTransformInput": {}}]},
        {"MonitoringOutputConfig": {"MonitoringOutputs": []}},
        {"Environment": {"THRESHOLD": 0.5}},
        {"RoleArn": None},
    ],
)
def test_a_definition_that_cannot_run_is_refused(members):
    with pytest.raises(ValidationError):
        definition(**members)


def test_ground_truth_without_a_kind_of_problem_is_not_judged_as_data_quality():
    labelled = [{"EndpointInput": {"EndpointName": "signs"}, "GroundTruthS3Input": {"S3Uri": "s3://labels/signs"}}]
    application = {"ImageUri": AWSS_ANALYZER}
    with pytest.raises(ValidationError, match="set ProblemType to one of Regression, BinaryClassification, Multi"):
        definition(MonitoringInputs=labelled, MonitoringAppSpecification=application)
    told = {**application, "ProblemType": "Regression"}
    assert definition(MonitoringInputs=labelled, MonitoringAppSpecification=told).ground_truth_uri


def test_members_this_service_does_not_use_are_let_through():
    assert definition(NetworkConfig={"EnableNetworkIsolation": True}) == definition()


def test_a_monitor_that_loads_the_model_is_given_its_variables_and_the_schedules_own_win():
    given = {"SAGEMAKER_PROGRAM": "signs.py", "THRESHOLD": "0.9"}
    request = processing_job_request(
        definition(Environment={"THRESHOLD": "0.5"}),
        EXECUTION,
        job_name="job-1",
        capture_uri=CAPTURES,
        model_environment=given,
    )
    environment = request["Environment"]
    assert (environment["SAGEMAKER_PROGRAM"], environment["THRESHOLD"]) == ("signs.py", "0.5")
