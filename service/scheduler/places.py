"""Places for work: so many jobs at the same time, each under a name of its own.

Work is started only where a place is free. Were it queued instead, its lease would run out while it waits, and it would
be taken for abandoned.
"""

from collections.abc import Callable
from concurrent.futures import Executor, Future

from service.logs import EventLog

log = EventLog(__name__)


class Places:
    """Used by one thread; `executor` has at least `count` threads."""

    def __init__(self, executor: Executor, count: int) -> None:
        self._executor = executor
        self._count = count
        self._taken: dict[str, Future[None]] = {}

    @property
    def free(self) -> bool:
        """True where one more piece of work may start."""
        self._taken = {name: future for name, future in self._taken.items() if not future.done()}
        return len(self._taken) < self._count

    def __contains__(self, name: str) -> bool:
        """True while the work of that name goes on."""
        return name in self._taken and not self._taken[name].done()

    def start(self, name: str, work: Callable[[], None]) -> None:
        """Start work in a thread; an error that escapes from it is logged."""
        self._taken[name] = future = self._executor.submit(work)
        future.add_done_callback(_log_failure)


def _log_failure(future: Future[None]) -> None:
    if error := future.exception():
        log.error("work_failed", cause=error)
