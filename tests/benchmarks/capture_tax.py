"""What capture costs an endpoint: processor time of its loop and of its process, throughput, and the slowest answers.

`python -m tests.benchmarks.capture_tax [--quick] [--json]`. Bodies of 48 KB, which become BASE64, small JSON answers,
all sampled, to a folder store on the same disk. Processor time is that of this process answering through a model's
thread with a capture, less that of the same without one; throughput and latency are those of one endpoint under the
same load in turn, with requests that are captured and requests that are not.
"""

import argparse
import asyncio
import json
import random
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import numpy as np
import uvloop

from monitor_jobs.contract.engines import ENGINE_VARIABLE, Engine
from monitor_jobs.contract.model_package import ModelCard
from monitor_jobs.model_functions.codecs import Answer
from monitor_jobs.model_functions.functions import ModelRequest, ServedModel
from monitor_jobs.object_store.folder import FolderStore
from service.core.caller import Caller
from service.core.deployment import EndpointSpec, Exchange
from service.endpoint.capture import Capture, start_capture
from service.endpoint.ports import CaptureSink, NoCapture, Tell
from service.endpoint.worker import ModelWorker
from tests.benchmarks.closed_loop import CALLERS, Arm, Cost, Plan, Target, Turns, in_turn, request_of
from tests.benchmarks.figures import BENCH_FOLDER, RESAMPLES, SEED, Figure, publish
from tests.benchmarks.invoke import CAPTURE_ALL, npy
from tests.servers.endpoint import UNASKED, running_endpoint, write_package

BODY_BYTES = 49_152
ANSWER = b"[[0.02, 0.03, 0.01, 0.81, 0.02, 0.03, 0.01, 0.04, 0.02, 0.01]]"
MODEL_SECONDS = 0.0005  # so that the loop falls asleep with and without a capture, as it does behind a real model
BLOCK = 100  # records in a row with a capture, and as many without
SPOOL = {"spool_budget_bytes": 2**31, "flush_interval_seconds": 60}
OFF = CAPTURE_ALL | {"EnableCapture": False}
WARM_UP_PAIRS = 2
SHAPE = (3, 64, 64)  # of float32: BODY_BYTES
CONVOLUTIONS = """
import torch

def model_fn(model_dir):
    torch.set_num_threads(1)
    return torch.nn.Sequential(
        torch.nn.Conv2d(3, 32, 3, padding=1), torch.nn.ReLU(), torch.nn.MaxPool2d(2),
        torch.nn.Conv2d(32, 64, 3, padding=1), torch.nn.ReLU(), torch.nn.MaxPool2d(2),
        torch.nn.Flatten(), torch.nn.Linear(64 * 16 * 16, 10),
    ).eval()
"""
CARD = {"classes": [str(digit) for digit in range(10)], "input": {"shape": SHAPE, "dtype": "float32"}}


@dataclass(frozen=True)
class Size:
    """How much is measured."""

    rounds: int
    blocks: int
    plan: Plan


FULL = Size(rounds=15, blocks=10, plan=Plan(pairs=120, window_seconds=0.6, pause_seconds=0.25))
QUICK = Size(rounds=3, blocks=4, plan=Plan(pairs=3, window_seconds=0.3, pause_seconds=0.2))


@dataclass(frozen=True)
class Taxes:
    """Microseconds of processor time that a record cost, a round each."""

    loop_us: list[float]
    total_us: list[float]


def at_most(values: list[float]) -> float:
    """The upper end of the 95 % bootstrap interval of the median: the end that is worse for us."""
    draws = np.random.default_rng(SEED).choice(values, (RESAMPLES, len(values)))
    return float(np.quantile(np.median(draws, axis=1), 0.975))


def measured(values: list[float], how: str) -> str:
    return f"95 % upper bound; median {np.median(values):.2f} of {len(values)} {how}"


