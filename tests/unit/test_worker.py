"""One thread owns the model; its queue has bounds and its calls a time limit."""

import asyncio
import json
import threading
from collections.abc import Callable, Coroutine

import pytest
import torch
import uvloop

from monitor_jobs.contract.model_package import ModelCard
from monitor_jobs.model_functions.codecs import Answer
from monitor_jobs.model_functions.functions import ModelRequest, ServedModel, Stages
from service.core.caller import Caller
from service.endpoint.ports import Tell
from service.endpoint.worker import BeforeAnswer, ModelBusy, ModelTimedOut, ModelWorker
from service.request_bodies import CallerGone

Transform = Callable[..., object]


def echo(_model: object, data: str, *_: object) -> str:
    return data


async def loaded(transform: Transform = echo, *, timeout_seconds: float = 30, places: int = 128) -> ModelWorker:
    worker = ModelWorker(timeout_seconds=timeout_seconds, observe=lambda *_: None, places=places)
    await worker.load(lambda: ServedModel(ModelCard(), "application/json", None, transform))
    return worker


def let_pass(_answer: Answer, tell: Tell) -> None:
    tell(None)


async def ask(
    worker: ModelWorker,
    body: bytes = b"[1]",
    *,
    caller: Caller | None = None,
    before_answer: BeforeAnswer = let_pass,
) -> Answer:
    request = ModelRequest(body, "application/json", "")
    with worker.place() as place:
        return await worker.answer(place, request, caller=caller or Caller(), before_answer=before_answer)


def run(test: Callable[[], Coroutine[None, None, None]]) -> None:
    asyncio.run(test())


def test_a_loaded_model_answers_in_another_thread() -> None:
    async def scenario() -> None:
        worker = await loaded(lambda *_: threading.current_thread() is threading.main_thread())
        assert worker.ready
        assert (await ask(worker)).body == b"false"

    run(scenario)


def test_a_model_that_is_not_loaded_takes_no_request() -> None:
    worker = ModelWorker(timeout_seconds=1, observe=lambda *_: None)
    assert not worker.ready
    with pytest.raises(ModelBusy, match="still being loaded"), worker.place():
        pass


