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
from tests.endpoint_token import AUTHORIZATION
from tests.servers.control import control_process
from tests.servers.endpoint import running_endpoint, write_package
from tests.servers.long_bodies import Framing, long_body, signature_of
from tests.servers.slow_callers import HALF_A_HEAD, Drip, half_a_body, longest, slow_callers

SLOW = 200
WARM_UP_MEBIBYTES = 20
SETTLING_SECONDS = 0.3  # in which a server takes up the slow callers, which costs the good one a little once
FAIR_BYTES = 2048  # a second, which is faster than the least that is asked for
CONTROL_PATHS = ("/", "/endpoints/echo/invocations", "/metrics", "/nobodys")
ENDPOINT_PATHS = ("/invoke", "/invocations", "/ping", "/nobodys")
ECHO = "def model_fn(d): return d\n\ndef transform_fn(model, body, content_type, accept): return body, content_type\n"
TOKEN_HEADER = AUTHORIZATION.decode().strip()
BODY = b"x" * 12_288


@dataclass(frozen=True)
class Size:
    """How much is measured: how many of 5 slow callers send bodies faster, how long bodies, how many windows."""

    fair_of_5: int
    mebibytes: int
    pairs: int
    window_seconds: float


FULL = Size(fair_of_5=1, mebibytes=300, pairs=30, window_seconds=2.0)
QUICK = Size(fair_of_5=0, mebibytes=50, pairs=3, window_seconds=0.5)


@dataclass(frozen=True)
class Server:
    """A process that answers, and the paths on which it is sent too much."""

    port: int
    process: psutil.Process
    paths: Sequence[str]
    header: Callable[[str], str]


def measured(folder: Path, *, quick: bool) -> tuple[dict[str, Figure], dict[str, str]]:
    """All figures; how much slower good requests become takes more windows than the short form has."""
    size = QUICK if quick else FULL
    package = write_package(folder / "package", {"code/inference.py": ECHO})
    with running_endpoint(package, folder) as endpoint, control_process(folder) as url:
        servers = (
            Server(endpoint.port, psutil.Process(endpoint.process.pid), ENDPOINT_PATHS, lambda _path: TOKEN_HEADER),
            Server(urlsplit(url).port or 0, _child("control"), CONTROL_PATHS, signature_of),
        )
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            figures = {
                "oversize_rss_mb": oversize(servers, size.mebibytes),
                "slow_connections_closed_s": closing_time(runner.run(hanging(servers, size)), size),
            }
            if quick:
                return figures, {"slow_p99_ratio": f"takes {FULL.pairs} pairs of windows"}
            return figures | {"slow_p99_ratio": p99_ratio(runner.run(turns(servers[0], size)))}, {}


def oversize(servers: Sequence[Server], mebibytes: int) -> Figure:
    """Raises AssertionError where a body is taken, or its sender gets no answer."""
    growth, answers = [], 0
    for server in servers:
        for path in server.paths:
            for framing in Framing:
                asked = {"server": server.process, "header": server.header(path)}
                long_body(server.port, path, framing, mebibytes=WARM_UP_MEBIBYTES, **asked)
                answer, grown = long_body(server.port, path, framing, mebibytes=mebibytes, **asked)
                assert answer.startswith(b"HTTP/1.1 4") or path == "/ping", (path, framing, answer[:80])
                growth.append(grown / 2**20)
                answers += 1
    note = (
        f"the most of {answers} bodies of {mebibytes} MiB, chunked and declared, to {answers // 2} routes, all answered"
    )
    return Figure(max(growth), "MiB", "<= 16", note)


def drips(server: Server, fair_of_5: int = 0) -> list[Drip]:
    """As many as there are slow callers: half of them, or two of five, in the middle of a body that they may send."""
    path = server.paths[0]
    by_the_byte = [HALF_A_HEAD, half_a_body(path, server.header(path))] * 2
    fair = [half_a_body(path, server.header(path), b"a" * FAIR_BYTES)] * fair_of_5
    return list(islice(cycle([*by_the_byte, *fair]), SLOW))


async def hanging(servers: Sequence[Server], size: Size) -> float:
    """Seconds until the last of the slow callers was hung up on, by every server at the same time."""
    callers = await asyncio.gather(*(slow_callers(each.port, drips(each, size.fair_of_5)) for each in servers))
    return max([await longest(group) for group in callers])


def closing_time(seconds: float, size: Size) -> Figure:
    kinds = "half a head and half a body by a byte a second"
    more = ", a fifth a body at 2 KB/s" if size.fair_of_5 else ""
    note = (
        f"the last of {SLOW} callers at an endpoint and {SLOW} at control, who never hang up themselves: {kinds}{more}"
    )
    return Figure(seconds, "s", "<= 35", note)


async def turns(server: Server, size: Size) -> Turns:
    """Windows of one good caller, with slow ones beside it and without, in turn."""
    async with AsyncExitStack() as stack:
        callers = await connected(server.port, 1, stack)
        request = request_of(BODY)
        await window_of(callers, request, size.window_seconds)
        windows: dict[Callable[..., object], list[Window]] = {crowded: [], alone: []}
        for pair in range(size.pairs):
            for kind in (crowded, alone) if pair % 2 else (alone, crowded):
                windows[kind].append(await kind(server, callers, request, size.window_seconds))
        return Turns(windows[crowded], windows[alone])


async def alone(_server: Server, callers: list[Caller], request: bytes, seconds: float) -> Window:
    await window_of(callers, request, SETTLING_SECONDS)
    return await window_of(callers, request, seconds)


async def crowded(server: Server, callers: list[Caller], request: bytes, seconds: float) -> Window:
    slow = await slow_callers(server.port, drips(server))
    try:
        return await alone(server, callers, request, seconds)
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
