"""Waiting for a job, whatever runs it: to its end, or to the reason for which it has to be ended.

What lives here: the time limit, the limit of its log, being asked to stop. What does not: ending it (the runners).
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

from service.adapters.child_process import POLL_SECONDS
from service.core.ports import JobLimits, JobSpec

STOP_PATIENCE_SECONDS = 10.0  # between SIGTERM and SIGKILL, as SageMaker and container engines have it
MIB = 2**20


@dataclass(frozen=True, slots=True)
class Ended:
    """How a job ended; `exit_code` as a shell reports it, `reason` where the platform or the kernel ended it."""

    exit_code: int
    reason: str | None = None


def watch(
    job: JobSpec, limits: JobLimits, *, has_ended: Callable[[], bool], keep_going: Callable[[], bool]
) -> str | None:
    """Wait until the job has ended, then None; or until it has to be ended, then why."""
    deadline = time.monotonic() + job.max_runtime.total_seconds()
    while not has_ended():
        if time.monotonic() >= deadline:
            return f"MaxRuntimeInSeconds of {job.max_runtime.total_seconds():.0f} exceeded"
        if job.log.stat().st_size > limits.log_bytes:
            return (
                f"its log is longer than {limits.log_bytes / MIB:.0f} MiB: log less, or raise SEXTANT_LOG_BYTES_PER_JOB"
            )
        if not keep_going():
            return "stopped on request"
        time.sleep(POLL_SECONDS)
    return None


def out_of_memory(limits: JobLimits) -> str:
    """The sentence for a job that the kernel ended for its memory."""
    return (
        f"OutOfMemory: the job reached its memory limit of {limits.memory_bytes / MIB:.0f} MiB and was killed: "
        "raise SEXTANT_MEMORY_BYTES_PER_JOB, or give it less to read at once"
    )
