"""Processing jobs as containers of podman or docker, found again by id after a restart of this service.

What lives here: a job's life from create to rm, and whose its files are. What does not: the engine's command line
(container_engine), the options (container_options), which images come here (service.core.images).
"""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

from monitor_jobs.contract.errors import BadInput
from service.adapters import cgroups, child_process, job_watch
from service.adapters.container_engine import ContainerEngine
from service.adapters.container_options import (
    NOBODY,
    ROOT_LABEL,
    Confinement,
    command_arguments,
    create_options,
    podman_options,
)
from service.adapters.job_watch import STOP_PATIENCE_SECONDS, Ended
from service.core.ports import Handle, JobLimits, JobSpec

NOT_STARTED = 125


def job_user(setting: str | None, *, own: tuple[int, int]) -> tuple[int, int]:
    """The user and group whose a job's files are: as set, else nobody's where this service is root, else its own.

    Raises BadInput for a user whose files this service could neither read nor remove.
    """
    if setting is None:
        return NOBODY if own[0] == 0 else own
    user, _, group = setting.partition(":")
    wanted = (int(user), int(group or user))
    if own[0] != 0 and wanted != own:
        raise BadInput(
            f"SEXTANT_OCI_USER={setting} needs a service that runs as root: its files would be neither read nor "
            f"removed by user {own[0]}; leave it out"
        )
    return wanted


class OciRunner:
    """The port core.ports.JobRunner."""

    def __init__(self, engine: ContainerEngine, *, confinement: Confinement, limits: JobLimits | None = None) -> None:
        self._engine = engine
        self._confinement = confinement
        self._limits = limits or JobLimits()
        self._clients: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, job: JobSpec) -> Handle:
        """Start the container and return at once. Raises BadInput where its image is not here, or is refused."""
        _give_to(self._confinement.user, job.root)
        container = self._engine.create(self._options(job), job.image_uri, command_arguments(job))
        try:
            with job.log.open("ab") as log:
                client = self._engine.start_attached(container, log)
        except OSError:
            self._engine.remove(container)
            raise
        self._clients[container] = client
        return {**child_process.identity(client.pid), "container": container}

    def wait(self, handle: Handle, *, job: JobSpec, keep_going: Callable[[], bool]) -> Ended:
        """Wait for the end; the container is stopped at a limit or when `keep_going` says no, and always removed."""
        container: str = handle["container"]
        client = self._clients.pop(container)
        memory = _MemoryWatch(self._engine, container)
        try:
            reason = job_watch.watch(
                job, self._limits, has_ended=lambda: memory.look() or client.poll() is not None, keep_going=keep_going
            )
            # Also where the client has ended: it may have been killed beside a container that goes on.
            self._engine.stop(container, patience_seconds=STOP_PATIENCE_SECONDS)
            state = self._engine.state(container)
        finally:
            self._remove(handle)
            client.wait()
        code = state.exit_code or (client.returncode if reason is None else 0)
        if reason is None and code != 0 and (state.out_of_memory or memory.ran_out):
            reason = job_watch.out_of_memory(self._limits)
        return Ended(code if code >= 0 else NOT_STARTED, reason)

    def end(self, handle: Handle) -> None:
        """Stop and remove the container of an earlier run, and end the client that was attached to it."""
        self._engine.stop(handle["container"], patience_seconds=STOP_PATIENCE_SECONDS)
        self._remove(handle)
        client = self._clients.pop(handle["container"], None)
        if client is not None:
            client.wait()

    def strays(self, root: Path) -> list[Handle]:
        """The containers of that root, whoever made them."""
        return [{"container": container} for container in self._engine.labelled(f"{ROOT_LABEL}={root}")]

    def _options(self, job: JobSpec) -> list[str]:
        options = create_options(job, self._confinement, self._limits)
        return options + (podman_options(self._confinement, os.geteuid()) if self._engine.is_podman else [])

    def _remove(self, handle: Handle) -> None:
        self._engine.remove(handle["container"])
        if "pid" in handle:
            child_process.end_session(handle, patience_seconds=STOP_PATIENCE_SECONDS)


class _MemoryWatch:
    """Whether the kernel has killed for memory, seen from outside: not every engine notices it by itself."""

    def __init__(self, engine: ContainerEngine, container: str) -> None:
        self._engine = engine
        self._container = container
        self._groups: list[Path] | None = None  # not known before the container runs
        self.ran_out = False

    def look(self) -> bool:
        """Look once more; always False, for what is seen is no end yet."""
        if self._groups is None and (pid := self._engine.state(self._container).pid):
            # By its id: an engine of another machine tells numbers that are others' here.
            self._groups = [group for group in cgroups.of_process(pid) if self._container in str(group)]
        self.ran_out = self.ran_out or cgroups.out_of_memory(self._groups or [])
        return False


def _give_to(user: tuple[int, int], root: Path) -> None:
    """Make the job's files its user's; only root can, and only root needs to."""
    if os.geteuid() != 0:
        return
    top = root / "opt/ml"
    os.lchown(top, *user)
    for folder, folders, files in os.walk(top):
        for name in folders + files:
            os.lchown(os.path.join(folder, name), *user)  # noqa: PTH118 -- of many thousand captures
