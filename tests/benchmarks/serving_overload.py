"""An endpoint that is asked ten times as much as it can answer: what it still answers, and how late.

What lives here: requests that come at their own times, whoever waits, and the two figures of them. What does not:
callers who ask again when they are answered (closed_loop), starting the endpoint.
"""

import asyncio
import time
from collections import deque
from contextlib import AsyncExitStack, suppress
from dataclasses import replace
from functools import partial
from typing import Final

from tests.benchmarks.closed_loop import (
    END_OF_HEAD,
    STATUS_OK,
    Arm,
    Plan,
    Turns,
    Window,
    alternating,
    connected,
    is_whole,
    window_of,
)
from tests.benchmarks.figures import Figure
from tests.benchmarks.serving_load import Asked, run, throughput_ratio

FACTOR: Final = 10
CALLERS: Final = 32
CONNECTIONS: Final = 512  # more than may wait for a model at a time
TICK_SECONDS: Final = 0.005
HANGS_UP: Final = b"connection: close"
LEAD_SECONDS: Final = 0.5
DRAIN_SECONDS: Final = 10


class Crowd:
    """Kept connections, and what becomes of the requests of the window that is open."""

    def __init__(self, port: int) -> None:
        self._port = port
        self.idle: deque[Passer] = deque()
        self.connections = 0
        self.closing = False
        self.window = Window(0.0)
        self.counts_from = 0.0
        self.refused = 0
        self.unsent = 0  # no connection was free

    async def grow(self) -> None:
        """One connection more."""
        loop = asyncio.get_running_loop()
        _, passer = await loop.create_connection(partial(Passer, self), "127.0.0.1", self._port)
        self.connections += 1
        self.idle.append(passer)

    def leave(self) -> None:
        """Close all connections, for good."""
        self.closing = True
        for passer in self.idle:
            passer.transport.close()

    def send(self, request: bytes) -> None:
        """One request, where a connection is free."""
        if self.idle:
            self.idle.popleft().ask(request)
        else:
            self.unsent += 1

    async def offer(self, request: bytes, per_second: float, seconds: float) -> Window:
        """A window of requests that come evenly; of the answers those count that come in it.

        Requests come some time before it, until the endpoint's queue is as it stays.
        """
        started = time.perf_counter()
        self.counts_from = started + min(LEAD_SECONDS, seconds)
        self.window, sent = Window(self.counts_from + seconds), 0
        while (now := time.perf_counter()) < self.window.ends_at:
            due = int((now - started) * per_second)
            for _ in range(due - sent):
                self.send(request)
            sent = due
            await asyncio.sleep(TICK_SECONDS)
        self.window.took_seconds = seconds
        with suppress(TimeoutError):
            async with asyncio.timeout(DRAIN_SECONDS):
                while len(self.idle) < self.connections:
                    await asyncio.sleep(TICK_SECONDS)
        return self.window


class Passer(asyncio.Protocol):
    """One kept connection, made anew where the endpoint closes it."""

    def __init__(self, crowd: Crowd) -> None:
        self._crowd, self._answer = crowd, b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def ask(self, request: bytes) -> None:
        self._asked_at = time.perf_counter()
        self.transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._answer += data
        if not is_whole(self._answer):
            return
        now = time.perf_counter()
        if not self._answer.startswith(STATUS_OK):
            self._crowd.refused += 1
        elif self._crowd.counts_from <= now < self._crowd.window.ends_at:
            self._crowd.window.seconds.append(now - self._asked_at)
        hung_up = HANGS_UP in self._answer.partition(END_OF_HEAD)[0].lower()
        self._answer = b""
        if hung_up:
            self.transport.close()
        else:
            self._crowd.idle.append(self)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  # asyncio's own names
        with suppress(ValueError):
            self._crowd.idle.remove(self)
        self._crowd.connections -= 1
        if not self._crowd.closing:
            self._again = asyncio.get_running_loop().create_task(self._crowd.grow())


def overloaded(ours: Asked, plan: Plan) -> dict[str, Figure]:
    """Both figures of an endpoint; `plan` says how long a window is, and how many pairs there are."""
    goodput, capacity = run(partial(_beside_callers, ours, replace(plan, callers=CALLERS)))
    late, others = run(partial(_beside_capacity, ours, plan, capacity))
    offered = f"{FACTOR} times {capacity:.0f} requests/s offered, {plan.pairs} pairs of {plan.window_seconds:g} s"
    share = f"95 % lower bound; {goodput.compared(throughput_ratio):.2f} of what {CALLERS} callers get; {offered}"
    p99 = f"{1e3 * Arm(late.first).p99_seconds:.0f} ms against {1e3 * Arm(late.second).p99_seconds:.0f} ms"
    times = f"95 % upper bound; {late.compared(p99_ratio):.2f}: {p99} where as much is offered as can be answered"
    return {
        "overload_goodput_share": Figure(goodput.at_least(throughput_ratio), "times", ">= 0.8", share),
        "overload_p99_ratio": Figure(late.at_most(p99_ratio), "times", "<= 3", f"{times}; {others}"),
    }


def p99_ratio(ours: Arm, theirs: Arm) -> float:
    return ours.p99_seconds / theirs.p99_seconds


async def _beside_callers(ours: Asked, plan: Plan) -> tuple[Turns, float]:
    """Windows of too many requests, and of callers who take what they get; what these get a second."""
    async with AsyncExitStack() as stack:
        callers = await connected(ours.port, plan.callers, stack)
        crowd = await _crowd(ours.port, stack)
        asked = partial(window_of, callers, ours.request, plan.window_seconds)
        capacity = Arm([await asked() for _ in range(2)]).per_second
        offered = partial(crowd.offer, ours.request, FACTOR * capacity, plan.window_seconds)
        turns = await alternating(offered, asked, plan.pairs)
        return turns, Arm(turns.second).per_second


async def _beside_capacity(ours: Asked, plan: Plan, capacity: float) -> tuple[Turns, str]:
    """Windows of too many requests, and of as many as can be answered; what became of the others."""
    async with AsyncExitStack() as stack:
        crowd = await _crowd(ours.port, stack)
        many, enough = (
            partial(crowd.offer, ours.request, rate, plan.window_seconds) for rate in (FACTOR * capacity, capacity)
        )
        turns = await alternating(many, enough, plan.pairs)
        return turns, f"{crowd.refused} were refused, {crowd.unsent} found none of {CONNECTIONS} connections free"


async def _crowd(port: int, stack: AsyncExitStack) -> Crowd:
    crowd = Crowd(port)
    stack.callback(crowd.leave)
    for _ in range(CONNECTIONS):
        await crowd.grow()
    return crowd
