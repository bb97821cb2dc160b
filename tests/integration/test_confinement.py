"""The first process of a job, run by itself: as root, as nobody in particular, and where the kernel refuses."""

import json
import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from service.adapters import confinement
from service.adapters.process_runner import ProcessRunner, inheritable
from tests.integration import job_program
from tests.wait import wait_until

NOBODY = ("setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups")
# A namespace of users whose root may have no namespace of mounts: what a hardened machine answers everyone.
REFUSING = (
    "unshare",
    "--user",
    "--map-root-user",
    "sh",
    "-c",
    'echo 0 >/proc/sys/user/max_mnt_namespaces; exec "$@"',
    "-",
)

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root may become nobody")


@pytest.fixture
def folder(tmp_path):
    """What is /opt/ml inside; nobody may come by and write there."""
    for path in (tmp_path, *list(tmp_path.parents)[:2]):
        path.chmod(0o755)
    folder = tmp_path / "opt/ml"
    folder.mkdir(parents=True)
    folder.chmod(0o777)
    return folder


def run(folder, *command, before=(), hidden=(), **environment):
    """A command's end, run as a job's."""
    program = shutil.copyfile(confinement.__file__, folder.parents[1] / "launcher.py")
    program.chmod(0o644)
    python = sys.executable if before != NOBODY else "/usr/bin/python3"
    job = {"command": command, "folder": str(folder), "environment": {"PATH": os.environ["PATH"], **environment}}
    job |= {"hidden": [str(path) for path in hidden], "cgroups": [], "limits": {"RLIMIT_CORE": 0}}
    return subprocess.run(
        [*before, python, "-I", "-S", str(program)], input=json.dumps(job), capture_output=True, text=True, check=False
    )


USERS = [pytest.param((), id="this user"), pytest.param(NOBODY, id="nobody", marks=as_root)]


@pytest.mark.parametrize("before", USERS)
def test_the_jobs_folder_is_found_at_the_contracts_place(folder, before):
    done = run(folder, "sh", "-c", "echo here > /opt/ml/file", before=before)
    assert (done.returncode, done.stderr) == (0, "")
    assert (folder / "file").read_text() == "here\n"
    assert not Path("/opt/ml/file").exists()


@pytest.mark.parametrize("before", USERS)
def test_what_this_machine_has_beside_it_stays_where_it_was(folder, before):
    done = run(folder, "ls", "/opt", before=before)
    assert done.stdout.split() == sorted({*(path.name for path in Path("/opt").iterdir()), "ml"})


@pytest.mark.parametrize("before", USERS)
def test_a_job_sees_no_process_but_its_own(folder, before):
    done = run(folder, "sh", "-c", "ls /proc | grep -c '^[0-9]*$'", before=before)
    assert int(done.stdout) <= 5


@pytest.mark.parametrize("before", USERS)
def test_a_hidden_folder_is_empty(folder, tmp_path, before):
    (tmp_path / "hidden").mkdir()
    (tmp_path / "hidden/key").write_text("secret")
    done = run(folder, "sh", "-c", f"ls -A {tmp_path}/hidden; umount {tmp_path}/hidden", hidden=[tmp_path / "hidden"])
    assert done.stdout == ""
    assert done.returncode != 0
    assert (tmp_path / "hidden/key").read_text() == "secret"


@pytest.fixture
def disk(tmp_path):
    """A file system of its own, in a folder whose mounts the system shares with those who copy them."""
    shared, disk = tmp_path / "shared", tmp_path / "shared/disk"
    shared.mkdir()
    subprocess.run(["mount", "--bind", shared, shared], check=True)
    subprocess.run(["mount", "--make-shared", shared], check=True)
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", disk], check=True)
    yield disk
    subprocess.run(["umount", "--recursive", shared], check=True)


@as_root
def test_a_disk_that_is_unmounted_is_in_use_by_no_job(folder, disk):
    waiting = "touch /opt/ml/ready; while [ ! -e /opt/ml/end ]; do sleep 0.05; done"
    with ThreadPoolExecutor(1) as pool:
        job = pool.submit(run, folder, "sh", "-c", f"{waiting}; grep -c {disk} /proc/self/mountinfo")
        wait_until((folder / "ready").exists, timeout_seconds=30, what="the job")
        subprocess.run(["umount", disk], check=True)
        (folder / "end").touch()
        assert job.result().stdout == "0\n"