@contextmanager
def capturing(folder: Path) -> Iterator[Capture]:
    """A capture into an empty folder; all that it took is stored in the end."""
    serving = {"endpoint": "bench", "variant": "AllTraffic", "model_name": "none", "model_data_url": "s3://none/none"}
    spec = EndpointSpec.model_validate(
        {**serving, **SPOOL, "spool_folder": folder / "spool", "data_capture": CAPTURE_ALL}
    )
    store = FolderStore(folder / "data")
    capture = start_capture(spec, store, clock=lambda: datetime.now(UTC), generator=random.Random(SEED))
    yield capture
    capture.close()
    counts = capture.snapshot()
    assert counts.stored == sum(counts.captured.values()) > 0, f"a record was not stored: {counts}"


async def answer_all(worker: ModelWorker, sink: CaptureSink, bodies: list[bytes]) -> float:
    """Seconds of processor time that the loop's thread spent on answering one after another."""
    started, caller = time.thread_time(), Caller()
    for body in bodies:
        request = ModelRequest(body, "application/octet-stream", "application/json")
        with worker.place() as place:
            await worker.answer(place, request, caller=caller, before_answer=partial(pass_on, sink, body))
    return time.thread_time() - started


def pass_on(sink: CaptureSink, body: bytes, answer: Answer, tell: Tell) -> None:
    sink.before_answer(
        Exchange(body, "application/octet-stream", answer.body, answer.content_type, datetime.now(UTC)), tell
    )


def answer_after_a_while(*_: object) -> bytes:
    time.sleep(
        MODEL_SECONDS
    )  # so that the loop falls asleep with and without a capture, as it does behind a real model
    return ANSWER


async def constant_model() -> ModelWorker:
    worker = ModelWorker(timeout_seconds=60, observe=lambda _seconds, _requests: None)
    await worker.load(lambda: ServedModel(ModelCard(), "application/json", None, answer_after_a_while))
    return worker


def tax_of_round(folder: Path, bodies: list[bytes], blocks: int) -> tuple[float, float]:
    """Microseconds that each record cost the loop's thread, and the process, from start to close."""
    none, loop_seconds, bare_seconds = NoCapture(), 0.0, 0.0
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        worker = runner.run(constant_model())
        process_seconds = -time.process_time()
        with capturing(folder) as capture:
            for _ in range(blocks):
                loop_seconds += runner.run(answer_all(worker, capture, bodies))
                before = time.process_time()
                loop_seconds -= runner.run(answer_all(worker, none, bodies))
                bare_seconds += time.process_time() - before
        process_seconds += time.process_time()
    process_seconds -= 2 * bare_seconds  # once for its own cost, once for the same within the captured block
    records = blocks * len(bodies)
    return 1e6 * loop_seconds / records, 1e6 * process_seconds / records


def measure_taxes(folder: Path, size: Size) -> Taxes:
    """Rounds of a capture that starts, takes all, delivers all and ends."""
    generator = random.Random(SEED)
    bodies = [generator.randbytes(BODY_BYTES) for _ in range(BLOCK)]
    rounds = []
    for _ in range(size.rounds):
        with tempfile.TemporaryDirectory(dir=folder) as scratch:
            rounds.append(tax_of_round(Path(scratch), bodies, size.blocks))
    loop_us, total_us = zip(*rounds, strict=True)
    return Taxes(list(loop_us), list(total_us))


def measure_load(folder: Path, plan: Plan, engine: Engine) -> Turns:
    """Windows on one endpoint: all captured, and nothing captured."""
    package = write_package(
        folder / "package", {"code/inference.py": CONVOLUTIONS, "code/model_card.json": json.dumps(CARD)}
    )
    body = npy(np.random.default_rng(SEED).random((1, *SHAPE)).astype("float32"))
    captured, left_out = request_of(body), request_of(body, **{"x-amzn-sagemaker-custom-attributes": UNASKED})
    environment = {"OMP_NUM_THREADS": "1", ENGINE_VARIABLE: str(engine)}
    settings = {"environment": environment, "data_capture": CAPTURE_ALL, **SPOOL}
    with running_endpoint(package, folder, **settings) as endpoint:
        cost = partial(processor_seconds, endpoint.process.pid)
        targets = Target(endpoint.port, captured), Target(endpoint.port, left_out)
        in_turn(targets, replace(plan, pairs=WARM_UP_PAIRS))
        return in_turn(targets, plan, cost)


