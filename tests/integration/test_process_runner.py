"""Processing jobs as real processes: how they end, how they are ended, and that nothing of them survives."""

import contextlib
import signal
import subprocess
import sys
import threading
from datetime import timedelta
from pathlib import Path

import psutil
import pytest

from monitor_jobs.contract.errors import BadInput
from service.adapters import child_process
from service.adapters.process_runner import ProcessRunner
from service.core.ports import JobSpec
from tests.integration import job_program
from tests.wait import wait_until


@pytest.fixture(params=["in namespaces of its own", "with --root"])
def runner(request):
    runner = ProcessRunner(job_program.environment(INHERITED="yes"), rule=job_program.rule)
    if request.param == "with --root":
        runner.refusal = "the kernel refuses"
    return runner


@pytest.fixture
def job(tmp_path):
    """Makes the spec of a job that takes an action of the test program."""
    (tmp_path / "opt/ml/output").mkdir(parents=True)

    def make(*arguments, max_runtime=timedelta(seconds=60), image_uri=job_program.IMAGE, **environment):
        marked = {"MARK": str(tmp_path), **environment}
        return JobSpec("job", image_uri, arguments, marked, tmp_path, tmp_path / "log.txt", max_runtime)

    return make


def run(runner, job, keep_going=lambda: True):
    return runner.wait(runner.start(job), job=job, keep_going=keep_going)


