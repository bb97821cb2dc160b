"""The HTTP server of every process that answers: uvicorn, held to limits of time, of size and of number.

What lives here: how long a caller may take and how much of it is kept, connection by connection, which no ASGI
middleware sees. What does not: addresses (local_only), how many bytes of bodies a process holds (request_bodies), how
often somebody may ask (core.rate_limit).

A request that is refused before it was read to its end is answered, and the connection ends in two steps: our side says
that nothing more comes, and what still arrives is thrown away for a while. Closed at once, the kernel would reset the
connection, and most callers would never read their answer.
"""

import asyncio
import math
from collections.abc import Callable
from enum import Enum, auto
from typing import Any, ClassVar, Final, cast

import httptools
import uvloop
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from service.core.caller import EXTENSION, Caller
from service.core.http_limits import DEFAULT_LIMITS, NO_HTTP, TOO_MANY, TOO_SLOW, HttpLimits, Refusal, too_much

KEEP_ALIVE_SECONDS: Final = 75  # longer than the pools of usual clients keep an idle connection
REFUSALS_AT_ONCE: Final = 64  # connections beyond the limit that are told so; those beyond are dropped


Declines = Callable[[bytes], Refusal | None]  # a POST's URL, as it was sent


def nobody(_url: bytes) -> Refusal | None:
    """Decline no request."""
    return None


def server_options(limits: HttpLimits, declines: Declines = nobody) -> dict[str, Any]:
    """What uvicorn.Config takes for a server within these limits.

    Where `declines` has a refusal for a request, that is its answer: the application does not hear of it, its body is
    thrown away as it comes, and its connection lives on. The application would take five times as long to say no.
    """
    return {
        "http": type("Protocol", (LimitedProtocol,), {"limits": limits, "declines": staticmethod(declines)}),
        "loop": f"{__name__}:Loop",
        "ws": "none",
        "log_config": None,
        "access_log": False,
        "server_header": False,
        "proxy_headers": False,
        "timeout_keep_alive": KEEP_ALIVE_SECONDS,
    }


class Loop(uvloop.Loop):
    """uvloop, where a caller has as long for TLS's handshake as for a head: a protocol hears of none before its end."""

    async def create_server(self, *arguments: Any, **options: Any) -> asyncio.Server:  # noqa: ANN401 -- as it is
        """The server, its handshakes timed where it has any."""
        if options.get("ssl") is not None:
            options["ssl_handshake_timeout"] = DEFAULT_LIMITS.head_seconds
        return cast("asyncio.Server", await super().create_server(*arguments, **options))


