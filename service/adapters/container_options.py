"""The options of a job's container: confined as far as the contract allows, the same words for podman and docker.

Pure: what is asked for, not asking it (container_engine). docker-run(1), podman-create(1).
"""

import hashlib
from dataclasses import dataclass
from enum import StrEnum

from service.core.ports import JobLimits, JobSpec

ROOT_LABEL = "sextant.root"
NOBODY = (65534, 65534)


class Pull(StrEnum):
    """When the engine may fetch an image from a registry."""

    NEVER = "never"
    MISSING = "missing"
    ALWAYS = "always"


@dataclass(frozen=True, slots=True)
class Confinement:
    """What an operator may loosen, and whose files the job's are: numbers of a user and a group."""

    user: tuple[int, int] = NOBODY
    network: str = "none"
    pull: Pull = Pull.NEVER


def create_options(job: JobSpec, confinement: Confinement, limits: JobLimits) -> list[str]:
    """The options of `create` for a job: its name and label, what it may not, what it may use, what it sees."""
    user, group = confinement.user
    return [
        f"--name={_name(job)}",
        f"--label={ROOT_LABEL}={job.root}",
        f"--pull={confinement.pull}",
        f"--network={confinement.network}",
        "--read-only",
        "--cap-drop=all",
        "--security-opt=no-new-privileges",
        f"--user={user}:{group}",
        f"--pids-limit={limits.processes}",
        f"--memory={limits.memory_bytes}",
        f"--memory-swap={limits.memory_bytes}",
        f"--shm-size={limits.memory_bytes}",  # counted as the job's memory; torch's workers need more than 64 MB
        "--tmpfs=/tmp:rw,nosuid,nodev,exec,mode=1777",
        "--log-driver=none",  # the job's log is the attached client's output, and is limited there
        f"--volume={job.root}/opt/ml:/opt/ml:Z",
        f"--volume={job.root}/opt/ml/config:/opt/ml/config:ro,Z",
        *_variables(job),
        *(f"--entrypoint={word}" for word in job.entrypoint[:1]),
    ]


def command_arguments(job: JobSpec) -> list[str]:
    """What follows the image: the rest of the entrypoint, which engines take as arguments, and the arguments."""
    return [*job.entrypoint[1:], *job.arguments]


def podman_options(confinement: Confinement, own_user: int) -> list[str]:
    """What only podman knows: no proxy with its password, and outside the user that the job's files have inside."""
    keep = ["--userns=keep-id"] if own_user != 0 and confinement.user[0] == own_user else []
    return ["--http-proxy=false", *keep]


def _name(job: JobSpec) -> str:
    # Another service may use the same engine, and run a job of the same name.
    return f"sextant-{job.name}-{hashlib.sha256(str(job.root).encode()).hexdigest()[:8]}"


def _variables(job: JobSpec) -> list[str]:
    # Values, not names alone: those would be read from the client's environment, where PATH is another one.
    variables = {"HOME": "/tmp", **job.environment}  # noqa: S108 -- the container's own, and the only one to write to
    return [f"--env={name}={value}" for name, value in variables.items()]
