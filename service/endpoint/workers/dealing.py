"""How a connection that one process has accepted comes into another: over a socket between the two.

Left to the kernel, connections that are kept alive would not spread: several processes that wait for one socket are
woken in the same order each time, and with sockets of their own chance decides. Measured in docs/decisions/0037.
"""

import asyncio
import socket
from collections.abc import Callable
from typing import Any, Final, cast

import uvloop

ONE_BYTE: Final = b"\0"  # a descriptor travels with data


def channel() -> tuple[socket.socket, socket.socket]:
    """The dealer's end and the worker's; neither blocks."""
    dealer, worker = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    dealer.settimeout(0)
    worker.settimeout(0)
    return dealer, worker


def deal(dealer: socket.socket, connection: socket.socket) -> bool:
    """Hand a connection over, of which the caller's copy is closed then; False where the worker takes none now."""
    try:
        socket.send_fds(dealer, [ONE_BYTE], [connection.fileno()])
    except OSError:  # its buffer is full, or it died a moment ago
        return False
    connection.close()
    return True


class DealtLoop(uvloop.Loop):
    """uvloop, whose servers take the connections that come over a channel, in place of a listening socket."""

    async def create_server(self, *arguments: Any, **options: Any) -> asyncio.Server:  # noqa: ANN401 -- as it is
        """What can be asked of a server as uvicorn asks: to be closed, and waited for."""
        return cast("asyncio.Server", Dealt(self, arguments[0], options["sock"]))


class Dealt:
    """Takes connections from a channel until it is closed."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, protocol_factory: Callable[[], asyncio.Protocol], channel: socket.socket
    ) -> None:
        self.taken = 0
        self._loop = loop
        self._protocol_factory = protocol_factory
        self._channel = channel
        self._beginning: set[asyncio.Task[Any]] = set()
        loop.add_reader(channel, self._take)

    def close(self) -> None:
        """Take no more."""
        self._loop.remove_reader(self._channel)

    async def wait_closed(self) -> None:
        """Return at once: connections that were taken are the server's."""

    def _take(self) -> None:
        while (connection := self._next()) is not None:
            self.taken += 1
            beginning = self._loop.create_task(self._begin(connection))
            self._beginning.add(beginning)
            beginning.add_done_callback(self._beginning.discard)

    async def _begin(self, connection: socket.socket) -> None:
        try:
            await self._loop.connect_accepted_socket(self._protocol_factory, connection)
        except OSError:  # its caller has left already
            connection.close()

    def _next(self) -> socket.socket | None:
        try:
            data, descriptors, _, _ = socket.recv_fds(self._channel, len(ONE_BYTE), 1)
        except BlockingIOError:
            return None
        if not data:  # the supervisor is gone, and this process about to be
            self.close()
        return socket.socket(fileno=descriptors[0]) if descriptors else None
