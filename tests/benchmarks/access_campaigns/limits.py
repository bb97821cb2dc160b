"""Callers who hang on, and bodies that do not end, at real processes: how long, how much memory, who else notices.

What lives here: measuring, with the product's own limits. What does not: the cases one by one
(tests/integration/test_http_server.py), the hostile clients (tests.servers.slow_callers, tests.servers.long_bodies).
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import uvloop

from tests.benchmarks.closed_loop import Arm, Caller, Turns, Window, connected, request_of, window_of
from tests.benchmarks.figures import Figure
from tests.servers.control import control_process
from tests.servers.endpoint import running_endpoint, write_package
from tests.servers.long_bodies import Framing, long_body
from tests.servers.slow_callers import HALF_A_BODY, HALF_A_HEAD, Drip, longest, slow_callers

SLOW = 200
WARM_UP_MEBIBYTES = 20
SETTLING_SECONDS = 0.3  # in which a server takes up the slow callers, which costs the good one a little once
BY_THE_BYTE = (HALF_A_HEAD, HALF_A_BODY)
FAIR = Drip(b"POST /invoke HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1000000\r\n\r\n", b"a" * 2048)
CONTROL_PATHS = ("/", "/endpoints/echo/invocations", "/metrics", "/nobodys")
ENDPOINT_PATHS = ("/invoke", "/invocations", "/ping", "/nobodys")
ECHO = "def model_fn(d): return d\n\ndef transform_fn(model, body, content_type, accept): return body, content_type\n"
BODY = b"x" * 12_288


@dataclass(frozen=True)
class Size:
    """How much is measured: who the slow callers are, how long the bodies, how many the windows."""

    drips: tuple[Drip, ...]
    mebibytes: int
    pairs: int
    window_seconds: float


FULL = Size(drips=(*BY_THE_BYTE, *BY_THE_BYTE, FAIR), mebibytes=300, pairs=30, window_seconds=2.0)
QUICK = Size(drips=BY_THE_BYTE, mebibytes=50, pairs=3, window_seconds=0.5)


@dataclass(frozen=True)
class Server:
    """A process that answers, and the paths on which it is sent too much."""

    port: int
    process: psutil.Process
    paths: Sequence[str]


def measured(folder: Path, *, quick: bool) -> tuple[dict[str, Figure], dict[str, str]]:
    """All figures; nothing is missing in either form."""
    size = QUICK if quick else FULL
    package = write_package(folder / "package", {"code/inference.py": ECHO})
    with running_endpoint(package, folder) as endpoint, control_process(folder) as url:
        servers = (
            Server(endpoint.port, psutil.Process(endpoint.process.pid), ENDPOINT_PATHS),
            Server(urlsplit(url).port or 0, _child("control"), CONTROL_PATHS),
        )
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            figures = {
                "oversize_rss_mb": oversize(servers, size.mebibytes),
                "slow_p99_ratio": p99_ratio(runner.run(turns(endpoint.port, size))),
                "slow_connections_closed_s": closing_time(runner.run(hanging(servers, size.drips)), size),
            }
    return figures, {}


def oversize(servers: Sequence[Server], mebibytes: int) -> Figure:
    """Raises AssertionError where a body is taken, or its sender gets no answer."""
    growth, answers = [], 0
    for server in servers:
        for path in server.paths:
            for framing in Framing:
                long_body(server.port, path, framing, mebibytes=WARM_UP_MEBIBYTES, server=server.process)
                answer, grown = long_body(server.port, path, framing, mebibytes=mebibytes, server=server.process)
                assert answer.startswith(b"HTTP/1.1 4") or path == "/ping", (path, framing, answer[:80])
                growth.append(grown / 2**20)
                answers += 1
    note = (
        f"the most of {answers} bodies of {mebibytes} MiB, chunked and declared, to {answers // 2} routes, all answered"
    )
    return Figure(max(growth), "MiB", "<= 16", note)


async def hanging(servers: Sequence[Server], drips: Sequence[Drip]) -> float:
    """Seconds until the last of the slow callers was hung up on, by every server at the same time."""
    callers = await asyncio.gather(*(slow_callers(server.port, islice(cycle(drips), SLOW)) for server in servers))
    return max([await longest(group) for group in callers])


def closing_time(seconds: float, size: Size) -> Figure:
    kinds = "half a head and half a body by a byte a second"
    more = ", a fifth a body at 2 KB/s" if FAIR in size.drips else ""
    note = (
        f"the last of {SLOW} callers at an endpoint and {SLOW} at control, who never hang up themselves: {kinds}{more}"
    )
    return Figure(seconds, "s", "<= 35", note)


async def turns(port: int, size: Size) -> Turns:
    """Windows of one good caller, with slow ones beside it and without, in turn."""
    async with AsyncExitStack() as stack:
        callers = await connected(port, 1, stack)
        request = request_of(BODY)
        await window_of(callers, request, size.window_seconds)
        windows: dict[Callable[..., object], list[Window]] = {crowded: [], alone: []}
        for pair in range(size.pairs):
            for kind in (crowded, alone) if pair % 2 else (alone, crowded):
                windows[kind].append(await kind(port, callers, request, size.window_seconds))
        return Turns(windows[crowded], windows[alone])


async def alone(_port: int, callers: list[Caller], request: bytes, seconds: float) -> Window:
    await window_of(callers, request, SETTLING_SECONDS)
    return await window_of(callers, request, seconds)


async def crowded(port: int, callers: list[Caller], request: bytes, seconds: float) -> Window:
    slow = await slow_callers(port, islice(cycle(BY_THE_BYTE), SLOW))
    try:
        return await alone(port, callers, request, seconds)
    finally:
        assert not any(caller.lasted.done() for caller in slow), "the slow callers were gone before their window was"
        for caller in slow:
            caller.transport.abort()
        await longest(slow)


def p99_ratio(found: Turns) -> Figure:
    def ratio(with_slow: Arm, without: Arm) -> float:
        return with_slow.p99_seconds / without.p99_seconds

    beside, lonely = (Arm(windows).p99_seconds * 1e3 for windows in (found.first, found.second))
    seen = f"{beside:.2f} ms beside {SLOW} slow callers, {lonely:.2f} ms alone"
    note = f"95 % upper bound; measured {found.compared(ratio):.3f}, {len(found.first)} windows in turn; p99 {seen}"
    return Figure(found.at_most(ratio), "x", "<= 1.2", note)


def _child(role: str) -> psutil.Process:
    """The child process of this one that has a role of the service."""
    (found,) = (child for child in psutil.Process().children() if role in child.cmdline())
    return found
