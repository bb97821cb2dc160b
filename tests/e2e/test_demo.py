"""The story that `sextant demo` tells, told for real in an empty folder."""

import fcntl
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest
from PIL import Image

DEMO_SECONDS = 240
SKEW = re.compile(r"Class 4 predicted \d+(\.\d+)? % of the time \(\d+ of 400\), above the 50 % threshold")
VIOLATION_FILES = {"constraint_violations.json", "constraints_violations.json"}


def demo(folder: Path, **variables: str) -> "subprocess.CompletedProcess[str]":
    environment = {**os.environ, "SEXTANT_PORT": "0", "OMP_NUM_THREADS": "1", **variables}
    command = [sys.executable, "-m", "service", "demo", "--json"]
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=DEMO_SECONDS, check=False
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("demo")


@pytest.fixture(scope="module")
def told(folder: Path) -> dict[str, Any]:
    """The outcome of a demo where an earlier one left its folder, and where settings of another service are set."""
    for name in (".sextant-demo", "sextant.db", "control.json", "store/reports/earlier.json"):
        left = folder / ".demo" / name
        left.parent.mkdir(parents=True, exist_ok=True)
        left.write_text("of an earlier demo")
    done = demo(folder, SEXTANT_DATABASE_URL="postgresql+psycopg://127.0.0.1:1/theirs", HTTP_PROXY="http://127.0.0.1:1")
    assert done.returncode == 0, done.stderr
    outcome: dict[str, Any] = json.loads(done.stdout)
    return outcome


@pytest.fixture(scope="module")
def reports(told: dict[str, Any]) -> list[dict[str, Any]]:
    return [json.loads(Path(path).read_text()) for path in told["reports"]]


def processes_of(folder: Path) -> list[list[str]]:
    """Command lines of the processes that were started in, or for, a folder."""
    found = []
    for process in psutil.process_iter():
        try:
            if str(folder) in " ".join([*process.cmdline(), *process.environ().values()]):
                found.append(process.cmdline())
        except psutil.Error:
            continue
    return found


def test_the_clean_window_completes_and_the_attacked_one_has_violations(told):
    assert (told["clean"], told["attacked"]) == ("Completed", "CompletedWithViolations")


def test_a_sentence_names_the_class_its_share_and_the_threshold(told):
    assert any(SKEW.fullmatch(sentence) for sentence in told["violations"])


def test_the_worst_records_of_the_attacked_window_are_named(reports):
    named = [record["inference_id"] for row in reports[1]["violations"] for record in row["offending_records"]]
    assert 0 < len(named) <= 25
    assert all(re.fullmatch(r"attacked-\d{3}", inference_id) for inference_id in named)


def test_the_worst_records_are_pictured_beside_their_originals(told, folder):
    explained = json.loads((folder / ".demo/explanations/explanations.json").read_text())["explanations"]
    by_name = {one["inference_id"]: one for one in explained}
    attacked = [name for name in by_name if name.startswith("attacked-")]
    assert len(attacked) == 6
    assert {name.replace("attacked", "clean") for name in attacked} == by_name.keys() - attacked
    assert all(one["exact"] for one in explained)
    with (
        Image.open(told["pictures"]) as sheet,
        Image.open(folder / ".demo/explanations" / explained[0]["picture_file"]) as one,
    ):
        assert sheet.size == (2 * one.width, 6 * one.height)


def test_the_clean_report_has_no_violation(reports):
    assert (reports[0]["violations"], reports[0]["records"], reports[1]["records"]) == ([], 400, 400)


def test_the_alert_is_up(told):
    gauge = 'sextant_monitoring_alert_state{endpoint="digits",schedule="digits-skew"} 1.0'
    assert gauge in told["alert"]


def test_reports_lie_on_disk_with_both_violation_files(told, folder):
    for path in map(Path, told["reports"]):
        assert path.is_relative_to(folder / ".demo" / "store")
        assert {file.name for file in path.parent.iterdir()} >= VIOLATION_FILES


def test_nothing_of_an_earlier_demo_is_left(told, folder):
    assert not (folder / ".demo/store/reports/earlier.json").exists()


def test_no_process_is_left_behind(told, folder):
    assert processes_of(folder) == []


def test_a_folder_that_no_demo_made_is_left_alone(tmp_path):
    (tmp_path / ".demo").mkdir()
    (tmp_path / ".demo" / "thesis.tex").write_text("years of work")
    done = demo(tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert "exists and no demo made it: move it away" in done.stderr
    assert (tmp_path / ".demo" / "thesis.tex").read_text() == "years of work"


def test_a_demo_that_is_up_keeps_its_folder(tmp_path):
    (tmp_path / ".demo").mkdir()
    (tmp_path / ".demo" / ".sextant-demo").touch()
    with (tmp_path / ".demo" / "up.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = demo(tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert "another demo is up in" in done.stderr
