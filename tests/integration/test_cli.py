"""The `sextant` command as a person uses it, against one running service."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from monitor_jobs.model_archive import pack
from tests import plain_http
from tests.aws_clients import SIGNED
from tests.integration.sextant_command import Sextant, sextant_up
from tests.servers.endpoint import write_package

ALWAYS_CAT = """
import json

def model_fn(model_dir):
    return "cats everywhere"

def input_fn(body, content_type):
    return json.loads(body)

def predict_fn(rows, model):
    return [[0.9, 0.1] for _ in rows]

def output_fn(scores, accept):
    return json.dumps({"predictions": scores}), "application/json"
"""
CARD = json.dumps({"classes": ["cat", "dog"], "input": {"shape": [2], "dtype": "float32"}})
SENT = 30
LONG_AGO = ("--from", "2020-01-01T00:00:00", "--to", "2020-01-01T01:00:00")


@pytest.fixture(scope="module")
def sextant(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sextant]:
    with sextant_up(tmp_path_factory.mktemp("cli")) as running:
        yield running


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sextant]:
    with sextant_up(tmp_path_factory.mktemp("empty")) as running:
        yield running


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("package")
    files = {"code/inference.py": ALWAYS_CAT, "code/model_card.json": CARD}
    pack(write_package(folder / "files", files), folder / "model.tar.gz")
    return folder / "model.tar.gz"


@pytest.fixture(scope="module")
def endpoint(sextant: Sextant, package: Path) -> str:
    sextant.json("endpoint", "create", "cats", "--model", package)
    return "cats"


@pytest.fixture(scope="module")
def window(sextant: Sextant, endpoint: str) -> tuple[str, str, str, str]:
    """The window of a skewed traffic, as options: the same request many times."""
    url = f"{sextant.url}/endpoints/{endpoint}/invocations"
    start = datetime.now(UTC) - timedelta(seconds=5)
    for _ in range(SENT):
        json = {"Content-Type": "application/json"}
        plain_http.post(url, content="[[0, 1]]", headers=json, auth=SIGNED).raise_for_status()
    end = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=1)
    return "--from", f"{start:%Y-%m-%dT%H:%M:%S}", "--to", f"{end:%Y-%m-%dT%H:%M:%S}"


@pytest.fixture(scope="module")
def schedule(sextant: Sextant, endpoint: str) -> str:
    sextant.json("schedule", "create", "skew", "--endpoint", endpoint, "--env", "THRESHOLD=0.5")
    return "skew"


@pytest.fixture(scope="module")
def execution(sextant: Sextant, schedule: str, window: tuple[str, ...]) -> dict[str, Any]:
    answer: dict[str, Any] = sextant.json("schedule", "run", schedule, *window)
    return answer


@pytest.mark.parametrize(
    ("command", "next_step"),
    [
        (("endpoint", "list"), "sextant endpoint create NAME --model model.tar.gz"),
        (("schedule", "list"), "sextant schedule create NAME --endpoint ENDPOINT"),
        (("executions", "list"), "sextant schedule run NAME --from"),
    ],
)
def test_an_empty_list_says_which_command_fills_it(empty, command, next_step):
    done = empty.run(*command)
    assert (done.returncode, done.stdout) == (0, "")
    assert next_step in done.stderr


@pytest.mark.parametrize("group", ["endpoint", "schedule", "executions"])
def test_an_empty_list_is_an_empty_json_list(empty, group):
    assert empty.json(group, "list") == []


@pytest.mark.parametrize(
    ("command", "exit_code", "sentence"),
    [
        (("endpoint", "describe", "nope"), 3, "Could not find endpoint"),
        (("endpoint", "delete", "nope"), 3, "Could not find endpoint"),
        (("endpoint", "invoke", "nope", "-"), 3, "Endpoint nope of account 000000000000 not found."),
        (("endpoint", "invoke", "nope", "missing.json"), 3, "missing.json is no file"),
        (("endpoint", "create", "x", "--model", "missing.tar.gz"), 3, "missing.tar.gz is no file: pack a model"),
        (("endpoint", "create", "x", "--model", "s3://b/k", "--env", "bare"), 5, "'bare' is no NAME=VALUE"),
        (("endpoint", "create", "x", "--model", "s3://b/k", "--capture", "101"), 2, "'--capture'"),
        (("schedule", "create", "s", "--endpoint", "nope"), 3, "Could not find endpoint"),
        (("schedule", "describe", "nope"), 3, "nope does not exist"),
        (("schedule", "pause", "nope"), 3, "nope does not exist"),
        (("schedule", "resume", "nope"), 3, "nope does not exist"),
        (("schedule", "delete", "nope"), 3, "nope does not exist"),
        (("schedule", "run", "nope", *LONG_AGO), 3, "nope does not exist"),
        (("schedule", "run", "nope", "--from", "yesterday", "--to", "today"), 2, "--from"),
        (("executions", "show", "nope"), 3, "'nope' does not exist"),
        (("executions", "logs", "nope"), 3, "'nope' does not exist"),
        (("report", "show", "nope"), 3, "'nope' does not exist"),
        (("capture", "ls", "--endpoint", "nope", *LONG_AGO), 3, "Could not find endpoint"),
        (("baseline", "create", "--endpoint", "nope", *LONG_AGO), 3, "Could not find endpoint"),
        (("up",), 4, "another `sextant up` uses"),
        (("bogus",), 2, "No such command 'bogus'"),
    ],
)
def test_what_cannot_be_done_is_one_sentence_and_an_exit_code(empty, command, exit_code, sentence):
    done = empty.run(*command)
    assert (done.returncode, done.stdout) == (exit_code, "")
    assert sentence in done.stderr


def test_a_created_endpoint_is_in_service(sextant, endpoint):
    answer = sextant.json("endpoint", "describe", endpoint)
    assert (answer["EndpointName"], answer["EndpointStatus"]) == ("cats", "InService")


def test_endpoints_are_listed_in_a_table(sextant, endpoint):
    heading, *rows = sextant.run("endpoint", "list").stdout.splitlines()
    assert heading.split() == ["Name", "Status", "Created"]
    assert any(row.split()[:2] == ["cats", "InService"] for row in rows)


def test_creating_an_endpoint_twice_is_a_conflict(sextant, endpoint, package):
    done = sextant.run("endpoint", "create", endpoint, "--model", package)
    assert done.returncode == 4
    assert "already existing" in done.stderr


def test_an_invocation_prints_the_models_answer(sextant, endpoint):
    done = sextant.run("endpoint", "invoke", endpoint, "-", "--inference-id", "first", stdin="[[0, 1]]")
    assert json.loads(done.stdout) == {"predictions": [[0.9, 0.1]]}


def test_an_invocation_that_the_model_refuses_says_why(sextant, endpoint):
    done = sextant.run("endpoint", "invoke", endpoint, "-", stdin="not json")
    assert (done.returncode, done.stdout) == (5, "")
    assert "input_fn raised" in done.stderr


def test_a_deleted_endpoints_name_is_free_again(sextant, package):
    sextant.json("endpoint", "create", "passing", "--model", package)
    assert sextant.run("endpoint", "delete", "passing").stderr == "passing is deleted\n"
    assert sextant.json("endpoint", "create", "passing", "--model", package)["EndpointStatus"] == "InService"
    sextant.run("endpoint", "delete", "passing", "--no-wait")


def test_an_endpoint_that_cannot_be_created_leaves_nothing_behind(sextant, package):
    refused = sextant.run("endpoint", "create", "halfway", "--model", package, "--destination", "nowhere")
    assert refused.returncode == 5
    done = sextant.run("endpoint", "create", "halfway", "--model", package, "--no-wait")
    assert done.returncode == 0, done.stderr


def test_a_package_without_a_model_fails_with_the_models_own_sentence(sextant, tmp_path):
    pack(write_package(tmp_path / "files", {"code/other.py": ""}), tmp_path / "model.tar.gz")
    done = sextant.run("endpoint", "create", "hollow", "--model", tmp_path / "model.tar.gz")
    assert done.returncode == 1
    assert "endpoint hollow is Failed: without a model_fn a package needs exactly one .pt or .pth file" in done.stderr


def test_a_schedule_is_shown_once_created(sextant, schedule):
    answer = sextant.json("schedule", "describe", schedule)
    assert (answer["MonitoringScheduleName"], answer["MonitoringScheduleStatus"]) == ("skew", "Scheduled")


def test_a_cron_that_is_none_is_refused_with_an_example(sextant, endpoint):
    done = sextant.run("schedule", "create", "odd", "--endpoint", endpoint, "--cron", "every hour")
    assert done.returncode == 5
    assert "'every hour' is no schedule expression" in done.stderr
    assert "cron(0 * ? * * *)" in done.stderr


def test_creating_a_schedule_twice_is_a_conflict(sextant, schedule, endpoint):
    done = sextant.run("schedule", "create", schedule, "--endpoint", endpoint)
    assert done.returncode == 4
    assert "already exists" in done.stderr


def test_a_schedule_is_paused_resumed_and_deleted(sextant, endpoint):
    sextant.json("schedule", "create", "brief", "--endpoint", endpoint)
    said = [sextant.run("schedule", verb, "brief").stderr for verb in ("pause", "resume", "delete")]
    assert said == ["brief is Stopped\n", "brief is Scheduled\n", "brief is deleted\n"]
    assert "brief" not in [row["MonitoringScheduleName"] for row in sextant.json("schedule", "list")]


def test_a_window_that_ends_before_it_starts_is_refused(sextant, schedule):
    done = sextant.run("schedule", "run", schedule, "--from", "2020-01-02T00:00:00", "--to", "2020-01-01T00:00:00")
    assert done.returncode == 5
    assert "move the end later" in done.stderr


def test_a_window_without_records_has_no_verdict_and_no_report(sextant, schedule):
    answer = sextant.json("schedule", "run", schedule, *LONG_AGO)
    done = sextant.run("report", "show", answer["MonitoringExecutionId"])
    assert answer["MonitoringExecutionStatus"] == "Completed"
    assert (done.returncode, done.stdout) == (3, "")
    assert "started no processing job: No verdict: 0 records" in done.stderr


def test_a_skewed_window_is_completed_with_violations(execution):
    assert execution["MonitoringExecutionStatus"] == "CompletedWithViolations"
    assert execution["WindowRecords"] >= SENT


def test_findings_end_with_6_where_that_is_asked_for(sextant, schedule, window, execution):
    shown = sextant.run("report", "show", execution["MonitoringExecutionId"], "--fail-on-violations")
    judged = sextant.run("schedule", "run", schedule, *window, "--fail-on-violations")
    assert (shown.returncode, judged.returncode) == (6, 6)
    assert "CompletedWithViolations" in judged.stdout


def test_executions_are_listed_with_their_violations(sextant, execution):
    rows = sextant.json("executions", "list", "--schedule", "skew")
    assert execution["MonitoringExecutionId"] in [row["MonitoringExecutionId"] for row in rows]
    assert execution["MonitoringExecutionId"] in sextant.run("executions", "list").stdout


def test_an_execution_is_shown_with_the_address_of_its_report(sextant, execution):
    shown = sextant.run("executions", "show", execution["MonitoringExecutionId"]).stdout
    assert "CompletedWithViolations" in shown
    assert "Report      s3://sextant/reports/cats/skew/" in shown


def test_an_executions_log_is_printed(sextant, execution):
    done = sextant.run("executions", "logs", execution["MonitoringExecutionId"])
    assert done.returncode == 0
    assert done.stdout.strip()


def test_a_report_names_the_class_and_its_records(sextant, execution):
    shown = sextant.run("report", "show", execution["MonitoringExecutionId"]).stdout
    assert "VIOLATED" in shown
    assert "above the 50 % threshold" in shown
    report = sextant.json("report", "show", execution["MonitoringExecutionId"])
    assert report["violations"][0]["offending_records"][0]["object_key"].startswith("cats/AllTraffic/")


def test_the_page_of_a_report_is_named_and_saved(sextant, execution, tmp_path):
    page = tmp_path / "skew.html"
    done = sextant.run("report", "show", execution["MonitoringExecutionId"], "--html", str(page))
    assert f"/{page.name}" in done.stderr
    assert "Page         s3://sextant/reports/cats/skew/" in done.stdout
    assert page.read_text().startswith("<!DOCTYPE html>")
    assert "above the 50 % threshold" in page.read_text()


def test_a_page_that_cannot_be_saved_is_one_sentence(sextant, execution, tmp_path):
    done = sextant.run("report", "show", execution["MonitoringExecutionId"], "--html", str(tmp_path / "no" / "a.html"))
    assert (done.returncode, done.stdout) == (5, "")
    assert "a.html cannot be written: No such file or directory" in done.stderr


def test_captures_are_listed_up_to_a_limit(sextant, window, execution):
    rows = sextant.json("capture", "ls", "--endpoint", "cats", *window, "--limit", "3")
    assert [row["Input"] for row in rows] == ["[[0, 1]]"] * 3
    assert rows[0]["Event"] in sextant.run("capture", "ls", "--endpoint", "cats", *window).stdout


def test_a_window_without_captures_says_so(sextant, endpoint):
    done = sextant.run("capture", "ls", "--endpoint", endpoint, *LONG_AGO)
    assert (done.returncode, done.stdout) == (0, "")
    assert "No captures of cats in this window" in done.stderr


@pytest.mark.parametrize("monitor", ["sextant/class-skew", "sextant/data-quality"])
def test_a_baseline_is_made_from_a_window(sextant, window, execution, monitor):
    answer = sextant.json("baseline", "create", "--endpoint", "cats", *window, "--monitor", monitor)
    folder = sextant.folder / "store" / answer["Baseline"].removeprefix("s3://")
    assert {"constraints.json", "statistics.json"} <= {path.name for path in folder.iterdir()}


def test_doctor_finds_a_running_service_well(sextant):
    rows = sextant.json("doctor")
    assert {row["Check"] for row in rows} >= {"data folder", "object store", "database", "torch", "jobs", "service"}
    assert [row["Finding"] for row in rows if row["State"] != "ok"] == []


def test_a_window_whose_captures_are_all_there_is_proved_complete(sextant, window, execution):
    done = sextant.run("capture", "verify", "--endpoint", "cats", *window)
    assert (done.returncode, done.stdout, "Capture is complete" in done.stderr) == (0, "", True)


def test_a_capture_file_that_is_gone_is_named_and_exits_with_6(sextant, window, execution):
    listed = sextant.json("capture", "ls", "--endpoint", "cats", *window)
    path = sextant.folder / "store" / listed[0]["File"].removeprefix("s3://")
    kept = path.read_bytes()
    path.unlink()
    done = sextant.run("capture", "verify", "--endpoint", "cats", *window, "--json")
    path.write_bytes(kept)
    (finding,) = json.loads(done.stdout)["findings"]
    assert (done.returncode, finding["kind"], finding["object_key"] in str(path)) == (6, "missing_object", True)
