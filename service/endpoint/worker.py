"""The one thread that owns the model, so that /ping answers while the model runs.

What lives here: the queue in front of the model, its bounds, and the time limit. What does not: what the model does
(model_functions), HTTP (app).

A thread cannot be stopped. Past its limit a call is given up by its caller, but the thread still runs it: until it
returns, further calls are refused at once and `ready` is false, so that whoever watches /ping can replace the
process.
"""

import asyncio
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from functools import partial
from queue import SimpleQueue
from typing import Any, Final

from monitor_jobs.contract.errors import ModelUnsuitable, SextantError
from service.endpoint.codecs import Answer
from service.endpoint.invocation import CallerGone
from service.endpoint.model_functions import ModelRequest, ServedModel

PLACES: Final = 128

_Job = tuple["Future[Any]", Callable[[], Any]]


class ModelBusy(SextantError):
    """The model cannot take this request now; trying again later may help."""


class ModelTimedOut(ModelUnsuitable):
    """The model did not answer within its limit."""


class ModelWorker:
    """Loads one model and answers one request after another, first come, first served."""

    def __init__(self, *, timeout_seconds: float, observe: Callable[[float], None], places: int = PLACES) -> None:
        self.served: ServedModel | None = None
        self.draining = False
        self._timeout_seconds = timeout_seconds
        self._observe = observe
        self._places = places
        self._taken = 0
        self._running_since: float | None = None
        self._jobs: SimpleQueue[_Job] = SimpleQueue()
        # A daemon, because a hung model must not keep the process from ending.
        threading.Thread(target=self._run, name="model", daemon=True).start()

    @property
    def ready(self) -> bool:
        """True while a model is loaded, answers within its limit, and the process is not about to end."""
        return self.served is not None and not self.draining and not self._overdue

    async def load(self, load: Callable[[], ServedModel]) -> None:
        """Load the model; raises what `load` raises."""
        self.served = await asyncio.wrap_future(self._submit(load))

    @contextmanager
    def place(self) -> Iterator[ServedModel]:
        """One of the queue's places and the model, for as long as a request is held in memory.

        Raises ModelBusy where the model is not loaded, stuck, or all places are taken.
        """
        if self.served is None:
            raise ModelBusy("the model is still being loaded")
        if self._overdue:
            raise ModelBusy(f"the model is busy with one request for more than {self._timeout_seconds:g} s")
        if self._taken >= self._places:
            raise ModelBusy(f"{self._places} requests wait for the model already")
        self._taken += 1
        try:
            yield self.served
        finally:
            self._taken -= 1

    async def answer(self, served: ServedModel, request: ModelRequest, *, hung_up: Coroutine[Any, Any, None]) -> Answer:
        """The model's answer.

        Raises ModelTimedOut where the model runs longer than the limit, ModelBusy where the request waited that long
        for others, CallerGone when `hung_up` ends first, else what ServedModel.answer raises. What has not started by
        then never will.
        """
        future = self._submit(partial(self._timed, served, request))
        answering: asyncio.Future[Answer] = asyncio.wrap_future(future)
        watching = asyncio.ensure_future(hung_up)
        try:
            first = asyncio.FIRST_COMPLETED
            await asyncio.wait((answering, watching), timeout=self._timeout_seconds, return_when=first)
            if answering.done():
                return answering.result()
            if watching.done():
                raise CallerGone("the caller hung up before the answer")
            raise self._too_late(future)
        finally:
            answering.cancel()
            watching.cancel()

    @property
    def _overdue(self) -> bool:
        since = self._running_since
        return since is not None and self.served is not None and time.monotonic() - since > self._timeout_seconds

    def _too_late(self, future: "Future[Any]") -> SextantError:
        # The model's thread passes over a cancelled call, so this one has not started, and will not.
        if future.cancel():
            return ModelBusy(f"this request waited {self._timeout_seconds:g} s for others to be answered")
        return ModelTimedOut(f"the model did not answer within {self._timeout_seconds:g} s")

    def _submit(self, work: Callable[[], Any]) -> "Future[Any]":
        future: Future[Any] = Future()
        self._jobs.put((future, work))
        return future

    def _timed(self, served: ServedModel, request: ModelRequest) -> Answer:
        started = time.perf_counter()
        try:
            return served.answer(request)
        finally:
            self._observe(time.perf_counter() - started)

    def _run(self) -> None:
        while True:
            future, work = self._jobs.get()
            if not future.set_running_or_notify_cancel():
                continue
            self._running_since = time.monotonic()
            try:
                result = work()
            except Exception as error:  # noqa: BLE001  # the caller gets it from the future
                self._running_since = None
                future.set_exception(error)
            else:
                self._running_since = None
                future.set_result(result)
