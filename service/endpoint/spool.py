"""What the threads of one capture share: the folder, the ledger, the clock's grid, two signals, and who comes first."""

import os
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from service.endpoint.accounting import Ledger
from service.endpoint.segment import Files

GRACE = timedelta(seconds=0.5)  # an answer stamped before a tick is offered by then; one that is not is stamped anew
BACKGROUND_NICENESS = 10

Clock = Callable[[], datetime]


@dataclass(frozen=True, slots=True)
class Spool:
    """One producer's place in a spool folder that others may share.

    `wake` is set when the uploader has something to do, `ticked` when a flush interval has passed and what it held is
    sealed.
    """

    folder: Path
    producer: str
    flush_interval_seconds: float
    ledger: Ledger
    clock: Clock
    files: Files
    wake: threading.Event = field(default_factory=threading.Event)
    ticked: threading.Event = field(default_factory=threading.Event)

    def tick_at(self, now: datetime) -> int:
        """The number of the flush interval; each begins a grace after a multiple of its length since 1970.

        The same for every producer of that interval, so that minutes and hours end with all before them sealed.
        """
        return int((now - GRACE).timestamp() // self.flush_interval_seconds)


def yield_to_answers() -> None:
    """Let the kernel prefer every other thread to this one: nobody waits for what it does."""
    os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), BACKGROUND_NICENESS)
