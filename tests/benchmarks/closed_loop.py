"""Callers who each wait for an answer before they ask again, and what they see of two kinds of request in turn.

What lives here: load in windows, and the pairs that two kinds make. What does not: endpoints, and what a pair is to
show. The callers are protocols on one uvloop: they share the machine with the endpoint and must cost little.
"""

import asyncio
import math
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from functools import partial

import numpy as np
import numpy.typing as npt
import uvloop

from tests.benchmarks.figures import SEED
from tests.endpoint_token import TOKEN

CALLERS = 4
RESAMPLES = 1000
STATUS_OK, END_OF_HEAD, LENGTH = b"HTTP/1.1 200 ", b"\r\n\r\n", b"content-length: "


Cost = npt.NDArray[np.float64]  # seconds of processor time: of the endpoint, and of its event loop where that is asked


@dataclass
class Window:
    """What callers saw between two moments: the seconds that each answer took, and what it cost the endpoint."""

    ends_at: float
    seconds: list[float] = field(default_factory=list)
    took_seconds: float = 0.0
    cost: "Cost" = field(default_factory=lambda: np.zeros(2))


@dataclass(frozen=True)
class Arm:
    """All windows of one of two kinds of request."""

    windows: Sequence[Window]

    @property
    def answers(self) -> int:
        return sum(len(window.seconds) for window in self.windows)

    @property
    def per_second(self) -> float:
        return self.answers / sum(window.took_seconds for window in self.windows)

    @property
    def cost_per_answer(self) -> Cost:
        return np.sum([window.cost for window in self.windows], axis=0) / self.answers

    @property
    def p50_seconds(self) -> float:
        return self._quantile(0.5)

    @property
    def p99_seconds(self) -> float:
        return self._quantile(0.99)

    def _quantile(self, share: float) -> float:
        if not self.answers:
            return math.inf
        return float(np.quantile(np.concatenate([window.seconds for window in self.windows]), share))


@dataclass(frozen=True)
class Turns:
    """Windows of two kinds of request in turn: the n-th of each shared their neighbours' noise."""

    first: Sequence[Window]
    second: Sequence[Window]

    def compared(self, how: Callable[[Arm, Arm], float]) -> float:
        return how(Arm(self.first), Arm(self.second))

    def at_most(self, how: Callable[[Arm, Arm], float]) -> float:
        """The upper end of the 95 % bootstrap interval of a comparison, pairs of windows drawn together."""
        return float(np.quantile(self._redrawn(how), 0.975))

    def at_least(self, how: Callable[[Arm, Arm], float]) -> float:
        """The lower end of the same interval."""
        return float(np.quantile(self._redrawn(how), 0.025))

    def _redrawn(self, how: Callable[[Arm, Arm], float]) -> list[float]:
        draws = np.random.default_rng(SEED).integers(0, len(self.first), (RESAMPLES, len(self.first)))
        drawn = (Turns([self.first[each] for each in draw], [self.second[each] for each in draw]) for draw in draws)
        return [each.compared(how) for each in drawn]


class Caller(asyncio.Protocol):
    """One kept connection: asks anew as soon as an answer is whole, until its window has ended."""

    def __init__(self) -> None:
        self._answer = b""
        self._ended: asyncio.Future[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def call_until_it_ends(self, window: Window, request: bytes) -> "asyncio.Future[None]":
        """Done once the last answer was read; raises AssertionError for one that is not 200."""
        self._window, self._request = window, request
        self._ended = asyncio.get_running_loop().create_future()
        self._ask()
        return self._ended

    def data_received(self, data: bytes) -> None:
        self._answer += data
        if not self._answer.startswith(STATUS_OK):
            self._ended.set_exception(AssertionError(self._answer))
        elif is_whole(self._answer):
            now, self._answer = time.perf_counter(), b""
            self._window.seconds.append(now - self._asked_at)
            self._ask() if now < self._window.ends_at else self._ended.set_result(None)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._ended is not None and not self._ended.done():
            self._ended.set_exception(exc or ConnectionResetError("the endpoint hung up"))

    def _ask(self) -> None:
        self._asked_at = time.perf_counter()
        self.transport.write(self._request)


def is_whole(answer: bytes) -> bool:
    head, ended, body = answer.partition(END_OF_HEAD)
    if not ended:
        return False
    length = head[head.index(LENGTH) + len(LENGTH) :].partition(b"\r\n")[0]
    return len(body) == int(length)


def request_of(body: bytes, path: str = "/invoke", **headers: str) -> bytes:
    """A request with these headers, and with the token of the tests where there is no other authorization."""
    own = {"host": "127.0.0.1", "content-type": "application/x-npy", "content-length": str(len(body))}
    named = {**own, "authorization": f"Bearer {TOKEN}", **headers}
    head = "\r\n".join([f"POST {path} HTTP/1.1", *(f"{name}: {value}" for name, value in named.items())])
    return head.encode() + END_OF_HEAD + body


@dataclass(frozen=True)
class Target:
    """Who is asked, and in which words."""

    port: int
    request: bytes


@dataclass(frozen=True)
class Plan:
    """How long the windows are, how many of each kind, and how long what a window left to do may take after it."""

    pairs: int
    window_seconds: float
    pause_seconds: float = 0.0
    callers: int = CALLERS


Load = Callable[[], Awaitable[Window]]  # one window of it


def nothing() -> Cost:
    """The cost of windows that is not asked for."""
    return np.zeros(2)


def in_turn(targets: tuple[Target, Target], plan: Plan, cost: Callable[[], Cost] = nothing) -> Turns:
    """Windows of load on two targets, of which only one is loaded at a time; who goes first changes.

    `cost` is read before each window and after its pause. Where targets are to be compared closely they should be one
    process: two of them, made alike, differ by a few percent.
    """
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_in_turn(targets, plan, cost))


async def _in_turn(targets: tuple[Target, Target], plan: Plan, cost: Callable[[], Cost]) -> Turns:
    async with AsyncExitStack() as stack:
        callers = {port: await connected(port, plan.callers, stack) for port in {target.port for target in targets}}
        first, second = (partial(loaded, callers[target.port], target.request, plan, cost) for target in targets)
        return await alternating(first, second, plan.pairs)


async def alternating(first: Load, second: Load, pairs: int) -> Turns:
    """Windows of both in turn; who goes first changes."""
    loads, windows = (first, second), ([], [])
    for pair in range(pairs):
        for which in (0, 1) if pair % 2 else (1, 0):
            windows[which].append(await loads[which]())
    return Turns(*windows)


async def loaded(callers: list[Caller], request: bytes, plan: Plan, cost: Callable[[], Cost]) -> Window:
    """One window of load, and what it and the pause after it cost."""
    before = cost()
    window = await window_of(callers, request, plan.window_seconds)
    await asyncio.sleep(plan.pause_seconds)
    window.cost = cost() - before
    return window


async def connected(port: int, count: int, stack: AsyncExitStack) -> list[Caller]:
    loop, callers = asyncio.get_running_loop(), []
    for _ in range(count):
        transport, caller = await loop.create_connection(Caller, "127.0.0.1", port)
        stack.callback(transport.close)
        callers.append(caller)
    return callers


async def window_of(callers: list[Caller], request: bytes, seconds: float) -> Window:
    started = time.perf_counter()
    window = Window(started + seconds)
    await asyncio.gather(*(caller.call_until_it_ends(window, request) for caller in callers))
    window.took_seconds = time.perf_counter() - started
    return window
