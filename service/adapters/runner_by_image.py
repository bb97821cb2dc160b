"""The runners of one service behind one door: images go to the container engine, all else runs as processes.

What lives here: handing a job to the runner that service.core.images names. What does not: the rule itself.
"""

from collections.abc import Callable
from pathlib import Path

from service.core.images import ContainerImage, Runnable, runnable_of
from service.core.ports import Handle, JobEnd, JobRunner, JobSpec


class RunnerByImage:
    """The port core.ports.JobRunner. `containers` and `processes` may be the same where there is no engine."""

    def __init__(
        self, *, containers: JobRunner, processes: JobRunner, rule: Callable[[str], Runnable] = runnable_of
    ) -> None:
        self._containers = containers
        self._processes = processes
        self._rule = rule

    def start(self, job: JobSpec) -> Handle:
        """See JobRunner."""
        is_image = isinstance(self._rule(job.image_uri), ContainerImage)
        return (self._containers if is_image else self._processes).start(job)

    def wait(self, handle: Handle, *, job: JobSpec, keep_going: Callable[[], bool]) -> JobEnd:
        """See JobRunner."""
        return self._runner(handle).wait(handle, job=job, keep_going=keep_going)

    def end(self, handle: Handle) -> None:
        """See JobRunner."""
        self._runner(handle).end(handle)

    def strays(self, root: Path) -> list[Handle]:
        """See JobRunner."""
        return [*self._processes.strays(root), *self._containers.strays(root)]

    def _runner(self, handle: Handle) -> JobRunner:
        return self._containers if "container" in handle else self._processes