def processor_seconds(pid: int) -> Cost:
    """What all threads of a process took, and what the main one did, which runs the event loop."""
    threads = {
        task.name: int((task / "schedstat").read_text().split()[0]) for task in Path(f"/proc/{pid}/task").iterdir()
    }
    return np.array([sum(threads.values()), threads[str(pid)]]) / 1e9


def figures_of_taxes(taxes: Taxes, size: Size) -> dict[str, Figure]:
    rounds = f"rounds of {size.blocks * BLOCK} records, one at a time, on uvloop"
    loop = measured(taxes.loop_us, f"{rounds}; blocks of {BLOCK} in turn with NoCapture")
    total = measured(taxes.total_us, f"{rounds}; all threads, from the start to the last record stored")
    return {
        "loop_cpu_us_alone": Figure(at_most(taxes.loop_us), "us", "none", f"{loop}; what sleeping longer costs it"),
        "total_cpu_us_per_record": Figure(at_most(taxes.total_us), "us", "<= 60", total),
    }


def throughput_loss_pct(on: Arm, off: Arm) -> float:
    return 100 * (1 - on.per_second / off.per_second)


def p99_increase_pct(on: Arm, off: Arm) -> float:
    return 100 * (on.p99_seconds / off.p99_seconds - 1)


def endpoint_cpu_us_per_record(on: Arm, off: Arm) -> float:
    return float(1e6 * (on.cost_per_answer - off.cost_per_answer)[0])


def loop_cpu_us_per_record(on: Arm, off: Arm) -> float:
    return float(1e6 * (on.cost_per_answer - off.cost_per_answer)[1])


def figures_of_load(turns: Turns, plan: Plan) -> dict[str, Figure]:
    off = Arm(turns.second)
    how = f"{plan.pairs} pairs of {plan.window_seconds:g} s in turn on one endpoint, {CALLERS} callers"
    without = f"without capture {off.per_second:.0f} answers/s, p99 {1e3 * off.p99_seconds:.1f} ms"
    compared = (
        (throughput_loss_pct, "%", "<= 3", without),
        (p99_increase_pct, "%", "<= 5", without),
        (loop_cpu_us_per_record, "us", "<= 5", "the thread of the event loop"),
        (endpoint_cpu_us_per_record, "us", "none", "all threads, and what they do within 0.25 s after"),
    )
    return {
        compare.__name__: Figure(
            turns.at_most(compare), unit, goal, f"95 % upper bound; {turns.compared(compare):.2f} over {how}; {note}"
        )
        for compare, unit, goal, note in compared
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help=f"{QUICK.plan.pairs} pairs instead of {FULL.plan.pairs}")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    size, missing = QUICK if options.quick else FULL, {}
    BENCH_FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=BENCH_FOLDER) as scratch:
        figures = figures_of_taxes(measure_taxes(Path(scratch), size), size)
        load = figures_of_load(measure_load(Path(scratch), size.plan, Engine.TORCH), size.plan)
        compiled = figures_of_load(measure_load(Path(scratch), size.plan, Engine.OPENVINO), size.plan)
        # the same network in half the time: what a record costs weighs twice as much
        load |= {f"{name}_openvino": replace(row, goal="none") for name, row in compiled.items()}
    if options.quick:
        missing = {
            name: f"needs {FULL.plan.pairs} pairs: {row.value:.1f} {row.unit} here" for name, row in load.items()
        }
        load = {}
    publish("capture_tax", figures | load, missing, options.json)


if __name__ == "__main__":
    main()
