"""A processing job as its container is told of it."""

import pytest

from monitor_jobs.contract.errors import BadInput
from service.core.processing import ProcessingJobRequest, job_config

ARN = "arn:aws:sagemaker:us-east-1:000000000000:processing-job/job"


def sent(*paths, **members):
    outputs = [
        {"OutputName": f"o{number}", "S3Output": {"S3Uri": "s3://b/o", "LocalPath": path}}
        for number, path in enumerate(paths)
    ]
    required = {"ProcessingJobName": "job", "AppSpecification": {"ImageUri": "i"}}
    return required | ({"ProcessingOutputConfig": {"Outputs": outputs}} if outputs else {}) | members


def parsed(*paths, **members):
    return ProcessingJobRequest.model_validate(sent(*paths, **members))


def test_the_first_output_is_the_output_path_unless_the_job_says_otherwise():
    assert parsed("/opt/ml/a", "/opt/ml/b").container_environment == {"output_path": "/opt/ml/a"}
    assert parsed("/opt/ml/a", Environment={"output_path": "/x"}).container_environment == {"output_path": "/x"}
    assert parsed().container_environment == {}


def test_a_job_reads_what_it_was_asked_for_and_what_was_left_out():
    request = sent("/opt/ml/a", Environment={"A": "1"}, NetworkConfig={"EnableNetworkIsolation": True})
    config = job_config(ProcessingJobRequest.model_validate(request), request, arn=ARN)
    assert config == {
        "ProcessingJobArn": ARN,
        "ProcessingInputs": [],
        "ProcessingResources": {},
        "RoleArn": "",
        "StoppingCondition": {"MaxRuntimeInSeconds": 3600},
        **request,
        "Environment": {"A": "1", "output_path": "/opt/ml/a"},
    }


@pytest.mark.parametrize("path", ["/outputs", "/opt", "/opt/mlx", "opt/ml/a", "/"])
def test_a_folder_that_the_container_does_not_share_is_refused(path):
    with pytest.raises(BadInput, match=f"LocalPath {path} lies outside of /opt/ml"):
        assert parsed(path).local_paths


def test_all_folders_of_a_job_are_listed():
    source = {"InputName": "in", "S3Input": {"S3Uri": "s3://b/i", "LocalPath": "/opt/ml/in"}}
    assert parsed("/opt/ml/out", ProcessingInputs=[source]).local_paths == ["/opt/ml/in", "/opt/ml/out"]
