"""podman or docker by its command line: the handful of commands that a job needs, and their failures in words.

What lives here: calls, their time limits, what they answer. What does not: which options a job's container gets
(container_options), how a job runs (oci_runner).
"""

import json
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from monitor_jobs.contract.errors import BadInput, EngineUnavailable

CALL_SECONDS = 60
PULL_SECONDS = 3600  # an image with CUDA has many gigabytes


@dataclass(frozen=True, slots=True)
class ContainerState:
    """What the engine knows of a container; `pid` is 0 where it does not run."""

    runs: bool
    exit_code: int
    pid: int
    out_of_memory: bool


class ContainerEngine:
    """One engine's command line. `environment` is the operator's own: it never reaches a container."""

    def __init__(self, program: str, environment: dict[str, str]) -> None:
        self._program = program
        self._environment = environment

    @property
    def is_podman(self) -> bool:
        """True for podman, whose few own options are asked for only there."""
        return Path(self._program).name.startswith("podman")

    def version(self) -> str:
        """The client's version. Raises EngineUnavailable where the engine is absent or does not answer."""
        done = self._run(["version", "--format", "{{.Client.Version}}"])
        if done.returncode != 0:
            raise EngineUnavailable(f"{self._program} does not answer: {_last_line(done.stderr)}")
        return done.stdout.strip()

    def create(self, options: list[str], image: str, arguments: list[str]) -> str:
        """The id of a new container that is not started. Raises BadInput where the image is not here, or is refused."""
        command = ["create", *options, "--", image, *arguments]
        done = self._run(command, seconds=PULL_SECONDS)
        if done.returncode == 0:
            return done.stdout.split()[-1]
        if self._run(["image", "inspect", image]).returncode != 0:
            raise BadInput(
                f"no image {image} on this machine ({_last_line(done.stderr)}): get it with `{self._program} pull "
                f"{image}`, or set SEXTANT_OCI_PULL=missing"
            )
        raise BadInput(f"{self._program} makes no container of {image}: {_last_line(done.stderr)}")

    def start_attached(self, container: str, log: IO[bytes]) -> "subprocess.Popen[bytes]":
        """A client that starts the container, copies what it prints to the log, and ends with it."""
        return subprocess.Popen(
            [self._found(), "start", "--attach", container],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env=self._environment,
            start_new_session=True,
        )

    def state(self, container: str) -> ContainerState:
        """What the engine knows of a container. Raises EngineUnavailable where it answers nothing."""
        done = self._run(["inspect", "--format", "{{json .State}}", container])
        if done.returncode != 0:
            raise EngineUnavailable(f"{self._program} does not know container {container}: {_last_line(done.stderr)}")
        state = json.loads(done.stdout)
        return ContainerState(state["Running"], state["ExitCode"], state["Pid"], state["OOMKilled"])

    def stop(self, container: str, *, patience_seconds: float) -> None:
        """SIGTERM, so many seconds, SIGKILL; nothing where it runs no more."""
        seconds = f"{patience_seconds:.0f}"
        self._run(["stop", "-t", seconds, container], seconds=patience_seconds + CALL_SECONDS)

    def remove(self, container: str) -> None:
        """Remove a container, running or not; nothing where there is none."""
        self._run(["rm", "--force", "--volumes", container])

    def labelled(self, label: str) -> list[str]:
        """The ids of all containers that carry a label, `name=value`."""
        done = self._run(["ps", "--all", "--quiet", "--no-trunc", "--filter", f"label={label}"])
        return done.stdout.split() if done.returncode == 0 else []

    def _run(self, arguments: list[str], *, seconds: float = CALL_SECONDS) -> "subprocess.CompletedProcess[str]":
        command = [self._found(), *arguments]
        try:
            return subprocess.run(
                command, env=self._environment, capture_output=True, text=True, errors="replace", timeout=seconds,
                stdin=subprocess.DEVNULL, check=False,
            )  # fmt: skip
        except subprocess.TimeoutExpired as error:
            raise EngineUnavailable(
                f"{self._program} {arguments[0]} took longer than {seconds:.0f} s: look whether it works at all"
            ) from error

    def _found(self) -> str:
        found = shutil.which(self._program, path=self._environment.get("PATH"))
        if found is None:
            raise EngineUnavailable(
                f"no program {self._program} on PATH: install it, or set SEXTANT_OCI_ENGINE to podman or docker"
            )
        return found


def _last_line(text: str) -> str:
    lines = [line for line in text.splitlines() if line.strip()]
    return lines[-1].strip() if lines else "it said nothing"
