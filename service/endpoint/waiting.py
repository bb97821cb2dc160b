"""Those who wait to hear what became of their records: each hears once, at the latest when it took too long.

What lives here: the list of them, and the thread that looks for those who have waited long enough. What does not: what
becomes of a record (writer).
"""

import threading
import time
from collections.abc import Callable

from service.endpoint.accounting import Ticket
from service.endpoint.snapshot import Fate

DISK_SECONDS = 30.0  # an answer waits no longer for a disk that hangs
LOOK_SECONDS = 0.5

Told = Callable[[Fate], None]


class Waiting:
    """Safe to use from any thread; `patience_seconds` is how long anybody waits."""

    def __init__(self, patience_seconds: float = DISK_SECONDS) -> None:
        self._patience_seconds = patience_seconds
        self._lock = threading.Lock()
        self._told: dict[Ticket, tuple[float, Told]] = {}
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="capture-waiting", daemon=True)

    def start(self) -> None:
        """Begin to look for those who have waited long enough."""
        self._thread.start()

    def add(self, ticket: Ticket, told: Told) -> None:
        """Have `told` hear of this record."""
        with self._lock:
            self._told[ticket] = time.monotonic(), told

    def tell(self, ticket: Ticket, fate: Fate) -> None:
        """Say what became of a record to who waits for it still."""
        with self._lock:
            _, told = self._told.pop(ticket, (None, None))
        if told is not None:
            told(fate)

    def finish(self) -> None:
        """Look no more."""
        self._ended.set()

    def _run(self) -> None:
        while not self._ended.wait(LOOK_SECONDS):
            for ticket in self._overdue():
                self.tell(ticket, Fate.AT_RISK)

    def _overdue(self) -> list[Ticket]:
        limit = time.monotonic() - self._patience_seconds
        with self._lock:
            return [ticket for ticket, (since, _) in self._told.items() if since <= limit]
