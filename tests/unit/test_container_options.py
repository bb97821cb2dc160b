"""The options of a job's container, and whose its files are."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from monitor_jobs.contract.errors import BadInput
from service.adapters.container_options import (
    Confinement,
    Pull,
    command_arguments,
    create_options,
    podman_options,
)
from service.adapters.oci_runner import job_user
from service.core.ports import JobLimits, JobSpec


def job(*arguments, entrypoint=(), **environment):
    root = Path("/data/jobs/j/root")
    return JobSpec("j", "i", arguments, environment, root, root.parent / "log.txt", timedelta(hours=1), entrypoint)


def options(spec=None, **loosened):
    return create_options(spec or job(), Confinement(**loosened), JobLimits(memory_bytes=1000, processes=10))


@pytest.mark.parametrize(
    "option",
    [
        "--network=none",
        "--read-only",
        "--cap-drop=all",
        "--security-opt=no-new-privileges",
        "--user=65534:65534",
        "--pids-limit=10",
        "--memory=1000",
        "--memory-swap=1000",
        "--pull=never",
        "--volume=/data/jobs/j/root/opt/ml:/opt/ml:Z",
        "--volume=/data/jobs/j/root/opt/ml/config:/opt/ml/config:ro,Z",
        "--label=sextant.root=/data/jobs/j/root",
    ],
)
def test_a_container_is_confined_unless_an_operator_loosens_it(option):
    assert option in options()


def test_an_operator_may_loosen_network_pull_and_user():
    loosened = options(network="bridge", pull=Pull.MISSING, user=(0, 0))
    assert {"--network=bridge", "--pull=missing", "--user=0:0"} <= {*loosened}


def test_two_services_with_a_job_of_one_name_do_not_meet():
    names = [options(replace(job(), root=Path(root)))[0] for root in ("/data/a", "/data/b", "/data/a")]
    assert names[0] == names[2] != names[1]


def test_every_option_is_one_word_so_that_no_value_becomes_an_option():
    spec = job(entrypoint=("--privileged",), NAME="--privileged", TWO="a\nb")
    assert all(option.startswith("--") for option in options(spec))
    assert "--privileged" not in options(spec)
    assert {"--entrypoint=--privileged", "--env=NAME=--privileged", "--env=TWO=a\nb"} <= {*options(spec)}


def test_the_job_may_set_its_own_home():
    assert "--env=HOME=/tmp" in options()
    assert [option for option in options(job(HOME="/opt/ml")) if "HOME" in option] == ["--env=HOME=/opt/ml"]


def test_engines_take_one_word_of_an_entrypoint_and_the_rest_as_arguments():
    spec = job("--x", entrypoint=("python3", "/code/run.py"))
    assert "--entrypoint=python3" in options(spec)
    assert command_arguments(spec) == ["/code/run.py", "--x"]
    assert not any(option.startswith("--entrypoint") for option in options())


def test_podman_keeps_the_user_of_a_service_that_is_not_root():
    assert "--userns=keep-id" in podman_options(Confinement(user=(1000, 1000)), 1000)
    assert podman_options(Confinement(), 0) == ["--http-proxy=false"]


def test_files_are_nobodys_where_the_service_is_root_and_else_its_own():
    assert job_user(None, own=(0, 0)) == (65534, 65534)
    assert job_user(None, own=(1000, 100)) == (1000, 100)


def test_a_user_is_taken_where_the_service_could_remove_its_files():
    assert job_user("7:8", own=(0, 0)) == (7, 8)
    assert job_user("7", own=(0, 0)) == (7, 7)
    assert job_user("1000:100", own=(1000, 100)) == (1000, 100)
    with pytest.raises(BadInput, match="SEXTANT_OCI_USER=0 needs a service that runs as root"):
        job_user("0", own=(1000, 1000))
