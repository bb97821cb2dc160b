"""Load on servers and on the bare network in turn, and what their processes cost.

What lives here: windows of two in turn, processor time and memory of a server with all its children. What does not:
callers (closed_loop), starting servers (serving_peers), what is compared (serving).
"""

import asyncio
import time
from collections.abc import Callable, Coroutine, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, TypeVar

import numpy as np
import psutil
import torch
import uvloop
from torch import nn

from service.endpoint.engines.openvino import compile_network
from tests.benchmarks.closed_loop import Arm, Cost, Plan, Turns, Window, alternating, connected, loaded
from tests.benchmarks.serving_models import Model

BATCHES: Final = (1, 2, 4, 8, 16, 32)

Forward = Callable[[], object]
T = TypeVar("T")


@dataclass(frozen=True)
class Asked:
    """A server's port, the request that it is sent, and its processes."""

    port: int
    request: bytes
    processes: Sequence[psutil.Process]

    def cost(self) -> Cost:
        """Seconds of processor time that all processes took so far."""
        times = [process.cpu_times() for process in self.processes]
        return np.array([sum(each.user + each.system for each in times), 0.0])


def pss_mb(processes: Sequence[psutil.Process]) -> float:
    """Memory of processes together, what they share with others counted by its share."""
    return sum(process.memory_full_info().pss for process in processes) / 1e6


def servers_in_turn(ours: Asked, theirs: Asked, plan: Plan) -> Turns:
    """Windows on both servers, of which only one is loaded at a time."""
    return run(partial(_servers_in_turn, ours, theirs, plan))


def beside_forward(ours: Asked, forward: Forward, batch: int, plan: Plan) -> Turns:
    """Windows on a server, and of the network alone in this process, called on so many inputs over and over."""
    return run(partial(_beside_forward, ours, forward, batch, plan))


def run(work: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """What a coroutine returns, on a loop of its own."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(work())


async def _servers_in_turn(ours: Asked, theirs: Asked, plan: Plan) -> Turns:
    async with AsyncExitStack() as stack:
        first, second = [
            partial(loaded, await connected(each.port, plan.callers, stack), each.request, plan, each.cost)
            for each in (ours, theirs)
        ]
        return await alternating(first, second, plan.pairs)


async def _beside_forward(ours: Asked, forward: Forward, batch: int, plan: Plan) -> Turns:
    async def alone() -> Window:
        return forward_window(forward, batch, plan.window_seconds)

    async with AsyncExitStack() as stack:
        callers = await connected(ours.port, plan.callers, stack)
        asked = partial(loaded, callers, ours.request, plan, ours.cost)
        return await alternating(asked, alone, plan.pairs)


def forward_window(forward: Forward, batch: int, seconds: float) -> Window:
    """Calls of the network one after another; each input of a batch counts as an answer."""
    started = now = time.perf_counter()
    window = Window(started + seconds)
    while now < window.ends_at:
        forward()
        before, now = now, time.perf_counter()
        window.seconds += [now - before] * batch
    window.took_seconds = now - started
    return window


def forward_of(network: nn.Module, model: Model, batch: int) -> Forward:
    """A call of the network on so many inputs."""
    inputs = torch.from_numpy(model.drawn(batch))

    def forward() -> object:
        with torch.inference_mode():
            return network(inputs)

    return forward


def best_batch(network: nn.Module, model: Model, seconds: float) -> int:
    """The size of a batch at which the network computes most inputs a second."""
    rates = {}
    for batch in BATCHES:
        forward = forward_of(network, model, batch)
        forward()
        rates[batch] = Arm([forward_window(forward, batch, seconds)]).per_second
    return max(rates, key=rates.__getitem__)


def compiled(model: Model, precision: torch.dtype) -> nn.Module:
    """The model's network as OpenVINO computes it."""
    return compile_network(model.network(), torch.from_numpy(model.drawn(1)), precision=precision)


def throughput_ratio(ours: Arm, theirs: Arm) -> float:
    return ours.per_second / theirs.per_second


def p50_ratio(ours: Arm, theirs: Arm) -> float:
    return ours.p50_seconds / theirs.p50_seconds
