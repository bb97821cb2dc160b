"""Processing jobs as processes of this machine, each in a session of its own with its own /opt/ml folder.

Only the built-in monitors run here: they take `--root` in place of a mounted /opt/ml. What does not live here:
staging and publishing (scheduler).
"""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

from monitor_jobs.contract.catalog import BUILT_IN_MONITORS, built_in_module
from monitor_jobs.contract.errors import BadInput
from service.adapters import child_process
from service.core.ports import Handle, JobSpec

STOP_PATIENCE_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class ProcessEnd:
    """How a job ended; `exit_code` as a shell reports it, `reason` where this runner ended it."""

    exit_code: int
    reason: str | None = None


class ProcessRunner:
    """The port core.ports.JobRunner.

    `environment` is what every job inherits beneath its own, `modules` finds the program of an image.
    """

    def __init__(self, environment: dict[str, str], *, modules: Callable[[str], str | None] = built_in_module) -> None:
        self._environment = environment
        self._modules = modules
        self._children: dict[int, subprocess.Popen[bytes]] = {}

    def start(self, job: JobSpec) -> Handle:
        """Start the monitor of an image name and return at once. Raises BadInput for an image that is no built-in."""
        command = [sys.executable, "-m", self._module(job.image_uri), "--root", str(job.root), *job.arguments]
        with job.log.open("ab") as log:
            child = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**self._environment, **job.environment},
                start_new_session=True,
            )
        self._children[child.pid] = child
        return child_process.identity(child.pid)

    def wait(self, handle: Handle, *, job: JobSpec, keep_going: Callable[[], bool]) -> ProcessEnd:
        """Wait for the end; the whole session is ended at the time limit or when `keep_going` says no."""
        child = self._children.pop(handle["pid"])
        deadline = time.monotonic() + job.max_runtime.total_seconds()
        reason = None
        try:
            while reason is None and not _has_ended(child.pid):
                time.sleep(child_process.POLL_SECONDS)
                reason = _reason_to_end(deadline, job, keep_going)
        finally:
            # Also after an ordinary end: a monitor that forked must leave nothing behind.
            child_process.end_session(handle, patience_seconds=STOP_PATIENCE_SECONDS if reason else 0)
            child.wait()
        return ProcessEnd(_shell_code(child.returncode), reason)

    def end(self, handle: Handle) -> None:
        """End every process that a job has left, also where the one that was started is gone already."""
        child_process.end_session(handle, patience_seconds=STOP_PATIENCE_SECONDS)
        child = self._children.get(handle["pid"])
        if child is not None and child.poll() is not None:
            self._children.pop(child.pid, None)

    def _module(self, image_uri: str) -> str:
        module = self._modules(image_uri)
        if module is None:
            known = ", ".join(sorted(BUILT_IN_MONITORS))
            raise BadInput(f"image {image_uri!r} cannot run as a process: use one of {known}")
        return module


def _has_ended(pid: int) -> bool:
    # Not reaped before its session is ended: until then its number is nobody else's.
    return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def _reason_to_end(deadline: float, job: JobSpec, keep_going: Callable[[], bool]) -> str | None:
    if time.monotonic() >= deadline:
        return f"MaxRuntimeInSeconds of {job.max_runtime.total_seconds():.0f} exceeded"
    return None if keep_going() else "stopped on request"


def _shell_code(return_code: int) -> int:
    return 128 - return_code if return_code < 0 else return_code