def test_a_model_that_cannot_be_loaded_raises_its_reason() -> None:
    async def scenario() -> None:
        worker = ModelWorker(timeout_seconds=1, observe=lambda *_: None)
        with pytest.raises(ZeroDivisionError):
            await worker.load(lambda: 1 // 0)
        assert not worker.ready

    run(scenario)


def test_more_requests_than_places_are_refused_until_one_is_free() -> None:
    async def scenario() -> None:
        worker = await loaded(places=2)
        with worker.place(), worker.place(), pytest.raises(ModelBusy, match="2 requests wait"), worker.place():
            pass
        assert (await ask(worker)).body == b"[1]"

    run(scenario)


def test_a_place_is_given_back_when_its_request_fails() -> None:
    async def scenario() -> None:
        worker = await loaded(lambda *_: 1 // 0, places=1)
        for _ in range(3):
            with pytest.raises(ZeroDivisionError):
                await ask(worker)

    run(scenario)


def test_a_call_past_its_limit_is_given_up_and_the_model_is_not_ready_until_it_returns() -> None:
    gate = threading.Event()

    async def scenario() -> None:
        worker = await loaded(lambda *_: gate.wait(30), timeout_seconds=0.05)
        with pytest.raises(ModelTimedOut, match=r"within 0\.05 s"):
            await ask(worker)
        assert not worker.ready
        with pytest.raises(ModelBusy, match="busy with one request"):
            await ask(worker)
        gate.set()
        async with asyncio.timeout(10):
            while not worker.ready:
                await asyncio.sleep(0)

    run(scenario)


def test_a_call_past_its_limit_says_so_also_where_the_loops_timers_are_early() -> None:
    async def scenario() -> None:
        gate = threading.Event()
        worker = await loaded(lambda *_: gate.wait(30), timeout_seconds=0.0034)
        calls = (ask(worker) for _ in range(100))
        outcomes = await asyncio.gather(*calls, return_exceptions=True)
        gate.set()
        assert {type(outcome) for outcome in outcomes} <= {ModelTimedOut, ModelBusy}

    for _ in range(5):
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(scenario())


def test_a_request_that_only_waited_is_refused_and_never_run() -> None:
    gate, seen = threading.Event(), []

    def transform(_model: object, data: str, *_: object) -> str:
        seen.append(data)
        return str(gate.wait(30) or data)

    async def scenario() -> None:
        worker = await loaded(transform, timeout_seconds=0.5)
        outcomes = await asyncio.gather(ask(worker, b"1"), ask(worker, b"2"), return_exceptions=True)
        assert [type(outcome) for outcome in outcomes] == [ModelTimedOut, ModelBusy]
        gate.set()
        async with asyncio.timeout(10):
            while not worker.ready:
                await asyncio.sleep(0)
        await ask(worker, b"3")

    run(scenario)
    assert seen == ["1", "3"]


def test_a_caller_who_hangs_up_takes_its_request_out_of_the_queue() -> None:
    gate, seen = threading.Event(), []

    def transform(_model: object, data: str, *_: object) -> str:
        seen.append(data)
        return str(gate.wait(30))

    async def scenario() -> None:
        worker = await loaded(transform)
        gone = Caller()
        first, second = asyncio.create_task(ask(worker, b"1")), asyncio.create_task(ask(worker, b"2", caller=gone))
        third = asyncio.create_task(ask(worker, b"3"))
        gone.hang_up()
        with pytest.raises(CallerGone):
            await second
        gate.set()
        await asyncio.gather(first, third)

    run(scenario)
    assert seen == ["1", "3"]


def test_draining_makes_a_model_not_ready_but_still_answers() -> None:
    async def scenario() -> None:
        worker = await loaded()
        worker.draining = True
        assert not worker.ready
        assert (await ask(worker)).body == b"[1]"

    run(scenario)


def test_the_models_time_is_observed_even_when_it_fails() -> None:
    seen: list[float] = []

    async def scenario() -> None:
        worker = ModelWorker(timeout_seconds=1, observe=lambda seconds, _: seen.append(seconds))
        await worker.load(lambda: ServedModel(ModelCard(), "", None, lambda *_: 1 // 0))
        with pytest.raises(ZeroDivisionError):
            await ask(worker)
        async with asyncio.timeout(10):
            while not seen:  # noted behind the answer
                await asyncio.sleep(0)

    run(scenario)
    assert len(seen) == 1


def test_requests_that_waited_for_the_model_are_answered_together_without_those_that_were_given_up() -> None:
    gate, running, turns = threading.Event(), threading.Event(), []

    def input_fn(data: str, _content_type: str) -> torch.Tensor:
        return torch.tensor(json.loads(data))

    def predict_fn(data: torch.Tensor, _model: object) -> torch.Tensor:
        running.set()
        gate.wait(30)
        turns.append(len(data))
        return data

    def output_fn(prediction: torch.Tensor, _accept: str) -> str:
        return json.dumps(prediction.tolist())

    async def scenario() -> None:
        worker = ModelWorker(timeout_seconds=30, observe=lambda *_: None)
        stages = Stages(input_fn, predict_fn, output_fn)
        await worker.load(lambda: ServedModel(ModelCard(), "", None, stages.transform, stages, 16))
        for expected in ([1, 1, 1, 4], [1, 2]):  # the first turn with company is the proof
            gone = Caller()
            first = asyncio.create_task(ask(worker, b"[[1, 2]]"))
            await asyncio.to_thread(running.wait, 10)
            waiting = [asyncio.create_task(ask(worker, b"[[%d, 4]]" % number)) for number in (5, 6)]
            left = asyncio.create_task(ask(worker, b"[[7, 8]]", caller=gone))
            gone.hang_up()
            with pytest.raises(CallerGone):
                await left
            gate.set()
            answers = await asyncio.gather(first, *waiting)
            assert [json.loads(answer.body) for answer in answers] == [[[1, 2]], [[5, 4]], [[6, 4]]]
            assert turns == expected
            gate.clear()
            running.clear()
            turns.clear()

    run(scenario)


class Held:
    """Answers that wait for a word, which the test gives."""

    def __init__(self) -> None:
        self.answers: list[bytes] = []
        self.tells: list[Tell] = []
        self.came = threading.Event()

    def __call__(self, answer: Answer, tell: Tell) -> None:
        self.answers.append(answer.body)
        self.tells.append(tell)
        self.came.set()


def test_an_answer_waits_until_it_is_let_pass() -> None:
    async def scenario() -> None:
        worker, held = await loaded(), Held()
        asking = asyncio.create_task(ask(worker, before_answer=held))
        await asyncio.to_thread(held.came.wait, 10)
        assert not asking.done()
        held.tells[0](None)
        assert (await asking).body == b"[1]"

    run(scenario)


def test_what_is_told_in_place_of_an_answer_is_raised() -> None:
    async def scenario() -> None:
        worker = await loaded()
        with pytest.raises(ModelBusy, match="not today"):
            await ask(worker, before_answer=lambda _answer, tell: tell(ModelBusy("not today")))

    run(scenario)


def test_what_breaks_before_an_answer_is_raised_and_the_model_goes_on() -> None:
    def breaks(_answer: Answer, _tell: Tell) -> None:
        raise ZeroDivisionError

    async def scenario() -> None:
        worker = await loaded()
        with pytest.raises(ZeroDivisionError):
            await ask(worker, before_answer=breaks)
        assert (await ask(worker)).body == b"[1]"

    run(scenario)


def test_an_answer_that_waits_to_pass_holds_no_place() -> None:
    async def scenario() -> None:
        worker, held = await loaded(places=1), Held()
        asking = asyncio.create_task(ask(worker, b"1", before_answer=held))
        await asyncio.to_thread(held.came.wait, 10)
        assert (await ask(worker, b"2")).body == b"2"
        held.tells[0](None)
        assert (await asking).body == b"1"

    run(scenario)


@pytest.mark.parametrize("how", ["limit", "hung up", "cancelled"])
def test_an_answer_that_nobody_waits_for_any_more_is_shown_to_nobody(how: str) -> None:
    gate, held = threading.Event(), Held()

    async def scenario() -> None:
        worker = await loaded(lambda *_: gate.wait(30), timeout_seconds=0.05 if how == "limit" else 30)
        gone = Caller()
        asking = asyncio.create_task(ask(worker, caller=gone, before_answer=held))
        asyncio.get_running_loop().call_later(
            0.02, {"limit": bool, "hung up": gone.hang_up, "cancelled": asking.cancel}[how]
        )
        with pytest.raises((ModelTimedOut, CallerGone, asyncio.CancelledError)):
            await asking
        gate.set()
        async with asyncio.timeout(10):
            while not worker.ready:
                await asyncio.sleep(0)
        await ask(worker)

    run(scenario)
    assert held.answers == []


def test_a_caller_who_hangs_up_while_the_answer_waits_to_pass_is_waited_for() -> None:
    async def scenario() -> None:
        worker, held, gone = await loaded(), Held(), Caller()
        asking = asyncio.create_task(ask(worker, caller=gone, before_answer=held))
        await asyncio.to_thread(held.came.wait, 10)
        gone.hang_up()
        for _ in range(10):
            await asyncio.sleep(0)
        held.tells[0](None)
        assert (await asking).body == b"[1]"  # its capture is made already: what is captured is answered

    run(scenario)
