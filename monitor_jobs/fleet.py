"""Maps a function over items: here, or in worker processes of this machine.

What lives here: the port and the local fleet. What does not: what is mapped (job), and how many workers (job decides).
"""

import multiprocessing
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from itertools import islice
from typing import Protocol, TypeVar

from monitor_jobs.contract.errors import SextantError

ItemT = TypeVar("ItemT")
ResultT = TypeVar("ResultT")

QUEUED_PER_WORKER = 2  # enough to keep a worker busy, few enough that results do not pile up


class Fleet(Protocol):
    """Many hands for one function."""

    def map(self, function: Callable[[ItemT], ResultT], items: Iterable[ItemT]) -> Iterator[ResultT]:
        """The results in the order of the items; an error is raised in its place, with a note that names its item."""


@dataclass(frozen=True, slots=True)
class LocalFleet:
    """A fleet of processes on this machine; one worker means this process.

    Workers are spawned, not forked: a fork of a process whose libraries run threads can hang. The function and its
    items must therefore be importable and picklable. Raises SextantError where a worker is killed.
    """

    workers: int = 1

    def map(self, function: Callable[[ItemT], ResultT], items: Iterable[ItemT]) -> Iterator[ResultT]:
        """The results in the order of the items, at most two items a worker ahead of what was taken."""
        return _map_here(function, items) if self.workers <= 1 else _map_in_processes(function, items, self.workers)


def _map_here(function: Callable[[ItemT], ResultT], items: Iterable[ItemT]) -> Iterator[ResultT]:
    for item in items:
        try:
            result = function(item)
        except Exception as error:
            error.add_note(_note(item))
            raise
        yield result


def _map_in_processes(function: Callable[[ItemT], ResultT], items: Iterable[ItemT], workers: int) -> Iterator[ResultT]:
    pool = ProcessPoolExecutor(max_workers=workers, mp_context=multiprocessing.get_context("spawn"))
    waiting = iter(items)
    try:
        queue = deque((item, pool.submit(function, item)) for item in islice(waiting, workers * QUEUED_PER_WORKER))
        while queue:
            item, future = queue.popleft()
            yield _result(item, future)
            queue.extend((item, pool.submit(function, item)) for item in islice(waiting, 1))
    except BrokenProcessPool as error:
        raise SextantError(f"one of {workers} workers was killed, for lack of memory perhaps: use fewer") from error
    finally:
        pool.shutdown(cancel_futures=True)


def _result(item: ItemT, future: "Future[ResultT]") -> ResultT:
    try:
        return future.result()
    except Exception as error:
        error.add_note(_note(item))
        raise


def _note(item: object) -> str:
    return f"while working on {item}"
