"""Callers who send next to nothing, never hang up themselves, and note when they are hung up on.

What does not live here: servers, and what is expected of them.
"""

import asyncio
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import cast


@dataclass(frozen=True)
class Drip:
    """What a caller sends at once, and what it sends again and again."""

    first: bytes
    drop: bytes = b"a"
    every_seconds: float = 1.0


HALF_A_HEAD = Drip(b"GET / HTTP/1.1\r\nhost: localhost\r\nx-slow: ")


def half_a_body(path: str, header: str = "accept: */*", drop: bytes = b"a") -> Drip:
    """A body of which nothing comes at once."""
    head = f"POST {path} HTTP/1.1\r\nhost: localhost\r\n{header}\r\ncontent-length: 1000000\r\n\r\n"
    return Drip(head.encode(), drop)


class SlowCaller(asyncio.Protocol):
    """One connection; `lasted` is how long it stood, in seconds. `phase` of its first wait is left out."""

    def __init__(self, drip: Drip, phase: float) -> None:
        self._drip = drip
        self._first_seconds = drip.every_seconds * (1 - phase)
        self._dialled_at = time.monotonic()
        self.lasted: asyncio.Future[float] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self.transport.write(self._drip.first)
        self._timer = asyncio.get_running_loop().call_later(self._first_seconds, self._go_on)

    def eof_received(self) -> bool:
        return True  # stays, as one would who means harm

    def connection_lost(self, _exc: Exception | None) -> None:
        self._timer.cancel()
        self.lasted.set_result(time.monotonic() - self._dialled_at)

    def _go_on(self) -> None:
        self.transport.write(self._drip.drop)
        self._timer = asyncio.get_running_loop().call_later(self._drip.every_seconds, self._go_on)


async def slow_callers(port: int, drips: Sequence[Drip]) -> list[SlowCaller]:
    """One caller a drip, all connected; no two of them send at the same moment."""
    loop = asyncio.get_running_loop()
    callers = [partial(SlowCaller, drip, number / len(drips)) for number, drip in enumerate(drips)]
    made = [loop.create_connection(caller, "127.0.0.1", port) for caller in callers]
    return [caller for _, caller in await asyncio.gather(*made)]


async def longest(callers: Iterable[SlowCaller]) -> float:
    """Seconds that the one stood who stood longest."""
    return max(await asyncio.gather(*(caller.lasted for caller in callers)))
