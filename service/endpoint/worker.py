"""The one thread that owns the model, so that /ping answers while the model runs.

What lives here: the queue in front of the model, its bounds, and the time limit. What does not: what the model does
(model_functions), which requests share a call of it (batches), HTTP (app).

A thread cannot be stopped. Past its limit a call is given up by its caller, but the thread still runs it: until it
returns, further calls are refused at once and `ready` is false, so that whoever watches /ping can replace the
process.
"""

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from queue import Empty, SimpleQueue
from typing import Final, Self

from monitor_jobs.contract.errors import ModelUnsuitable, SextantError
from monitor_jobs.model_functions.codecs import Answer
from monitor_jobs.model_functions.functions import ModelRequest, ServedModel
from service.core.caller import Caller
from service.endpoint.batches import Batches, Outcome
from service.endpoint.ports import Tell
from service.request_bodies import CallerGone

PLACES: Final = 128

BeforeAnswer = Callable[[Answer, Tell], None]
Observe = Callable[[float, int], None]  # the seconds that a turn of the model took, and its requests


class ModelBusy(SextantError):
    """The model cannot take this request now; trying again later may help."""


class ModelTimedOut(ModelUnsuitable):
    """The model did not answer within its limit."""


class Place:
    """One of the queue's places and the model: taken until the model has answered, or the block is left."""

    def __init__(self, served: ServedModel, free: Callable[[], None]) -> None:
        self.served = served
        self._free = free
        self._left = _Once()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.leave()

    def leave(self) -> None:
        """Give the place to somebody else; from any thread, and again for nothing."""
        if self._left.first():
            self._free()


class ModelWorker:
    """Loads one model and answers one request after another, first come, first served."""

    def __init__(self, *, timeout_seconds: float, observe: Observe, places: int = PLACES) -> None:
        self.served: ServedModel | None = None
        self.draining = False
        self._timeout_seconds = timeout_seconds
        self._observe = observe
        self._free = threading.BoundedSemaphore(places)
        self.full_sentence = f"{places} requests wait for the model already"
        self._running_since: float | None = None
        self._given_up_call: _Call | None = None  # the last one that ran when its caller gave it up
        self._calls: SimpleQueue[_Call] = SimpleQueue()

    @property
    def full(self) -> bool:
        """True while all places are taken; for the loop's thread, which alone takes any."""
        free = self._free.acquire(blocking=False)
        if free:
            self._free.release()
        return not free

    @property
    def ready(self) -> bool:
        """True while a model is loaded, answers within its limit, and the process is not about to end."""
        return self.served is not None and not self.draining and not self._overdue

    async def load(self, load: Callable[[], ServedModel]) -> None:
        """Load the model; raises what `load` raises."""
        loaded: Future[ServedModel] = Future()
        # A daemon, because a hung model must not keep the process from ending.
        threading.Thread(target=self._run, args=(loaded, load), name="model", daemon=True).start()
        self.served = await asyncio.wrap_future(loaded)

    def place(self) -> Place:
        """One of the queue's places, for a request that waits for the model; to be entered at once.

        Raises ModelBusy where the model is not loaded, stuck, or all places are taken.
        """
        if self.served is None:
            raise ModelBusy("the model is still being loaded")
        if self._overdue:
            raise ModelBusy(f"the model is busy with one request for more than {self._timeout_seconds:g} s")
        if not self._free.acquire(blocking=False):
            raise ModelBusy(self.full_sentence)
        return Place(self.served, self._free.release)

    async def answer(
        self, place: Place, request: ModelRequest, *, caller: Caller, before_answer: BeforeAnswer
    ) -> Answer:
        """The model's answer, once `before_answer` has let it pass.

        `before_answer` is called on the model's thread with an answer that somebody still waits for; it tells, once
        and from any thread, None or the error to be raised in its place. So one wake-up of the loop serves both, which
        costs as much as all else that is done for an answer.

        Raises ModelTimedOut where the model runs longer than the limit, ModelBusy where the request waited that long
        for others, CallerGone when the caller hangs up before, else what ServedModel.answer raises. What has not
        started by then never will, and what was given up is not shown to `before_answer`.
        """
        loop = asyncio.get_running_loop()
        call = _Call(loop, place, request, before_answer)
        hung_up = partial(_give_up, call, _caller_gone)
        caller.when_gone(hung_up)
        limit = loop.call_later(self._timeout_seconds, _give_up, call, self._too_late)
        self._calls.put(call)
        try:
            return await call.answered
        finally:
            call.give_up()  # where this was cancelled; whatever the model says then is for nobody
            limit.cancel()
            caller.forget(hung_up)

    @property
    def _overdue(self) -> bool:
        if self._given_up_call is not None and not self._given_up_call.returned:
            return True  # its caller's clock may have been a little ahead of the one below
        since = self._running_since
        return since is not None and self.served is not None and time.monotonic() - since > self._timeout_seconds

    def _too_late(self, call: "_Call") -> SextantError:
        if call.started:
            self._given_up_call = call
            return ModelTimedOut(f"the model did not answer within {self._timeout_seconds:g} s")
        return ModelBusy(f"this request waited {self._timeout_seconds:g} s for others to be answered")

    def _run(self, loaded: "Future[ServedModel]", load: Callable[[], ServedModel]) -> None:
        _fulfil(loaded, load)
        if loaded.cancelled() or loaded.exception() is not None:
            return
        batches = Batches(loaded.result())
        while True:
            calls = [call for call in self._waiting(batches.largest) if call.start()]
            self._running_since = time.monotonic()
            self._answer_all(batches, calls)
            self._running_since = None

    def _waiting(self, largest: int) -> "Iterator[_Call]":
        """The next call, once there is one, and those that wait behind it already."""
        yield self._calls.get()
        with suppress(Empty):
            for _ in range(largest - 1):
                yield self._calls.get_nowait()

    def _answer_all(self, batches: Batches, calls: "list[_Call]") -> None:
        started = time.perf_counter()
        try:
            for position, outcome in batches.answers([call.request for call in calls]):
                calls[position].finish(outcome)
        except Exception as error:  # noqa: BLE001  # this thread must outlive what a package hands out
            for call in calls:
                if not call.returned:
                    call.finish(error)
        finally:
            if calls:
                self._observe(time.perf_counter() - started, len(calls))


