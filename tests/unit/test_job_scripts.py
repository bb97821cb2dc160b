"""Which scripts a job has, and which of its variables they see."""

import json

import pytest

from monitor_jobs.contract.container import ContainerPaths
from monitor_jobs.job.scripts import postprocessor_of, preprocessor_of
from monitor_jobs.job.settings import parse_settings

BEFORE, AFTER = "/opt/ml/processing/code/preprocessing/p.py", "/opt/ml/processing/code/postprocessing/p.py"


def seen(root, **variables):
    """The variables that a preprocessing script sees."""
    paths = ContainerPaths(root)
    environment = {"record_preprocessor_script": BEFORE, **variables}
    script = preprocessor_of(parse_settings(environment, paths), environment, paths)
    assert script.path == root / BEFORE.lstrip("/")
    return dict(script.environment)


def describe(root, text):
    config = ContainerPaths(root).job_config
    config.parent.mkdir(parents=True)
    config.write_text(text)


def test_a_job_without_scripts_has_none(tmp_path):
    paths = ContainerPaths(tmp_path)
    job = parse_settings({}, paths)
    assert (preprocessor_of(job, {}, paths), postprocessor_of(job, {}, paths)) == (None, None)


def test_each_of_two_scripts_has_its_own_variable(tmp_path):
    paths = ContainerPaths(tmp_path)
    environment = {"post_analytics_processor_script": AFTER}
    job = parse_settings(environment, paths)
    assert preprocessor_of(job, environment, paths) is None
    assert postprocessor_of(job, environment, paths).path == tmp_path / AFTER.lstrip("/")


def test_a_script_sees_the_containers_variables_with_paths_as_they_are_here(tmp_path):
    found = seen(tmp_path, output_path="/opt/ml/out", sagemaker_endpoint_name="signs", baseline_statistics="/opt/ml/s")
    assert (found["output_path"], found["sagemaker_endpoint_name"]) == (f"{tmp_path}/opt/ml/out", "signs")
    assert found["baseline_statistics"] == f"{tmp_path}/opt/ml/s"
    assert found["dataset_source"] == f"{tmp_path}/opt/ml/processing/input/endpoint"
    assert "baseline_constraints" not in found


def test_a_script_sees_what_the_jobs_owner_gave_and_nothing_else(tmp_path):
    describe(tmp_path, json.dumps({"Environment": {"MINE": "x", "ABSENT": "y"}}))
    found = seen(tmp_path, MINE="x", AWS_SECRET_ACCESS_KEY="secret", HTTPS_PROXY="http://secret@proxy")
    assert found["MINE"] == "x"
    assert found.keys().isdisjoint({"ABSENT", "AWS_SECRET_ACCESS_KEY", "HTTPS_PROXY"})


@pytest.mark.parametrize("text", ["", "no JSON", "[]", '{"Environment": ["MINE"]}', '{"Environment": null}'])
def test_a_description_that_says_nothing_of_variables_gives_none(tmp_path, text):
    describe(tmp_path, text)
    assert "MINE" not in seen(tmp_path, MINE="x")