@pytest.mark.parametrize("before", USERS)
def test_a_job_has_the_privileges_of_files_at_most(folder, before):
    done = run(folder, "sh", "-c", "grep -E '^(CapEff|NoNewPrivs)' /proc/self/status", before=before)
    effective, no_new = (line.split()[1] for line in done.stdout.splitlines())
    assert int(effective, 16) == (0b11111011 if os.geteuid() == 0 and not before else 0)
    assert no_new == "1"


@as_root
@pytest.mark.parametrize("path", ["/proc/sys/kernel/core_pattern", "/sys/kernel/mm/ksm/run"])
def test_a_job_of_root_cannot_turn_the_machine(folder, path):
    done = run(folder, "sh", "-c", f": >> {path}")
    assert done.returncode != 0
    assert "Read-only file system" in done.stderr


@as_root
def test_a_job_of_root_cannot_leave_its_group_of_limits(folder):
    leave = "for file in $(find /sys/fs/cgroup -name cgroup.procs); do echo $$ > $file && echo left; done"
    done = run(folder, "sh", "-c", leave)
    assert "left" not in done.stdout
    assert "Read-only file system" in done.stderr


@as_root
def test_a_job_of_root_finds_no_disk(folder):
    done = run(folder, "sh", "-c", "for file in /dev/*; do test -b $file && echo $file; done; test -c /dev/null")
    assert (done.returncode, done.stdout) == (0, "")


def test_a_killed_program_ends_as_a_shell_tells_it(folder):
    assert run(folder, "sh", "-c", "kill -KILL $$").returncode == 137


def test_an_orphan_is_reaped_and_ends_with_the_program(folder):
    done = run(folder, "sh", "-c", "(setsid sh -c 'trap \"\" TERM; sleep 600; touch /opt/ml/late' &) ; exit 7")
    assert done.returncode == 7  # and not after ten minutes


@pytest.mark.parametrize(("command", "code"), [("/absent", 127), ("/etc/passwd", 126)])
def test_a_program_that_cannot_be_run_is_told_as_engines_tell_it(folder, command, code):
    done = run(folder, command)
    assert done.returncode == code
    assert done.stderr.startswith(f"cannot run {command}: ")


def test_the_launcher_loads_nothing_that_the_job_names(folder):
    done = run(folder, "true", LD_PRELOAD="/absent.so", PYTHONPATH="/absent", PYTHONSTARTUP="/absent")
    assert done.stderr.count("/absent.so") <= 1  # by the program itself


def test_where_the_kernel_refuses_it_is_said_and_nothing_is_run(folder):
    done = run(folder, "touch", str(folder / "run"), before=REFUSING)
    assert done.returncode == confinement.CANNOT_CONFINE
    assert done.stderr.startswith("the kernel refuses a job namespaces of its own: unshare: ")
    assert not (folder / "run").exists()


def test_the_runner_finds_out_by_itself():
    ask = (
        "from service.adapters.process_runner import ProcessRunner, inheritable; import os;"
        "print(ProcessRunner(inheritable(os.environ)).refusal)"
    )
    command = [*REFUSING, sys.executable, "-c", ask]
    told = subprocess.run(command, env=job_program.environment(), capture_output=True, text=True, check=True).stdout
    assert told.startswith("the kernel refuses")
    assert ProcessRunner(inheritable(os.environ)).refusal is None


def test_a_limit_of_threads_is_inherited():
    assert inheritable({"OMP_NUM_THREADS": "3", "OMP_PROC_BIND": "true"}) == {"OMP_NUM_THREADS": "3"}


def test_nothing_secret_is_inherited():
    environment = {"PATH": "/bin", "LANG": "C", "AWS_SECRET_ACCESS_KEY": "s", "SEXTANT_DATABASE_URL": "s", "HOME": "/h"}
    assert inheritable(environment) == {"PATH": "/bin", "LANG": "C", "HOME": "/h"}
