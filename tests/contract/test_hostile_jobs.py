"""Jobs that mean no good, by every runner: what they may not, what is said of it, and that nothing of them is left."""

import json
import os
import signal
from pathlib import Path

import psutil
import pytest

from monitor_jobs.object_store import S3Address
from service.adapters import job_watch
from service.core.states import ProcessingJobStatus
from tests.contract.running_jobs import LIMITS, OUTPUTS, engine_runner, process_runner
from tests.servers.container_engines import IMAGE
from tests.wait import wait_until


@pytest.fixture
def impatient(monkeypatch):
    """SIGKILL a second after SIGTERM."""
    for runner in ("process_runner", "oci_runner"):
        monkeypatch.setattr(f"service.adapters.{runner}.STOP_PATIENCE_SECONDS", 1.0)


@pytest.fixture
def secret(tmp_path):
    """A file of this machine that no job may publish."""
    path = tmp_path / "secret/key.json"
    path.parent.mkdir()
    path.write_text('{"violations": [], "key": "of the service"}')
    return path


def running(jobs, *arguments, **members):
    """The name of a behaviour that runs, and the scheduler process that runs it."""
    name, process = jobs.ask_for(jobs.behaviour(*arguments), **members), jobs.house.start()

    def has_started():
        process.tick()
        return jobs.has_left(name, "started")

    wait_until(has_started, timeout_seconds=60, what="the program")
    return name, process


def containers_of(jobs):
    return jobs.engine.call("ps", "--all", "--quiet", "--filter", "label=sextant.root").split()


def test_a_job_that_flees_into_a_session_of_its_own_ends_with_its_program(jobs):
    name = jobs.ask_for(jobs.behaviour("escape"))
    job = jobs.ended(name)
    assert job.status is ProcessingJobStatus.COMPLETED
    assert b"." in jobs.output("beats")  # it did run
    assert beats_of(jobs.house.folder) == []


def beats_of(folder):
    """Processes of this machine that hold a file open below the folder."""
    found = []
    for process in psutil.process_iter():
        try:
            files = [Path(link).readlink() for link in Path(f"/proc/{process.pid}/fd").iterdir()]
        except OSError:
            continue
        found += [process for file in files if file.is_relative_to(folder / "jobs")]
    return found


@pytest.mark.parametrize("action", ["hog_memory", "hog_memory_in_a_child"])
def test_a_job_beyond_its_memory_is_killed_and_told_its_limit(jobs, action):
    job = jobs.run(action)
    assert job.status is ProcessingJobStatus.FAILED
    assert job.failure_reason.startswith(f"AlgorithmError: {job_watch.out_of_memory(LIMITS)}")
    assert "memory limit of 128 MiB" in job.failure_reason


def test_a_job_can_start_so_many_processes_and_no_more(jobs):
    assert jobs.run("hog_processes").status is ProcessingJobStatus.COMPLETED
    children, _, said = jobs.output("children").decode().partition(" ")
    assert LIMITS.processes / 2 < int(children) < LIMITS.processes
    assert said == os.strerror(11)


def test_a_job_over_its_time_is_ended_and_says_so(jobs):
    job = jobs.run("end_well_on_sigterm", max_runtime=2)
    assert job.failure_reason.startswith("AlgorithmError: MaxRuntimeInSeconds of 2 exceeded")
    assert job.exit_code == 0


def test_a_job_over_its_time_that_ignores_sigterm_is_killed(jobs, impatient):
    job = jobs.run("ignore_sigterm", max_runtime=3)
    assert job.failure_reason.startswith("AlgorithmError: MaxRuntimeInSeconds of 3 exceeded")
    assert job.exit_code == 128 + signal.SIGKILL


def test_a_stopped_job_is_stopped(jobs):
    name, process = running(jobs, "end_well_on_sigterm")
    jobs.stop(name)
    assert jobs.ended(name, process).status is ProcessingJobStatus.STOPPED


def test_a_job_that_logs_without_end_is_ended_and_says_so(jobs, impatient):
    job = jobs.run("log_forever")
    assert job.failure_reason.startswith("AlgorithmError: its log is longer than 1 MiB: ")


def test_nothing_that_links_lead_to_is_published(jobs, secret):
    job = jobs.run("link_everything", str(secret))
    assert job.failure_reason is None
    assert (jobs.outputs(), job.exit_message) == ([], None)


def test_a_folder_that_a_job_has_closed_to_everyone_is_removed(jobs):
    name = jobs.ask_for(jobs.behaviour("close_everything"))
    assert jobs.ended(name).exit_message == "closed"
    wait_until(lambda: not jobs.root(name).exists(), timeout_seconds=30, what="tidiness")


