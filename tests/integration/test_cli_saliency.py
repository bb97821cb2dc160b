"""The saliency monitor against a running service: a baseline of captured pictures, and a schedule held to it."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests import plain_http
from tests.aws_clients import SIGNED
from tests.explained_package import SIDE, write_explained_package
from tests.integration.sextant_command import Sextant, sextant_up
from tests.pictures import encoded, scenes
from tests.wait import wait_until

SENT = 210


@pytest.fixture(scope="module")
def sextant(tmp_path_factory):
    with sextant_up(tmp_path_factory.mktemp("saliency")) as running:
        yield running


@pytest.fixture(scope="module")
def window(sextant: Sextant, tmp_path_factory) -> list[str]:
    """The options that name the hour around now, whose captures have been sealed."""
    package = write_explained_package(tmp_path_factory.mktemp("package"))
    sextant.json("endpoint", "create", "signs", "--model", package)
    url = f"{sextant.url}/endpoints/signs/invocations"
    for picture in scenes(SENT, side=SIDE):
        headers = {"Content-Type": "image/png"}
        plain_http.post(url, content=encoded(picture), headers=headers, auth=SIGNED).raise_for_status()

    def whole() -> list[str]:
        options = until_now()  # which leaves out the second that has not ended
        return options if len(captured(sextant, options)) == SENT else []

    return wait_until(whole, timeout_seconds=60, what="captures")


def until_now() -> list[str]:
    now = datetime.now(UTC)
    return [
        option
        for name, moment in (("--from", now - timedelta(minutes=30)), ("--to", now))
        for option in (name, f"{moment:%Y-%m-%dT%H:%M:%S}")
    ]


def captured(sextant: Sextant, options: list[str]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = sextant.json("capture", "ls", "--endpoint", "signs", *options, "--limit", "1000")
    return found


def test_a_schedule_is_held_to_the_baseline_that_was_made_of_its_own_captures(sextant, window):
    image = ("--monitor", "sextant/saliency")
    baseline = sextant.json("baseline", "create", "--endpoint", "signs", *window, *image)["Baseline"]
    sextant.json("schedule", "create", "looks", "--endpoint", "signs", *image, "--baseline", baseline)
    ended = sextant.json("schedule", "run", "looks", *window)
    assert ended["MonitoringExecutionStatus"] == "Completed"
    report = sextant.json("report", "show", ended["MonitoringExecutionId"])
    measured = {one["name"]: one["value"] for one in report["measurements"]}
    assert measured["records_asked_again"] == 200
    assert measured["outside_centre_drift"] == 0
