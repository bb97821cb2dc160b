"""Which image is what: our monitors by their own names and by AWS's, programs, and everything else."""

from pathlib import Path

import pytest

from monitor_jobs.contract import catalog
from monitor_jobs.contract.catalog import built_in_module, prebuilt_without_monitor
from monitor_jobs.contract.errors import BadInput
from service.core.images import BuiltInMonitor, ContainerImage, LocalProgram, runnable_of

SKEW = BuiltInMonitor("monitor_jobs.class_skew")
DIGEST = "@sha256:" + "0" * 64
ANALYZER = "156813124566.dkr.ecr.us-east-1.amazonaws.com/sagemaker-model-monitor-analyzer"


@pytest.mark.parametrize(
    "image",
    [
        "sextant/class-skew",
        "sextant/class-skew:1.2",
        f"sextant/class-skew:1.2{DIGEST}",
        "127.0.0.1:5000/sextant/class-skew",
        f"ghcr.io/acme/sextant/class-skew{DIGEST}",
        "123456789012.dkr.ecr.eu-west-1.amazonaws.com/sextant/class-skew:latest",
        "123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn/sextant/class-skew:latest",
    ],
)
def test_a_built_in_monitor_answers_to_its_name_in_every_registry(image):
    assert runnable_of(image) == SKEW


@pytest.mark.parametrize("image", ["class-skew", "notsextant/class-skew", "sextant/class-skew-2", "sextant/class", ""])
def test_a_name_that_is_only_like_it_is_an_image(image):
    assert runnable_of(image) == ContainerImage(image)


@pytest.mark.parametrize(
    "registry",
    [
        "156813124566.dkr.ecr.us-east-1.amazonaws.com",
        "000000000000.dkr.ecr.cn-northwest-1.amazonaws.com.cn",
        "680080141114.dkr.ecr-fips.us-gov-west-1.amazonaws.com",
    ],
)
def test_a_monitor_answers_to_the_aws_image_that_it_stands_in_for(registry):
    image = f"{registry}/sagemaker-model-monitor-analyzer:latest"
    assert runnable_of(image) == BuiltInMonitor("monitor_jobs.model_monitor_analyzer")
    assert not prebuilt_without_monitor(image)


@pytest.mark.parametrize(
    "image",
    [
        ANALYZER.replace("156813124566", "15681312456"),
        ANALYZER.replace("amazonaws.com", "example.com"),
        ANALYZER.replace("amazonaws.com", "amazonaws.com.example.com"),
        f"{ANALYZER}-2",
        "sagemaker-model-monitor-analyzer",
        "acme/sagemaker-model-monitor-analyzer",
        "sextant/class-skew",
    ],
)
def test_an_image_of_another_registry_or_name_is_none_of_awss(image):
    assert not prebuilt_without_monitor(image)


def test_every_module_of_the_catalogue_can_be_run():
    modules = {*catalog.BUILT_IN_MONITORS.values(), *filter(None, catalog.PREBUILT_MONITORS.values())}
    root = Path(catalog.__file__).parents[2]
    assert all((root / module.replace(".", "/") / "__main__.py").is_file() for module in modules)
    assert built_in_module("acme/other:1") is None


def test_a_file_address_is_a_program():
    assert runnable_of("file:///srv/my%20monitors/skew.py") == LocalProgram(Path("/srv/my monitors/skew.py"))


@pytest.mark.parametrize("image", ["file://host/skew.py", "file:skew.py", "file:/skew.py", "file://", "file:///a%00b"])
def test_a_file_address_without_an_absolute_path_is_refused(image):
    with pytest.raises(BadInput, match="names no program: write its absolute path, such as file:///"):
        runnable_of(image)
