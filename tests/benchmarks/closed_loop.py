"""Callers who each wait for an answer before they ask again, and what they see of two endpoints in turn.

What lives here: load in windows, and the pairs that two endpoints make. What does not: endpoints, and what a pair is to
show. The callers are protocols on one uvloop: they share the machine with the endpoint and must cost little.
"""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from functools import partial

import numpy as np
import uvloop

from tests.benchmarks.figures import SEED

CALLERS = 4
RESAMPLES = 1000
STATUS_OK, END_OF_HEAD, LENGTH = b"HTTP/1.1 200 ", b"\r\n\r\n", b"content-length: "


@dataclass
class Window:
    """What callers saw of one endpoint between two moments: the seconds that each answer took."""

    ends_at: float
    seconds: list[float] = field(default_factory=list)
    took_seconds: float = 0.0


@dataclass(frozen=True)
class Arm:
    """All windows of one of two endpoints."""

    windows: Sequence[Window]

    @property
    def answers(self) -> int:
        return sum(len(window.seconds) for window in self.windows)

    @property
    def per_second(self) -> float:
        return self.answers / sum(window.took_seconds for window in self.windows)

    @property
    def p99_seconds(self) -> float:
        return float(np.quantile(np.concatenate([window.seconds for window in self.windows]), 0.99))


@dataclass(frozen=True)
class Turns:
    """Windows of two endpoints in turn: the n-th of one and the n-th of the other shared their neighbours' noise."""

    first: Sequence[Window]
    second: Sequence[Window]

    def compared(self, how: Callable[[Arm, Arm], float]) -> float:
        return how(Arm(self.first), Arm(self.second))

    def at_most(self, how: Callable[[Arm, Arm], float]) -> float:
        """The upper end of the 95 % bootstrap interval of a comparison, pairs of windows drawn together."""
        draws = np.random.default_rng(SEED).integers(0, len(self.first), (RESAMPLES, len(self.first)))
        drawn = (Turns([self.first[each] for each in draw], [self.second[each] for each in draw]) for draw in draws)
        return float(np.quantile([each.compared(how) for each in drawn], 0.975))


class Caller(asyncio.Protocol):
    """One kept connection: asks anew as soon as an answer is whole, until its window has ended."""

    def __init__(self, request: bytes) -> None:
        self._request = request
        self._answer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def call_until_it_ends(self, window: Window) -> "asyncio.Future[None]":
        """Done once the last answer was read; raises AssertionError for one that is not 200."""
        self._window = window
        self._ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
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
        if not self._ended.done():
            self._ended.set_exception(exc or ConnectionResetError("the endpoint hung up"))

    def _ask(self) -> None:
        self._asked_at = time.perf_counter()
        self.transport.write(self._request)


def is_whole(answer: bytes) -> bool:
    head, _, body = answer.partition(END_OF_HEAD)
    length = head[head.index(LENGTH) + len(LENGTH) :].partition(b"\r\n")[0]
    return len(body) == int(length)


def request_of(body: bytes, path: str = "/invoke") -> bytes:
    head = f"POST {path} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/x-npy\r\ncontent-length: {len(body)}"
    return head.encode() + END_OF_HEAD + body


def in_turn(ports: tuple[int, int], body: bytes, *, pairs: int, window_seconds: float) -> Turns:
    """Windows of load on two endpoints, of which only one is loaded at a time; who goes first changes."""
    request = request_of(body)
    return requests_in_turn(dict.fromkeys(ports, request), pairs=pairs, window_seconds=window_seconds)


def requests_in_turn(
    requests: Mapping[int, bytes], *, pairs: int, window_seconds: float, callers: int = CALLERS
) -> Turns:
    """The same for two servers, by port, that are each asked in their own words."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_in_turn(requests, callers, pairs, window_seconds))


async def _in_turn(requests: Mapping[int, bytes], count: int, pairs: int, window_seconds: float) -> Turns:
    ports = tuple(requests)
    async with AsyncExitStack() as stack:
        callers = {port: await _connected(port, request, count, stack) for port, request in requests.items()}
        windows: dict[int, list[Window]] = {port: [] for port in ports}
        for pair in range(pairs):
            for port in ports if pair % 2 else ports[::-1]:
                windows[port].append(await _window(callers[port], window_seconds))
        return Turns(*windows.values())


async def _connected(port: int, request: bytes, count: int, stack: AsyncExitStack) -> list[Caller]:
    loop, callers = asyncio.get_running_loop(), []
    for _ in range(count):
        transport, caller = await loop.create_connection(partial(Caller, request), "127.0.0.1", port)
        stack.callback(transport.close)
        callers.append(caller)
    return callers


async def _window(callers: list[Caller], seconds: float) -> Window:
    started = time.perf_counter()
    window = Window(started + seconds)
    await asyncio.gather(*(caller.call_until_it_ends(window) for caller in callers))
    window.took_seconds = time.perf_counter() - started
    return window