class _Once:
    """Lets one of several threads do what is to be done once."""

    def __init__(self) -> None:
        self._taken = threading.Lock()  # never released

    def first(self) -> bool:
        """True for the first who asks."""
        return self._taken.acquire(blocking=False)

    @property
    def done(self) -> bool:
        """True once somebody was first."""
        return self._taken.locked()


class _Call:
    """One request's way through the model's thread, which either its caller gives up or the model's answer ends."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, place: Place, request: ModelRequest, before_answer: BeforeAnswer
    ) -> None:
        self.request = request
        self.started = False
        self.returned = False
        self._loop = loop
        self.answered: asyncio.Future[Answer] = loop.create_future()
        self._place = place
        self._before_answer = before_answer
        self._ended = _Once()

    def give_up(self) -> bool:
        """True where no answer has come yet: none will."""
        return self._ended.first()

    def start(self) -> bool:
        """On the model's thread: False where its caller has given it up."""
        self.started = not self._ended.done
        return self.started

    def finish(self, outcome: Outcome) -> None:
        """On the model's thread: pass an answer on, or what was raised in its place, if somebody waits for it still."""
        self._place.leave()
        try:
            if isinstance(outcome, Exception):
                self._end(outcome)
            elif self._ended.first():
                self._before_answer(outcome, partial(self._tell, outcome))
        except Exception as error:  # noqa: BLE001  # the caller gets it from the future
            self._end(error)
        finally:
            self.returned = True

    def _tell(self, answer: Answer, error: Exception | None) -> None:
        self._end(answer if error is None else error)

    def _end(self, outcome: Answer | Exception) -> None:
        with suppress(RuntimeError):  # the loop has ended, and its requests with it
            self._loop.call_soon_threadsafe(_settle, self.answered, outcome)


def _give_up(call: _Call, why: "Callable[[_Call], SextantError]") -> None:
    """On the loop: raise this in place of an answer that has not come, which none will."""
    if call.give_up():
        _settle(call.answered, why(call))


def _caller_gone(_call: _Call) -> SextantError:
    return CallerGone("the caller hung up before the answer")


def _settle(answered: "asyncio.Future[Answer]", outcome: Answer | Exception) -> None:
    if answered.done():
        return  # somebody may wait for it no more
    if isinstance(outcome, Exception):
        answered.set_exception(outcome)
    else:
        answered.set_result(outcome)


def _fulfil(future: "Future[ServedModel]", load: Callable[[], ServedModel]) -> None:
    if not future.set_running_or_notify_cancel():
        return
    try:
        future.set_result(load())
    except Exception as error:  # noqa: BLE001  # the caller gets it from the future
        future.set_exception(error)
