"""The service's own runner, put together from its settings: which jobs it runs, and what it says of the others."""

from datetime import timedelta

import pytest

from monitor_jobs.contract.errors import BadInput, EngineUnavailable
from service.core.ports import JobSpec
from service.settings import Settings
from service.wiring import job_runner
from tests.integration import job_program

ANALYZER = "156813124566.dkr.ecr.us-east-1.amazonaws.com/sagemaker-clarify-processing:1.0"


@pytest.fixture
def run(tmp_path):
    """Runs a job of an image by the runner of these settings, and tells how it ended."""

    def run(image, **settings):
        runner = job_runner(Settings(data=tmp_path / "data", **settings), job_program.environment(SECRET="of us"))
        root = tmp_path / "data/jobs/job/root"
        (root / "opt/ml").mkdir(parents=True)
        job = JobSpec("job", image, (), {}, root, root.parent / "log.txt", timedelta(seconds=60))
        return runner.wait(runner.start(job), job=job, keep_going=lambda: True)

    return run


def test_an_image_without_an_engine_is_refused_with_the_ways_out(run):
    with pytest.raises(BadInput, match=r"use one of .*sextant/class-skew.*file:///PATH, or set SEXTANT_OCI_ENGINE"):
        run("acme/monitor:1")


def test_an_image_of_aws_without_a_monitor_is_told_as_such(run):
    with pytest.raises(BadInput, match=r"AWS's own, of which there is none here yet"):
        run(ANALYZER)


def test_an_engine_that_is_absent_is_named(run):
    with pytest.raises(EngineUnavailable, match="no program absent-engine on PATH"):
        run("acme/monitor:1", oci_engine="absent-engine")


def test_a_program_runs_only_where_a_folder_is_set(run, tmp_path):
    (tmp_path / "look.py").touch()
    with pytest.raises(BadInput, match="set SEXTANT_PROGRAM_FOLDERS"):
        run(f"file://{tmp_path}/look.py")


def test_a_program_sees_nothing_of_the_service(run, tmp_path):
    data = tmp_path / "data"
    program = tmp_path / "look.py"
    program.write_text(
        "import os, pathlib; seen = [os.environ.get('SECRET'), os.listdir('" + str(data) + "')];"
        "pathlib.Path('/opt/ml/seen').write_text(repr(seen))"
    )
    end = run(f"file://{program}", program_folders=(tmp_path,))
    assert (end.exit_code, end.reason) == (0, None)
    assert (data / "jobs/job/root/opt/ml/seen").read_text() == "[None, []]"


def test_limits_come_from_the_settings(run, tmp_path):
    (tmp_path / "hog.py").write_text("x = [bytes([1]) * 10**7 for _ in range(1000)]")
    end = run(f"file://{tmp_path}/hog.py", program_folders=(tmp_path,), memory_bytes_per_job=64 * 2**20)
    assert end.exit_code != 0
    assert "64 MiB" in (end.reason or "")