def test_a_job_of_a_killed_scheduler_is_found_and_ended_by_the_next(jobs, impatient):
    name, _ = running(jobs, "ignore_sigterm")
    handle = json.loads(json.dumps(jobs.house.database.processing_jobs.get(name).handle))
    runner = process_runner(os.environ) if jobs.engine is None else engine_runner(jobs.engine)
    runner.end(handle)
    wait_until(lambda: not beats_of(jobs.house.folder), timeout_seconds=30, what="the job's end")


def test_a_container_whose_handle_nobody_noted_is_found_by_its_root(containers, impatient):
    name, process = running(containers, "sleep")
    (handle,) = engine_runner(containers.engine).strays(containers.root(name))
    assert handle["container"] == containers.house.database.processing_jobs.get(name).handle["container"]
    containers.stop(name)
    containers.ended(name, process)
    assert engine_runner(containers.engine).strays(containers.root(name)) == []


def test_a_container_is_removed_however_its_job_ends(containers, impatient):
    containers.run("end_with", "3")
    containers.run("log_forever")
    assert containers_of(containers) == []


def test_a_container_writes_to_its_own_folders_and_nowhere_else(containers):
    own = ["/tmp/written", "/opt/ml/written", "/opt/ml/processing/written"]
    others = ["/written", "/programs/written", "/opt/ml/config/written"]
    containers.run("write_to", ":".join(own + others))
    assert containers.json("said.json") == dict.fromkeys(own, "written") | dict.fromkeys(others, os.strerror(30))


def test_a_container_has_no_network(containers):
    containers.run("list_network")
    interfaces, said = containers.output("said").decode().split("] ")
    assert interfaces == "['lo'"
    assert said == os.strerror(101)


def test_a_container_has_no_privilege_and_is_nobody(containers):
    containers.run("tell_privileges")
    assert containers.json("told.json") == {"user": 65534, "effective": 0, "no_new": "1"}


def test_an_image_that_is_not_here_is_told_with_the_ways_to_get_it(containers):
    job = containers.ended(containers.ask_for({"ImageUri": "localhost/sextant-tests/absent:1"}))
    assert job.failure_reason.startswith("no image localhost/sextant-tests/absent:1 on this machine (")
    assert f"get it with `{containers.engine.program} pull localhost/" in job.failure_reason


def test_an_image_whose_name_looks_like_an_option_is_an_image(containers):
    assert (
        "no image --privileged on this machine"
        in containers.ended(containers.ask_for({"ImageUri": "--privileged"})).failure_reason
    )


def test_an_entrypoint_that_is_not_in_the_image_fails_the_job(containers):
    job = containers.ended(containers.ask_for({"ImageUri": IMAGE, "ContainerEntrypoint": ["/absent"]}))
    assert job.status is ProcessingJobStatus.FAILED
    # podman's Docker API says no more than that it cannot.
    assert "/absent" in job.failure_reason or containers.engine.program == "docker"


def test_a_process_sees_neither_the_services_folder_nor_its_own_mounts_outside(processes, tmp_path):
    hidden = tmp_path / "hidden"
    hidden.mkdir()
    (hidden / "key").write_text("secret")
    processes.house.runner = process_runner(os.environ, hidden=(hidden,))
    processes.run("write_to", str(hidden / "key"))
    assert (hidden / "key").read_text() == "secret"
    mounts = Path("/proc/self/mounts").read_text()
    assert "/opt/ml" not in mounts
    assert str(hidden) not in mounts


def test_a_process_of_root_keeps_only_what_concerns_files(processes):
    processes.run("tell_privileges")
    told = processes.json("told.json")
    assert told["no_new"] == "1"
    assert told["effective"] in (0, 0b11111011)


def test_an_entrypoint_outside_of_the_allowed_folders_is_refused(processes):
    specification = {**processes.behaviour("tell"), "ContainerEntrypoint": ["/bin/sh", "-c", "true"]}
    job = processes.ended(processes.ask_for(specification))
    assert job.failure_reason.startswith("program /bin/sh lies outside of ")


def test_a_path_of_a_job_cannot_lead_out_of_its_folder(jobs):
    source = {"S3Uri": "s3://bucket/out", "LocalPath": f"{OUTPUTS}/../../../../etc"}
    jobs.house.store.put(S3Address("bucket", "out/passwd"), b"x")
    job = jobs.run("tell", ProcessingInputs=[{"InputName": "in", "S3Input": source}])
    assert "is no absolute container path" in job.failure_reason