def living(job):
    """The job's processes by this machine's numbers: its own are of its namespace."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.environ().get("MARK") == str(job.root) and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process.pid)
    return found


def started(job):
    return (job.root / job_program.STARTED).exists()


@pytest.mark.parametrize("code", [0, 1, 3, 127, 255])
def test_the_exit_code_is_the_programs_own(runner, job, code):
    end = run(runner, job("end_with", str(code)))
    assert (end.exit_code, end.reason) == (code, None)


@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGKILL, signal.SIGRTMIN + 5])
def test_a_program_that_was_killed_ends_as_a_shell_tells_it(runner, job, number):
    assert run(runner, job("kill_self", str(int(number)))).exit_code == 128 + number


def test_both_outputs_go_to_the_log(runner, job):
    spec = job("leave_half_and_fail")
    (spec.root / "opt/ml/processing/outputs").mkdir(parents=True)
    run(runner, spec)
    assert "the disk was full" in spec.log.read_text()


def test_a_second_run_is_logged_behind_the_first(runner, job):
    spec = job("end_with", "0")
    run(runner, spec)
    run(runner, spec)
    assert spec.log.read_text().count("last words") == 2


def test_the_jobs_environment_covers_what_it_inherits(runner, job):
    spec = job("tell_environment", "INHERITED", INHERITED="covered")
    run(runner, spec)
    assert (spec.root / "opt/ml/told").read_text() == "covered"


def test_an_image_that_is_no_built_in_is_refused_by_name(runner, job):
    with pytest.raises(BadInput, match=r"'nowhere/else:1' cannot run as a process: use one of .*sextant/class-skew"):
        runner.start(job("sleep", image_uri="nowhere/else:1"))


def test_a_real_monitor_is_found_by_its_image(job):
    spec = job(image_uri="127.0.0.1:5000/sextant/class-skew:1.2")
    assert run(ProcessRunner(job_program.environment()), spec).exit_code == 1  # it misses its dataset
    assert "dataset" in spec.log.read_text()


def test_a_job_over_its_time_is_ended_and_says_so(runner, job):
    end = run(runner, job("sleep", max_runtime=timedelta(seconds=1)))
    assert end.reason == "MaxRuntimeInSeconds of 1 exceeded"
    assert end.exit_code == 128 + signal.SIGTERM


def test_a_job_that_ends_well_over_its_time_still_gives_the_reason(runner, job):
    spec = job("end_well_on_sigterm")
    end = run(runner, spec, keep_going=lambda: not started(spec))
    assert (end.exit_code, end.reason) == (0, "stopped on request")


def test_a_job_that_ignores_sigterm_is_killed(runner, job, monkeypatch):
    monkeypatch.setattr("service.adapters.process_runner.STOP_PATIENCE_SECONDS", 0.2)
    spec = job("ignore_sigterm")
    end = run(runner, spec, keep_going=lambda: not started(spec))
    assert end.exit_code == 128 + signal.SIGKILL


def test_children_that_outlive_an_ordinary_end_are_ended(runner, job):
    spec = job("leave_children")
    assert run(runner, spec).exit_code == 0
    assert living(spec) == []


def test_a_stopped_job_takes_its_children_with_it(runner, job, monkeypatch):
    monkeypatch.setattr("service.adapters.process_runner.STOP_PATIENCE_SECONDS", 0.2)
    spec = job("linger_with_children")
    run(runner, spec, keep_going=lambda: not started(spec))
    assert living(spec) == []


def test_a_question_that_fails_leaves_no_process(runner, job):
    spec = job("sleep")
    handle = runner.start(spec)
    with pytest.raises(ZeroDivisionError):
        runner.wait(handle, job=spec, keep_going=lambda: 1 // 0)
    assert not child_process.lives(handle)


def test_the_next_service_ends_an_orphan_by_its_handle(runner, job):
    spec = job("sleep")
    handle = runner.start(spec)
    other_service = ProcessRunner({})
    waiting = threading.Thread(target=runner.wait, args=(handle,), kwargs={"job": spec, "keep_going": lambda: True})
    waiting.start()  # reaps the child, as the kernel's init does for a real orphan
    wait_until(lambda: started(spec), timeout_seconds=30, what="the job")
    other_service.end(handle)
    waiting.join()
    assert living(spec) == []


def test_children_of_an_orphan_that_is_gone_are_ended(runner, job, monkeypatch):
    monkeypatch.setattr("service.adapters.process_runner.STOP_PATIENCE_SECONDS", 0.2)
    spec = job("leave_children")
    handle = runner.start(spec)
    wait_until(lambda: not child_process.lives(handle), timeout_seconds=30, what="the parent's end")
    assert len(living(spec)) == (0 if runner.refusal is None else 2)  # namespaces end with their first process
    runner.end(handle)
    assert living(spec) == []


START_AND_DIE = """
import os, sys, datetime, pathlib
from service.adapters.process_runner import ProcessRunner
from service.core.ports import JobSpec
from tests.integration import job_program
root = pathlib.Path(sys.argv[1])
job = JobSpec("job", job_program.IMAGE, ("sleep",), {"MARK": str(root)}, root, root / "log", datetime.timedelta(1))
ProcessRunner(job_program.environment(), rule=job_program.rule).start(job)
os._exit(0)
"""


def test_a_job_whose_starter_died_before_it_could_note_it_is_found_by_its_root(runner, job):
    spec = job("sleep")
    subprocess.run([sys.executable, "-c", START_AND_DIE, str(spec.root)], env=job_program.environment(), check=True)
    wait_until(lambda: started(spec), timeout_seconds=30, what="the job")
    assert runner.strays(spec.root / "other") == []
    (stray,) = runner.strays(spec.root)
    runner.end(stray)
    assert living(spec) == []
    assert not any(Path(group).exists() for group in stray["cgroups"])


def test_a_program_that_would_meet_the_machines_own_opt_ml_is_refused(runner, job, tmp_path):
    runner.refusal = "the kernel refuses"
    with pytest.raises(BadInput, match=r"file:///x\.py needs /opt/ml to itself, and the kernel refuses: allow user"):
        runner.start(job(image_uri="file:///x.py"))


def test_nothing_is_ended_where_the_pid_is_someone_elses_by_now(runner, job):
    spec = job("sleep")
    handle = runner.start(spec)
    runner.end({**handle, "started": handle["started"] - 1, "cgroups": []})
    assert child_process.lives(handle)
    runner.end(handle)


def test_nothing_is_ended_that_ran_before_the_machine_was_restarted(runner, job):
    handle = runner.start(job("sleep"))
    earlier = {**handle, "boot": "00000000-0000-0000-0000-000000000000", "cgroups": []}
    runner.end(earlier)
    assert child_process.lives(handle)
    assert not child_process.lives(earlier)
    runner.end(handle)


def test_ending_twice_is_ending_once(runner, job):
    handle = runner.start(job("sleep"))
    runner.end(handle)
    runner.end(handle)
    assert not child_process.lives(handle)


def test_a_process_that_is_gone_has_no_identity(runner, job):
    handle = runner.start(job("sleep"))
    runner.end(handle)
    with pytest.raises(ProcessLookupError):
        child_process.identity(handle["pid"])


def test_the_tail_of_a_file_that_is_not_there_is_empty(tmp_path):
    assert child_process.tail(tmp_path / "none", lines=5, most_bytes=100) == ""


def test_the_tail_is_cut_at_lines_and_bytes(tmp_path):
    path = tmp_path / "log"
    path.write_bytes(b"1\n2\n3\n\xff4")
    assert child_process.tail(path, lines=2, most_bytes=100) == "3\n\ufffd4"
    assert child_process.tail(path, lines=9, most_bytes=3) == "\n\ufffd4"
