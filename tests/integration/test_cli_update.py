"""`sextant endpoint update` as a person uses it, against one running service."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from monitor_jobs.model_archive import pack
from tests import plain_http
from tests.aws_clients import SIGNED
from tests.integration.sextant_command import Sextant, sextant_up
from tests.servers.endpoint import write_package

SAYS = """
import os

def model_fn(model_dir):
    if os.environ.get("BREAK"):
        raise ValueError("the weights are those of another network")
    return "{said} " + os.environ.get("SUFFIX", "")

def transform_fn(model, body, content_type, accept):
    return model, "text/plain"
"""


@pytest.fixture(scope="module")
def sextant(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sextant]:
    with sextant_up(tmp_path_factory.mktemp("cli")) as running:
        yield running


def package(folder: Path, said: str) -> Path:
    files = write_package(folder / said, {"code/inference.py": SAYS.replace("{said}", said)})
    pack(files, folder / f"{said}.tar.gz")
    return folder / f"{said}.tar.gz"


@pytest.fixture
def endpoint(sextant: Sextant, tmp_path: Path) -> Iterator[str]:
    made = sextant.run("endpoint", "create", "talker", "--model", package(tmp_path, "one"), "--env", "SUFFIX=once")
    assert made.returncode == 0, made.stderr
    yield "talker"
    sextant.run("endpoint", "delete", "talker")


@pytest.fixture(scope="module")
def steady(sextant: Sextant, tmp_path_factory: pytest.TempPathFactory) -> str:
    """An endpoint that nothing is done to."""
    sextant.json("endpoint", "create", "steady", "--model", package(tmp_path_factory.mktemp("steady"), "one"))
    return "steady"


def test_an_endpoint_of_several_variants_is_updated_by_a_configuration_of_all_alone(sextant, steady):
    model = sextant.json("endpoint", "describe", steady)["EndpointConfigName"]
    variants = [{"VariantName": name, "ModelName": model} for name in ("Blue", "Green")]
    call(sextant, "CreateEndpointConfig", EndpointConfigName="both", ProductionVariants=variants)
    call(sextant, "CreateEndpoint", EndpointName="both", EndpointConfigName="both")
    refused = sextant.run("endpoint", "update", "both", "--capture", "5")
    assert refused.returncode == 5
    assert "both serves 2 variants: create a configuration of all, and name it by --config" in refused.stderr


def call(sextant, operation, **request):
    headers = {"X-Amz-Target": f"SageMaker.{operation}", "Content-Type": "application/x-amz-json-1.1"}
    answer = plain_http.post(sextant.url, headers=headers, json=request, auth=SIGNED)
    assert answer.is_success, answer.text


def says(sextant):
    return sextant.run("endpoint", "invoke", "talker", "-").stdout.strip()


def config(sextant, name="talker"):
    return sextant.json("endpoint", "describe", name)["EndpointConfigName"]


def test_another_package_is_served_and_what_no_option_names_stays(sextant, endpoint, tmp_path):
    answer = sextant.json("endpoint", "update", endpoint, "--model", package(tmp_path, "two"))
    assert (answer["EndpointStatus"], answer["DataCaptureConfig"]["CurrentSamplingPercentage"]) == ("InService", 100)
    assert says(sextant) == "two once"


def test_the_way_is_told_stage_after_stage(sextant, endpoint):
    told = sextant.run("endpoint", "update", endpoint, "--env", "SUFFIX=again").stderr.splitlines()
    assert [line.partition(": ")[2].partition(" with ")[0] for line in told] == [
        "the new process loads its model",
        "the new process answers, the old one drains",
        "InService",
    ]
    assert says(sextant) == "one again"


def test_with_its_name_alone_an_endpoint_is_restarted(sextant, endpoint):
    assert sextant.json("endpoint", "update", endpoint)["EndpointConfigName"] == endpoint
    assert says(sextant) == "one once"


def test_capture_is_changed_and_the_first_version_can_be_had_back(sextant, endpoint):
    changed = sextant.json("endpoint", "update", endpoint, "--capture", "7")
    assert changed["DataCaptureConfig"]["CurrentSamplingPercentage"] == 7
    back = sextant.json("endpoint", "update", endpoint, "--config", endpoint)
    assert (back["EndpointConfigName"], back["DataCaptureConfig"]["CurrentSamplingPercentage"]) == (endpoint, 100)


def test_a_model_that_does_not_load_leaves_the_old_one_and_says_why(sextant, endpoint):
    done = sextant.run("endpoint", "update", endpoint, "--env", "BREAK=1")
    assert done.returncode == 1
    assert "serves as before, the update failed: " in done.stderr
    assert "the weights are those of another network" in done.stderr
    assert (says(sextant), config(sextant)) == ("one once", endpoint)


def test_all_versions_go_with_their_endpoint(sextant, endpoint, tmp_path):
    sextant.json("endpoint", "update", endpoint, "--env", "SUFFIX=2")
    sextant.run("endpoint", "delete", endpoint)
    again = sextant.run("endpoint", "create", endpoint, "--model", package(tmp_path, "one"), "--json")
    assert json.loads(again.stdout)["EndpointStatus"] == "InService", again.stderr


@pytest.mark.parametrize(
    ("options", "exit_code", "sentence"),
    [
        (("nope",), 3, "Could not find endpoint"),
        (("steady", "--config", "nope"), 3, "Could not find endpoint configuration"),
        (("steady", "--config", "steady", "--capture", "5"), 5, "--config steady says all"),
        (("steady", "--model", "missing.tar.gz"), 3, "missing.tar.gz is no file: pack a model"),
        (("steady", "--env", "bare"), 5, "'bare' is no NAME=VALUE"),
        (("steady", "--destination", "nowhere"), 5, "nowhere"),
    ],
)
def test_what_cannot_be_done_is_told_and_changes_nothing(sextant, steady, options, exit_code, sentence):
    done = sextant.run("endpoint", "update", *options)
    assert (done.returncode, sentence in done.stderr) == (exit_code, True), done.stderr
    assert config(sextant, steady) == steady
