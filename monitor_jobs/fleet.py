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

QUEUED_PER_WORKER = 2  # enough to keep a worker busy
AHEAD_PER_WORKER = 4  # few enough that results do not pile up behind a slow item


class Fleet(Protocol):
    """Many hands for one function."""

    def map(self, function: Callable[[ItemT], ResultT], items: Iterable[ItemT]) -> Iterator[ResultT]:
        """The results in the order of the items; an error is raised in its place, with a note that names its item."""


@dataclass(frozen=True, slots=True)
class LocalFleet:
    """A fleet of processes on this machine, of which this process is one: it works while the others start.

    The others are spawned, not forked: a fork of a process whose libraries run threads can hang. The function and its
    items must therefore be importable and picklable. Raises SextantError where a worker is killed.
    """

    workers: int = 1

    def map(self, function: Callable[[ItemT], ResultT], items: Iterable[ItemT]) -> Iterator[ResultT]:
        """The results in the order of the items, a few items a worker ahead of what was taken."""
        return _map_here(function, items) if self.workers <= 1 else _map_with_others(function, items, self.workers)


def _map_here(function: Callable[[ItemT], ResultT], items: Iterable[ItemT]) -> Iterator[ResultT]:
    for item in items:
        try:
            result = function(item)
        except Exception as error:
            error.add_note(_note(item))
            raise
        yield result


def _map_with_others(function: Callable[[ItemT], ResultT], items: Iterable[ItemT], workers: int) -> Iterator[ResultT]:
    pool = ProcessPoolExecutor(max_workers=workers - 1, mp_context=multiprocessing.get_context("spawn"))
    waiting, queue = iter(items), deque[tuple[ItemT, "Future[ResultT]"]]()
    try:
        while _top_up(queue, waiting, lambda item: pool.submit(function, item), workers - 1) or queue:
            own = [] if queue[0][1].done() or len(queue) >= workers * AHEAD_PER_WORKER else list(islice(waiting, 1))
            queue.extend((item, _run_here(function, item)) for item in own)
            if not own:
                yield _result(*queue.popleft())
    except BrokenProcessPool as error:
        raise SextantError(f"one of {workers} workers was killed, for lack of memory perhaps: use fewer") from error
    finally:
        pool.shutdown(cancel_futures=True)


def _top_up(
    queue: "deque[tuple[ItemT, Future[ResultT]]]",
    waiting: Iterator[ItemT],
    submit: Callable[[ItemT], "Future[ResultT]"],
    others: int,
) -> bool:
    """Keep the other workers busy; True where anything was added."""
    busy = sum(not future.done() for _, future in queue)
    added = [(item, submit(item)) for item in islice(waiting, max(0, others * QUEUED_PER_WORKER - busy))]
    queue.extend(added)
    return bool(added)


def _run_here(function: Callable[[ItemT], ResultT], item: ItemT) -> "Future[ResultT]":
    future: Future[ResultT] = Future()
    try:
        future.set_result(function(item))
    except Exception as error:  # noqa: BLE001 -- raised in its place, when its turn comes
        future.set_exception(error)
    return future


def _result(item: ItemT, future: "Future[ResultT]") -> ResultT:
    try:
        return future.result()
    except Exception as error:
        error.add_note(_note(item))
        raise


def _note(item: object) -> str:
    return f"while working on {item}"
