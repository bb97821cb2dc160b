"""Processing jobs as processes of this machine, each in a session of its own with its own /opt/ml folder.

Only the built-in monitors run here: they take `--root` in place of a mounted /opt/ml. What does not live here:
staging and publishing (scheduler).
"""

import signal
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
    """The port core.ports.JobRunner. `environment` is what every job inherits beneath its own."""

    def __init__(self, environment: dict[str, str]) -> None:
        self._environment = environment
        self._children: dict[int, subprocess.Popen[bytes]] = {}

    def start(self, job: JobSpec) -> Handle:
        """Start the monitor of an image name and return at once. Raises BadInput for an image that is no built-in."""
        command = [sys.executable, "-m", _module(job.image_uri), "--root", str(job.root), *job.arguments]
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
        return dict(child_process.identity(child.pid))

    def wait(self, handle: Handle, *, job: JobSpec, keep_going: Callable[[], bool]) -> ProcessEnd:
        """Wait for the end; the whole group is ended at the time limit or when `keep_going` says no."""
        child = self._children.pop(handle["pid"])
        deadline = time.monotonic() + job.max_runtime.total_seconds()
        reason = None
        while child.poll() is None and reason is None:
            reason = _reason_to_end(deadline, job, keep_going)
            time.sleep(child_process.POLL_SECONDS)
        # Also after an ordinary end: a monitor that forked must leave nothing behind.
        child_process.end_group(child.pid, patience_seconds=STOP_PATIENCE_SECONDS if reason else 0)
        return ProcessEnd(_shell_code(child.wait()), reason)

    def end(self, handle: Handle) -> None:
        """End every process that the job of an earlier run has left."""
        if child_process.find(handle["pid"], handle["started"]) is not None:
            child_process.end_group(handle["pid"], patience_seconds=STOP_PATIENCE_SECONDS)


def _module(image_uri: str) -> str:
    module = built_in_module(image_uri)
    if module is None:
        known = ", ".join(sorted(BUILT_IN_MONITORS))
        raise BadInput(f"image {image_uri!r} cannot run as a process: use one of {known}")
    return module


def _reason_to_end(deadline: float, job: JobSpec, keep_going: Callable[[], bool]) -> str | None:
    if time.monotonic() >= deadline:
        return f"MaxRuntimeInSeconds of {job.max_runtime.total_seconds():.0f} exceeded"
    return None if keep_going() else "stopped on request"


def _shell_code(return_code: int) -> int:
    return 128 + signal.Signals(-return_code) if return_code < 0 else return_code
