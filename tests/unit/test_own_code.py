"""What a job runs beyond the built-in monitors, however it is brought along."""

import pytest

from service.core.own_code import definition_brings_code, job_brings_code, schedule_brings_code
from tests.sagemaker_requests import job_definition, processing_job, schedule, scheduled_by_name

MONITOR = "sextant/class-skew"
HARMLESS = [
    {},
    {"THRESHOLD": "0.5"},
    {"TENSOR_RULES": "DeadRelu"},
    {"publish_cloudwatch_metrics": "Enabled", "dataset_source": "/opt/ml/in"},
]
HARMFUL = [
    {"PYTHONPATH": "/opt/ml/processing/input"},
    {"LD_PRELOAD": "/opt/ml/processing/input/x.so"},
    {"THRESHOLD": "0.5", "HOME": "/opt/ml"},
    {"threshold": "0.5"},
    {"record_preprocessor_script": "/opt/ml/processing/input/x.py"},
    {"post_analytics_processor_script": "/opt/ml/processing/input/x.py"},
]
BROUGHT = [
    {"ImageUri": "mine/class-skew"},
    {"ImageUri": "file:///srv/monitors/skew.py"},
    {"ImageUri": MONITOR, "ContainerArguments": ["--root", "/"]},
    {"ImageUri": MONITOR, "ContainerEntrypoint": ["python"]},
    {"ImageUri": "sextant/explain"},
    {"ImageUri": "sextant/saliency"},
    {"ImageUri": "registry.example/team/sextant/explain:2"},
]
SCRIPTS = [
    {"ImageUri": MONITOR, "RecordPreprocessorSourceUri": "s3://b/x.py"},
    {"ImageUri": MONITOR, "PostAnalyticsProcessorSourceUri": "s3://b/x.py"},
]


@pytest.mark.parametrize("environment", HARMLESS, ids=str)
def test_a_built_in_monitor_and_what_it_reads_is_nobodys_code(environment):
    assert not job_brings_code(processing_job(Environment=environment))
    assert not schedule_brings_code(schedule(Environment=environment))
    assert not definition_brings_code("DataQuality", definition({"ImageUri": MONITOR, "Environment": environment}))


@pytest.mark.parametrize("environment", HARMFUL, ids=str)
def test_a_variable_that_no_monitor_reads_may_bring_code(environment):
    assert job_brings_code(processing_job(Environment=environment))
    assert schedule_brings_code(schedule(Environment=environment))
    assert definition_brings_code("DataQuality", definition({"ImageUri": MONITOR, "Environment": environment}))


@pytest.mark.parametrize("application", BROUGHT, ids=str)
def test_an_image_or_a_command_of_ones_own_is_code(application):
    assert job_brings_code(processing_job(AppSpecification=application))


@pytest.mark.parametrize("application", [*BROUGHT, *SCRIPTS], ids=str)
def test_so_it_is_in_a_schedule_and_in_a_definition_and_scripts_are_too(application):
    assert schedule_brings_code(schedule(MonitoringAppSpecification=application))
    assert definition_brings_code("DataQuality", definition(application))


def test_a_schedule_that_names_a_definition_was_judged_with_that():
    assert not schedule_brings_code(scheduled_by_name())


def definition(application):
    return job_definition(DataQualityAppSpecification=application)
