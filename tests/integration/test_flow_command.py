"""Flows as commands, with real child processes: what counts as failed, and what is printed of it."""

import sys
from pathlib import Path

import pytest

from tests.e2e.client_environment import Installation
from tests.e2e.flow_command import Flow, ignore, print_step, run
from tests.e2e.flow_steps import Step
from tests.e2e.sdk_environment import sdk_python
from tests.e2e.service_under_test import Service


def flow_of(module: str) -> Flow:
    return Flow("flow", module, lambda: Path(sys.executable), write_material=Path.exists)


@pytest.fixture
def nothing_running(tmp_path: Path) -> Installation:
    return Installation(tmp_path, Service(tmp_path), client_environment={})


def test_a_flow_that_ends_before_its_first_call_has_failed_and_says_why(nothing_running):
    outcome = run(flow_of("tests.e2e.no_such_flow"), nothing_running, tell=ignore)
    assert (outcome.succeeded, outcome.steps) == (False, [])
    assert "No module named tests.e2e.no_such_flow" in outcome.printed


def test_a_client_that_is_given_no_environment_finds_no_region_and_makes_no_call(nothing_running):
    outcome = run(flow_of("tests.e2e.boto3_calls"), nothing_running, tell=ignore)
    assert (outcome.succeeded, outcome.steps) == (False, [])
    assert "NoRegionError" in outcome.printed


def test_a_call_that_failed_is_printed_with_its_error(capsys):
    print_step(Step("CreateModel", "ClientError: no", 0.25))
    assert capsys.readouterr().out.split("\n")[:2] == ["FAILED    0.25 s  CreateModel", " " * 19 + "ClientError: no"]


def test_an_environment_is_made_once_and_anew_when_its_pins_change(tmp_path):
    pins, kept = tmp_path / "none.txt", tmp_path / "made" / "none" / "kept"
    pins.write_text("# nothing\n")
    python = sdk_python("none", pins=tmp_path, environments=tmp_path / "made")
    kept.touch()
    assert sdk_python("none", pins=tmp_path, environments=tmp_path / "made") == python
    assert kept.exists()
    pins.write_text("# nothing else\n")
    sdk_python("none", pins=tmp_path, environments=tmp_path / "made")
    assert (python.exists(), kept.exists()) == (True, False)
