"""Real container engines in a folder of their own: podman, and the docker client on podman's Docker API.

What lives here: their settings, and one small image that is made of this machine's own Python, with no registry. What
does not live here: what is run (tests/contract/test_job_runners.py).
"""

import os
import re
import subprocess
import sys
import sysconfig
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.servers.processes import processes
from tests.wait import wait_until

PROGRAMS = Path(__file__).parents[1] / "contract/job_programs"
IMAGE = "localhost/sextant-tests/monitor:1"
START_SECONDS = 60
NEEDLESS = re.compile(r"/(__pycache__|test|tests|idlelib|tkinter|turtledemo|ensurepip|site-packages|config-[^/]*)(/|$)")
# A machine may refuse the limits that podman asks for itself, or have no crun that gets along with its cgroups.
SETTINGS = """
[containers]
default_ulimits = ["nofile=4096:4096", "nproc=4096:4096"]
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
"""
STORAGE = """
[storage]
driver = "overlay"
graphroot = "{folder}/graph"
runroot = "{folder}/run"
"""


@dataclass(frozen=True)
class Engine:
    """A container engine's program, and the environment in which it is called."""

    program: str
    environment: dict[str, str]

    def call(self, *arguments: str) -> str:
        """What a command of the engine printed."""
        command = [self.program, *arguments]
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{self.program} {arguments} ended with {done.returncode}:\n{done.stderr}"
        return done.stdout


@contextmanager
def podman_engine(folder: Path) -> Iterator[Engine]:
    """podman with a store in the folder that holds the image; no container is left of it in the end."""
    (folder / "containers.conf").write_text(SETTINGS)
    (folder / "storage.conf").write_text(STORAGE.format(folder=folder))
    settings = {
        "CONTAINERS_CONF": str(folder / "containers.conf"),
        "CONTAINERS_STORAGE_CONF": str(folder / "storage.conf"),
    }
    engine = Engine("podman", {**os.environ, **settings})
    try:
        archive = write_image(folder / "image.tar")
        entrypoint = 'ENTRYPOINT ["python3", "/programs/evaluation.py"]'
        engine.call("import", "--quiet", "--change", entrypoint, str(archive), IMAGE)
        yield engine
    finally:
        engine.call("rm", "--all", "--force")
        engine.call("rmi", "--all", "--force")
        subprocess.run(["umount", str(folder / "graph/overlay")], capture_output=True, check=False)


@contextmanager
def docker_engine(podman: Engine, folder: Path) -> Iterator[Engine]:
    """The docker client, served by podman's Docker API."""
    socket = folder / "engine.sock"
    with processes(folder) as started:
        settings = (f"{name}={podman.environment[name]}" for name in ("CONTAINERS_CONF", "CONTAINERS_STORAGE_CONF"))
        service = ["podman", "system", "service", "--time=0", f"unix://{socket}"]
        started.start("podman-service", "env", *settings, *service)
        wait_until(socket.exists, timeout_seconds=START_SECONDS, what="podman's Docker API")
        yield Engine("docker", {**os.environ, "DOCKER_HOST": f"unix://{socket}"})


def write_image(archive: Path) -> Path:
    """The file system of an image: this Python without its tests, the libraries that it loads, the tests' programs."""
    python = Path(sys.base_prefix, "bin", f"python{sys.version_info.major}.{sys.version_info.minor}").resolve()
    library = Path(sysconfig.get_path("stdlib", vars={"base": sys.base_prefix, "installed_base": sys.base_prefix}))
    with tarfile.open(archive, "w") as image:
        for path in [python, *_libraries([python, *library.glob("lib-dynload/*.so")])]:
            image.add(path.resolve(), str(path).lstrip("/"))
        image.add(library, str(library).lstrip("/"), filter=_without_tests)
        for program in sorted(PROGRAMS.glob("*.py")):
            image.add(program, f"programs/{program.name}")
        _add_link(image, "usr/bin/python3", python)
        _add_folder(image, "tmp", mode=0o1777)
    return archive


def _libraries(binaries: list[Path]) -> list[Path]:
    listed = subprocess.run(["ldd", *map(str, binaries)], capture_output=True, text=True, check=False).stdout
    return sorted({Path(found) for found in re.findall(r"(?:=> )?(/\S+) \(0x", listed)})


def _without_tests(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
    return None if NEEDLESS.search(f"/{member.name}") or member.name.endswith(".a") else member


def _add_link(image: tarfile.TarFile, name: str, target: Path) -> None:
    member = tarfile.TarInfo(name)
    member.type, member.linkname = tarfile.SYMTYPE, str(target)
    image.addfile(member)


def _add_folder(image: tarfile.TarFile, name: str, *, mode: int) -> None:
    member = tarfile.TarInfo(name)
    member.type, member.mode = tarfile.DIRTYPE, mode
    image.addfile(member)
