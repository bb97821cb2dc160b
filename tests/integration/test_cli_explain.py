"""`sextant explain` against a running service: pictures sent, captured, and explained."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests import plain_http
from tests.aws_clients import SIGNED
from tests.explained_package import CLASSES, SIDE, write_explained_package
from tests.integration.sextant_command import Sextant, sextant_up
from tests.pictures import encoded, scenes
from tests.wait import wait_until

SENT = 8


@pytest.fixture(scope="module")
def sextant(tmp_path_factory):
    with sextant_up(tmp_path_factory.mktemp("explain")) as running:
        yield running


@pytest.fixture(scope="module")
def endpoint(sextant: Sextant, tmp_path_factory) -> str:
    """An endpoint whose captures of eight pictures have been sealed."""
    package = write_explained_package(tmp_path_factory.mktemp("package"))
    sextant.json("endpoint", "create", "signs", "--model", package)
    url = f"{sextant.url}/endpoints/signs/invocations"
    for number, picture in enumerate(scenes(SENT, side=SIDE)):
        headers = {"Content-Type": "image/png", "X-Amzn-SageMaker-Inference-Id": f"frame-{number}"}
        plain_http.post(url, content=encoded(picture), headers=headers, auth=SIGNED).raise_for_status()
    wait_until(lambda: len(captured(sextant)) == SENT, timeout_seconds=60, what="captures")
    return "signs"


def captured(sextant: Sextant) -> list[dict[str, Any]]:
    now = datetime.now(UTC)
    start, end = (f"{now + timedelta(minutes=minutes):%Y-%m-%dT%H:%M:%S}" for minutes in (-30, 1))
    found: list[dict[str, Any]] = sextant.json("capture", "ls", "--endpoint", "signs", "--from", start, "--to", end)
    return found


def test_a_prediction_is_explained_by_its_inference_id(sextant, endpoint, tmp_path):
    said = sextant.json("explain", "--endpoint", endpoint, "--inference-id", "frame-3", "--save", tmp_path / "maps")
    (one,) = said["explanations"]
    assert one["inference_id"] == "frame-3"
    assert one["exact"]
    assert one["predicted"]["name"] == one["answered"] in CLASSES
    assert json.loads((tmp_path / "maps/explanations.json").read_text())["explanations"] == [one]
    with Image.open(tmp_path / "maps" / one["picture_file"]) as picture:
        assert picture.format == "PNG"
    assert np.load(tmp_path / "maps" / one["map_file"]).shape == (SIDE, SIDE)
    assert said["address"].startswith("s3://")


def test_people_are_shown_a_table_and_told_what_is_missing(sextant, endpoint):
    done = sextant.run("explain", "--endpoint", endpoint, "--inference-id", "frame-1", "--inference-id", "frame-99")
    assert done.returncode == 0, done.stderr
    assert "Outside centre" in done.stdout
    assert "frame-99 is in no capture that was read" in done.stderr


def test_the_records_of_an_executions_violations_are_explained(sextant, endpoint):
    # no class of three is as rare as this limit asks for
    sextant.json(
        "schedule",
        "create",
        "skew",
        "--endpoint",
        endpoint,
        "--env",
        "THRESHOLD=0.01",
        "--env",
        "MINIMUM_PREDICTIONS=1",
    )
    now = datetime.now(UTC)
    window = [f"{now + timedelta(minutes=minutes):%Y-%m-%dT%H:%M:%S}" for minutes in (-30, 0)]
    execution = sextant.json("schedule", "run", "skew", "--from", window[0], "--to", window[1])
    report = sextant.json("report", "show", execution["MonitoringExecutionId"])
    offending = [row["event_id"] for violation in report["violations"] for row in violation["offending_records"]]
    nobodys = [f"nobody-{number:029d}" for number in range(40)]
    named = [f"--event-id={name}" for name in nobodys]
    said = sextant.json("explain", "--execution", execution["MonitoringExecutionId"], "--limit", "2", *named)
    assert {one["event_id"] for one in said["explanations"]} == set(offending[:2])
    assert said["absent"] == nobodys


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ((), "nothing to explain: name an --endpoint, or an --execution with violations"),
        (("--endpoint", "nowhere"), "nowhere"),
        (("--endpoint", "signs", "--inference-id", "frame-99"), "no request that was kept is asked for"),
        (("--endpoint", "signs", "--from", "2020-01-01", "--to", "2020-01-02"), "has no captures from"),
    ],
)
def test_what_cannot_be_explained_is_one_sentence(sextant, endpoint, options, message):
    done = sextant.run("explain", *options)
    assert done.returncode != 0
    assert message in done.stderr


def kept_steps(sextant: Sextant, name: str) -> list[Path]:
    return list((sextant.folder / "store/sextant/tensors" / name).glob("AllTraffic/*/steps/**/*.zst"))


KINDS = ({"kind": "raw", "include_regex": ".*"}, {"kind": "reduced"}, {"kind": "replay"})


@pytest.mark.parametrize("parameters", KINDS, ids=lambda parameters: parameters["kind"])
def test_what_an_endpoint_keeps_of_a_request_explains_it(sextant, tmp_path, parameters):
    name, kind = f"kept-{parameters['kind']}", parameters["kind"]
    package = write_explained_package(tmp_path)
    hook = json.dumps({"S3OutputPath": "s3://sextant/tensors", "HookParameters": parameters})
    sextant.json("endpoint", "create", name, "--model", package, "--env", f"SEXTANT_DEBUG_HOOK={hook}")
    url = f"{sextant.url}/endpoints/{name}/invocations"
    headers = {"Content-Type": "image/png", "X-Amzn-SageMaker-Inference-Id": "frame-0"}
    body = encoded(scenes(1, side=SIDE)[0])
    answer = plain_http.post(url, content=body, headers=headers, auth=SIGNED).raise_for_status().json()
    explain = ("explain", "--endpoint", name, "--from-tensors")
    wait_until(lambda: any(kept_steps(sextant, name)), timeout_seconds=60, what=f"tensors of kind {kind}")
    said = sextant.json(*explain, "--inference-id", "frame-0")
    (one,) = said["explanations"]
    assert one["exact"]
    assert one["predicted"]["probability"] == pytest.approx(max(answer["predictions"][0]), rel=1e-4)


def test_an_endpoint_that_keeps_no_tensors_says_so(sextant, endpoint):
    done = sextant.run("explain", "--endpoint", endpoint, "--from-tensors")
    assert done.returncode != 0
    assert "keeps no tensors: its model's Environment has no SEXTANT_DEBUG_HOOK" in done.stderr