class RefusedError(Exception):
    """Raised to the parser, which stops there."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal)
        self.refusal = refusal


class Phase(Enum):
    """What a connection is about."""

    HEAD = auto()  # a request's first line and headers are awaited
    BODY = auto()  # its body is
    ANSWER = auto()  # it is whole, and being answered
    IDLE = auto()  # it was answered, and no other has begun
    LAST = auto()  # what was asked is being answered, what still comes is thrown away
    LEAVING = auto()  # nothing is answered any more, what still comes is thrown away


# Looked up by the name of the enumeration, they would cost more than anything else that is done here for a request.
HEAD, BODY, ANSWER, IDLE, LAST, LEAVING = Phase


class LimitedProtocol(HttpToolsProtocol):
    """One connection. Checked in tests/integration/test_http_server.py.

    It has one timer, which looks at what the connection is about when it fires: requests move no timers.
    """

    limits: ClassVar[HttpLimits] = DEFAULT_LIMITS
    declines = staticmethod(nobody)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Wait for the first request, or refuse it where there are too many connections."""
        self._socket = cast("asyncio.Transport", transport)
        super().connection_made(self._socket)
        self._ending = _Ending(self)
        self.transport = cast("asyncio.Transport", self._ending)
        self._unsent, self._taken_at = 0, self.loop.time()
        self._caller = Caller()
        self._keeps_alive, self._declined, self.headers = True, False, []
        self._kept = 0
        self._timer: asyncio.TimerHandle | None = None
        self._begin(HEAD)
        self._look_after(self.limits.head_seconds)
        beyond = len(self.connections) - self.limits.connections
        if beyond > REFUSALS_AT_ONCE:
            self._socket.abort()
        elif beyond > 0 and not self._takes_place_of_idle():
            self._refuse(TOO_MANY)

    def connection_lost(self, exc: Exception | None) -> None:
        """Look no more."""
        if self._timer is not None:
            self._timer.cancel()
        super().connection_lost(exc)
        self._caller.hang_up()

    def data_received(self, data: bytes) -> None:
        """Parse what came."""
        if self._phase is IDLE or self._phase is ANSWER:
            self._begin(HEAD)
        elif self._phase is LAST or self._phase is LEAVING:
            self._received += len(data)
            return
        self._received += len(data)
        self._unset_keepalive_if_required()
        try:
            if self._phase is HEAD:
                self.parser.feed_data(data)
                kept = self._received
            else:
                kept = self._parsed_body(data)
            if self._phase is not ANSWER and (kept > self.limits.head_bytes or len(self.headers) > self.limits.headers):
                self._require_little(kept)
        except httptools.HttpParserUpgrade:
            self._keeps_alive = self.cycle.keep_alive = False  # it is answered as if it had not asked
        except httptools.HttpParserError as error:
            self._refuse(error.__context__.refusal if isinstance(error.__context__, RefusedError) else NO_HTTP)
        except RefusedError as error:
            self._refuse(error.refusal)

    def on_headers_complete(self) -> None:
        """Have the request answered, unless its head is too long, or too many wait for their answers already."""
        if self._received > self.limits.head_bytes or len(self.headers) > self.limits.headers:
            # What came may hold a part of the body: only now is it worth counting.
            self._require_little(len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers))
        if self._declines():
            return
        if len(self.pipeline) >= self.limits.pipelined:
            raise RefusedError(TOO_MANY)
        self.scope["extensions"] = {EXTENSION: {"caller": self._caller}}
        super().on_headers_complete()
        self._begin(BODY)
        self.headers = []  # of those that come behind a body, which are no part of what was asked
        # An answer that is begun before the request is whole says that it is the connection's last.
        self._keeps_alive, self.cycle.keep_alive = self.cycle.keep_alive, False

    def on_body(self, body: bytes) -> None:
        """Pass it on to the application, unless that does not hear of the request."""
        if not self._declined:
            super().on_body(body)

    def on_message_complete(self) -> None:
        """Let the request be answered, and others come after it."""
        if self._declined:
            self._declined, self._phase = False, IDLE
            self.timeout_keep_alive_task = self.loop.call_later(
                self.timeout_keep_alive, self.timeout_keep_alive_handler
            )
            return
        super().on_message_complete()
        self._phase = ANSWER
        if not self.cycle.response_started:
            self.cycle.keep_alive = self._keeps_alive

    def on_response_complete(self) -> None:
        """Wait for the next request."""
        super().on_response_complete()
        if self.cycle.response_complete and not self._socket.is_closing():
            if self._phase is ANSWER:
                self._phase = IDLE
            elif self._phase is LAST:
                self._leave(by=0.0)

    def resume_writing(self) -> None:
        """Note that the caller takes its answer."""
        self._taken_at = self.loop.time()
        super().resume_writing()

    def shutdown(self) -> None:
        """End once the answer that was begun is sent, at once where there is none."""
        self._keeps_alive = False
        if self.cycle is None or self.cycle.response_complete:
            self._ending.flush()
            self._socket.close()
        else:
            self.cycle.keep_alive = False

    @property
    def connection(self) -> asyncio.Transport:
        """The connection itself; `transport` is what uvicorn ends it by."""
        return self._socket

    def end(self) -> None:
        """End the connection, in two steps where a request has not come to its end."""
        if self._phase in (HEAD, BODY, LAST) and not self._socket.is_closing():
            self._leave(by=self._since + self.limits.body_seconds)
        elif self._phase is not LEAVING:
            self._socket.close()

    def _takes_place_of_idle(self) -> bool:
        """True where another was ended: of those that wait for a request, the one whose last began first."""
        others = (other for other in self.connections if isinstance(other, LimitedProtocol) and other._phase is IDLE)
        longest = min(others, key=lambda other: other._since, default=None)
        if longest is not None:
            longest._ending.flush()
            longest._socket.close()
            self.connections.discard(longest)  # now: its end is told later
        return longest is not None

    def _declines(self) -> bool:
        """True where the request was answered in the application's place, and only its body is still to come."""
        waits = self.pipeline or (self.cycle is not None and not self.cycle.response_complete)
        if waits or self.expect_100_continue or self.parser.get_method() != b"POST":
            return False
        if not self.parser.should_keep_alive() or self.parser.should_upgrade():
            return False
        refusal = self.declines(self.url)
        if refusal is None:
            return False
        self._begin(BODY)
        self._declined, self.headers = True, []
        self._answer(refusal.start, refusal.kept)
        return True

    def _answer(self, start: bytes, rest: bytes) -> None:
        date = b"".join(b"%s: %s\r\n" % line for line in self.server_state.default_headers)
        self._ending.flush()
        self._socket.write(start + date + rest)

    def _parsed_body(self, data: bytes) -> int:
        """How many bytes have come, these parsed, since the last that were part of the body."""
        if self._declined:
            self.parser.feed_data(data)
            return 0
        cycle, before = self.cycle, len(self.cycle.body)
        self.parser.feed_data(data)
        if self._phase is not BODY or self.cycle is not cycle:
            return 0
        self._kept = 0 if len(cycle.body) > before else self._kept + len(data)
        return self._kept

    def _begin(self, phase: Phase) -> None:
        self._phase, self._since, self._received, self._kept = phase, self.loop.time(), 0, 0

    def _require_little(self, kept: int) -> None:
        """Return where the parser keeps little: of a head, of a chunk's extension, of headers behind a body."""
        if kept > self.limits.head_bytes or len(self.headers) > self.limits.headers:
            raise RefusedError(too_much(self.limits))

    def _refuse(self, refusal: Refusal) -> None:
        """Answer in the application's place; where it is answering already, let it, and take nothing more."""
        if self._declined:
            self._leave(by=0.0)  # it was answered already
            return
        if self._is_answering():
            self._last()
            return
        self._answer(refusal.start, refusal.rest)
        if self.cycle is not None:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        self._leave(by=0.0)

    def _is_answering(self) -> bool:
        cycle = self.cycle
        if self.pipeline or cycle is None or cycle.response_complete:
            return bool(self.pipeline)
        return cycle.response_started or self._phase is not BODY

    def _last(self) -> None:
        if self.cycle.more_body:
            self._socket.abort()  # of the one that is not whole nothing will become
        else:
            self._begin(LAST)

    def _leave(self, *, by: float) -> None:
        self._begin(LEAVING)
        self._ending.flush()
        self._ending.leave()
        self._leaves_by = max(by, self._since + self.limits.leave_seconds)
        self._look_after(self.limits.leave_seconds)
        self._unset_keepalive_if_required()
        self.flow.resume_reading()
        if self._socket.can_write_eof():
            self._socket.write_eof()

    def _look(self) -> None:
        now = self.loop.time()
        request_ends, answer_ends = self._request_ends(now), self._answer_ends(now)
        left = min(request_ends, answer_ends) - now
        # Before anything is ended: what ends at once takes the timer along.
        self._look_after(min(left if left > 0 else math.inf, self.limits.head_seconds))
        if answer_ends <= now or (request_ends <= now and not self._can_be_told()):
            self._socket.abort()
        elif request_ends <= now:
            self._refuse(TOO_SLOW)

    def _look_after(self, seconds: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self.loop.call_later(seconds, self._look)

    def _can_be_told(self) -> bool:
        # Who sent nothing asked for nothing, and some clients would take an answer for that of their next request.
        return self._phase is BODY or (self._phase is HEAD and self._received > 0)

    def _request_ends(self, now: float) -> float:
        if self._phase is ANSWER or self._phase is IDLE or self._phase is LAST:
            return math.inf
        if self.flow.read_paused:
            self._since = now  # it is not the caller who is slow
        if self._phase is HEAD:
            return self._since + self.limits.head_seconds
        ends = self.limits.body_ends(began=self._since, received_bytes=self._received)
        return min(ends, self._leaves_by) if self._phase is LEAVING else ends

    def _answer_ends(self, now: float) -> float:
        unsent = self._socket.get_write_buffer_size()
        if unsent < self._unsent or unsent == 0:
            self._taken_at = now
        self._unsent = unsent
        return self._taken_at + self.limits.body_seconds if unsent else math.inf


class _Ending:
    """The transport that uvicorn is given: the socket's own, but for how a connection ends.

    What is written first in a turn of the loop waits for what may follow in it: uvicorn writes an answer's head and its
    body one after the other, and each system call would wake whoever waits for them.
    """

    def __init__(self, protocol: LimitedProtocol) -> None:
        self._socket, self._loop = protocol.connection, protocol.loop
        self.is_closing = protocol.connection.is_closing
        self.end = protocol.end
        self._held = b""

    def write(self, data: bytes) -> None:
        """Send this, at the latest at the end of this turn of the loop."""
        if self._held:
            held, self._held = self._held, b""
            self._socket.writelines((held, data))
        else:
            self._held = data
            self._loop.call_soon(self.flush)

    def flush(self) -> None:
        """Send what waits."""
        held, self._held = self._held, b""
        if held and not self._socket.is_closing():
            self._socket.write(held)

    def close(self) -> None:
        """End the connection, behind what was written."""
        self.flush()
        self.end()

    def leave(self) -> None:
        """Look as if it were closed: no request is answered any more."""
        self.is_closing = _yes


def _yes() -> bool:
    return True
