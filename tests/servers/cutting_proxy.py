"""A way between client and server on which answers get lost: they are read, not delivered, and both ends are cut."""

import socket
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit


@dataclass
class CuttingProxy:
    """A proxy of one server, which loses the first answers."""

    listener: socket.socket
    server: tuple[str, int]
    cuts: int
    lost: list[bytes] = field(default_factory=list)
    ends: tuple[socket.socket, ...] = ()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.listener.getsockname()[1]}"

    def serve(self) -> None:
        """Take one connection after the other until the listener is closed."""
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            with closing(client), socket.create_connection(self.server) as server:
                self.ends = (client, server)
                asking = threading.Thread(target=_copy, args=self.ends)
                asking.start()
                self._answer(client, server)
                self.cut()
                asking.join()

    def cut(self) -> None:
        """Hang up on both ends."""
        for end in self.ends:
            _shut(end)

    def _answer(self, client: socket.socket, server: socket.socket) -> None:
        while data := server.recv(65_536):
            if len(self.lost) < self.cuts:
                self.lost.append(data)
                return
            client.sendall(data)


@contextmanager
def cutting_proxy(url: str, *, cuts: int) -> Iterator[CuttingProxy]:
    """A proxy on loopback until the block is left."""
    address = urlsplit(url)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        proxy = CuttingProxy(listener, (address.hostname or "", address.port or 0), cuts)
        thread = threading.Thread(target=proxy.serve)
        thread.start()
        yield proxy
        listener.shutdown(socket.SHUT_RDWR)
        proxy.cut()  # a client may keep its connection
    thread.join()


def _copy(source: socket.socket, target: socket.socket) -> None:
    try:
        while data := source.recv(65_536):
            target.sendall(data)
    except OSError:
        return
    _shut(target)


def _shut(end: socket.socket) -> None:
    try:
        end.shutdown(socket.SHUT_RDWR)
    except OSError:
        return
