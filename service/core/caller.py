"""Who waits at the other end of a connection, and whether somebody still does.

What lives here: the news that a caller has hung up, brought to those who work for it. What does not: the connection
(http_server), what is given up then (endpoint). ASGI tells of it only to who awaits its next message, and a task that
does nothing else would cost a request more than its whole way through the event loop.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

EXTENSION: Final = "sextant.caller"  # of the ASGI scope: http_server puts it there


class Caller:
    """One connection's other end; for the thread of its event loop."""

    def __init__(self) -> None:
        self.gone = False
        self._watching: list[Callable[[], None]] = []

    def when_gone(self, tell: Callable[[], None]) -> None:
        """Have `tell` called once where the caller hangs up, at once where it has."""
        if self.gone:
            tell()
        else:
            self._watching.append(tell)

    def forget(self, tell: Callable[[], None]) -> None:
        """Tell it no more."""
        if tell in self._watching:
            self._watching.remove(tell)

    def hang_up(self) -> None:
        """The connection has ended."""
        self.gone = True
        watching, self._watching = self._watching, []
        for tell in watching:
            tell()


def caller_of(scope: Mapping[str, Any]) -> Caller:
    """The caller of an HTTP request; one who never hangs up where the server does not say."""
    found = scope.get("extensions", {}).get(EXTENSION)
    return found["caller"] if found else Caller()
