"""Images by name: which are monitors here, and which are AWS's own that nothing here stands in for."""

import pytest

from monitor_jobs.class_skew import constraints as class_skew
from monitor_jobs.contract.catalog import (
    MONITOR_VARIABLES,
    built_in_module,
    prebuilt_repository,
    prebuilt_without_monitor,
)
from monitor_jobs.data_quality.checks import limits
from monitor_jobs.saliency_drift import constraints as saliency_drift
from monitor_jobs.tensor_rules import parameters as tensor_rules

REGISTRY = "156813124566.dkr.ecr.us-east-1.amazonaws.com"


@pytest.mark.parametrize(
    "image", ["sextant/class-skew", "host:5000/sextant/class-skew:1", "sextant/class-skew@sha256:0"]
)
def test_a_built_in_monitor_is_known_by_its_name_alone(image):
    assert built_in_module(image) == "monitor_jobs.class_skew"
    assert not prebuilt_without_monitor(image)


@pytest.mark.parametrize(
    ("name", "lacks_monitor"), [("sagemaker-model-monitor-analyzer", False), ("sagemaker-clarify-processing", True)]
)
@pytest.mark.parametrize("form", ["{registry}/{name}", "{registry}.cn/{name}:1.0", "{registry}/{name}@sha256:0"])
def test_awss_own_monitors_are_known_in_every_region(name, lacks_monitor, form):
    image = form.format(name=name, registry=REGISTRY)
    assert (prebuilt_repository(image), prebuilt_without_monitor(image)) == (name, lacks_monitor)


@pytest.mark.parametrize(
    "image", ["mine/sagemaker-model-monitor", "host/sagemaker-clarify-processing", "", "file:///x"]
)
def test_other_images_are_their_owners(image):
    assert (built_in_module(image), prebuilt_repository(image)) == (None, None)


def test_the_variables_of_monitors_are_those_that_monitors_read():
    of_saliency = {*saliency_drift.VARIABLES.values(), saliency_drift.RECORDS_VARIABLE}
    of_others = {*class_skew.VARIABLES.values(), *limits.VARIABLES, tensor_rules.VARIABLE}
    assert of_others | of_saliency == MONITOR_VARIABLES
