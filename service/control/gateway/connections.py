"""Kept HTTP/1.1 connections to endpoint processes: one request at a time on each, its answer as it comes.

What lives here: the wire. What does not: whom to ask (routes), what an answer means to the caller (invocations).
A library's client would do, at several times the price of the rest of an invocation's way; what the two ends need of
HTTP is little, and the parser is the one that the server uses.
"""

import asyncio
import select
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Final, cast

import httptools

from monitor_jobs.contract.errors import SextantError

CONNECT_SECONDS: Final = 1.0  # on this machine; a process that takes no connection for so long is not there
IDLE_SECONDS: Final = 30.0  # less than an endpoint keeps a connection that is not used


class NotConnectedError(SextantError):
    """No connection could be made: nothing was sent."""


class BrokenOffError(SextantError):
    """The process hung up, or answered what is no HTTP, after it may have read the request."""


class TooLateError(SextantError):
    """The process did not answer in its time."""


class Answer:
    """What a process answers, part by part; the parser calls `on_*`."""

    def __init__(self, *, within_seconds: float) -> None:
        self.status = 0
        self.headers: list[tuple[bytes, bytes]] = []
        self.is_whole = False
        self.leaves_connection = False  # open for another request, once it is whole
        self._parser = httptools.HttpResponseParser(self)
        self._chunks: list[bytes] = []
        self._failure: BrokenOffError | None = None
        self._news: asyncio.Future[None] | None = None
        self._within_seconds = within_seconds
        self._deadline = asyncio.get_running_loop().time() + within_seconds

    @property
    def length(self) -> int | None:
        """The body's length where the process said it."""
        return next((int(value) for name, value in self.headers if name == b"content-length"), None)

    async def head(self) -> None:
        """Return once status and headers are there. Raises BrokenOffError, TooLateError."""
        while self.status == 0:
            await self._something_new()

    async def parts(self) -> AsyncIterator[bytes]:
        """The body as it comes. Raises BrokenOffError where it ends early, TooLateError where it takes too long."""
        while True:
            if self._chunks:
                chunks, self._chunks = self._chunks, []
                yield chunks[0] if len(chunks) == 1 else b"".join(chunks)
            elif self.is_whole:
                return
            else:
                await self._something_new()

    def feed(self, data: bytes) -> None:
        """More of what the process sent."""
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            self.leaves_connection = False
            self.fail(f"it answers what is no HTTP: {error}")

    def fail(self, why: str) -> None:
        """End an answer that is not whole."""
        if not self.is_whole:
            self._failure = BrokenOffError(why)
            self._wake()

    def on_message_begin(self) -> None:
        """Refuse an answer behind this one, which nobody asked for."""
        if self.is_whole:
            raise BrokenOffError("it answers twice")  # to the parser, which stops there

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a header, its name in lower case."""
        self.headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        """Let `head` return."""
        self.status = self._parser.get_status_code()
        self._wake()

    def on_body(self, body: bytes) -> None:
        """Keep a part until it is asked for."""
        self._chunks.append(body)
        self._wake()

    def on_message_complete(self) -> None:
        """Let `parts` end."""
        self.is_whole = True
        self.leaves_connection = self._parser.should_keep_alive()  # which it knows only now
        self._wake()

    async def _something_new(self) -> None:
        if self._failure is not None:
            raise self._failure
        self._news = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout_at(self._deadline):
                await self._news
        except TimeoutError as error:
            raise TooLateError(f"no answer within {self._within_seconds:g} s") from error

    def _wake(self) -> None:
        if self._news is not None and not self._news.done():
            self._news.set_result(None)


class Connection(asyncio.Protocol):
    """One connection to a process."""

    def __init__(self) -> None:
        self._answer: Answer | None = None
        self._idle_since = time.monotonic()
        self._poll = select.poll()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember the transport, and watch its socket for a hang-up."""
        self._transport = cast("asyncio.Transport", transport)
        self._poll.register(transport.get_extra_info("socket").fileno(), select.POLLIN | select.POLLRDHUP)

    def data_received(self, data: bytes) -> None:
        """Pass on to the answer that is awaited; what nobody asked for ends the connection."""
        if self._answer is None or self._answer.is_whole:
            self._transport.abort()
        else:
            self._answer.feed(data)

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell whoever waits for an answer."""
        if self._answer is not None:
            self._answer.fail(f"it hung up: {exc}" if exc else "it hung up")

    def ask(self, request: Sequence[bytes], *, within_seconds: float) -> Answer:
        """The answer to a request that is sent now."""
        self._answer = Answer(within_seconds=within_seconds)
        self._transport.writelines(request)
        return self._answer

    def close(self) -> None:
        """End the connection at once, an answer in it or not."""
        self._transport.abort()

    def can_be_kept(self) -> bool:
        """True where the last answer was read to its end and the process stays on; it is idle from now on."""
        self._idle_since = time.monotonic()
        return self._answer is not None and self._answer.leaves_connection and not self._transport.is_closing()

    def can_be_used(self) -> bool:
        """False where it was idle for long, or the process has hung up, be it unnoticed yet."""
        idle_seconds = time.monotonic() - self._idle_since
        return idle_seconds < IDLE_SECONDS and not self._transport.is_closing() and not self._poll.poll(0)


class Connections:
    """Connections to all processes, by address; as many at once as there are requests."""

    def __init__(self) -> None:
        self._idle: dict[str, list[Connection]] = {}

    @asynccontextmanager
    async def to(self, address: str) -> AsyncIterator[Connection]:
        """A connection for one request; it is kept where that was answered in full. Raises NotConnectedError."""
        connection = self._kept(address) or await self._made(address)
        try:
            yield connection
        finally:
            if connection.can_be_kept():
                self._idle.setdefault(address, []).append(connection)
            else:
                connection.close()

    def close(self) -> None:
        """End every connection that is idle."""
        for connection in (one for kept in self._idle.values() for one in kept):
            connection.close()
        self._idle.clear()

    def _kept(self, address: str) -> Connection | None:
        kept = self._idle.get(address, [])
        while kept:
            connection = kept.pop()
            if connection.can_be_used():
                return connection
            connection.close()
        return None

    async def _made(self, address: str) -> Connection:
        self._forget_what_is_gone()
        host, _, port = address.removeprefix("http://").rpartition(":")
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                _, made = await asyncio.get_running_loop().create_connection(Connection, host, int(port))
        except (OSError, TimeoutError) as error:
            raise NotConnectedError(f"{address} takes no connection: {error or 'not in time'}") from error
        return made

    def _forget_what_is_gone(self) -> None:
        # nobody asks again for the address of a process that was replaced
        usable = {address: [one for one in kept if one.can_be_used()] for address, kept in self._idle.items()}
        for connection in (one for address, kept in self._idle.items() for one in kept if one not in usable[address]):
            connection.close()
        self._idle = {address: kept for address, kept in usable.items() if kept}
