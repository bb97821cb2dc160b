"""Which lines of a file belong to a window.

A line that tells its own inferenceTime belongs where that lies (half-open: the end belongs to the next window). Any
other goes with the line before it that does; at the file's start with the first one after it; in a file without any,
inside. Checked in tests/unit/test_capture_io_placement.py.
"""

from datetime import datetime
from typing import Final

import numpy as np
import numpy.typing as npt

from monitor_jobs.capture_io.lines import EPOCH, MICROSECOND, NO_TIME
from monitor_jobs.contract.window import Window

OUTSIDE: Final = 0
INSIDE: Final = 1
UNDECIDED: Final = 2

Places = npt.NDArray[np.int8]


class Placement:
    """Places the lines of one file, block by block in order; without a window everything is inside."""

    def __init__(self, window: Window | None) -> None:
        self._bounds_us = (_microseconds(window.start), _microseconds(window.end)) if window else None
        self._last = UNDECIDED if window else INSIDE
        self.opening = self._last  # the place of the file's first lines; UNDECIDED until a line has told its time

    def place(self, times_us: npt.NDArray[np.int64]) -> Places:
        """INSIDE or OUTSIDE for each of the next lines, by their times or NO_TIME; at least one.

        All are UNDECIDED as long as no line of the file has told its time; `opening` then tells where they belong.
        """
        told = np.flatnonzero(times_us != NO_TIME)
        if self._bounds_us is None or not len(told):
            return np.full(len(times_us), self._last, dtype=np.int8)
        start, end = self._bounds_us
        nearest = told[np.maximum(np.searchsorted(told, np.arange(len(times_us)), side="right") - 1, 0)]
        places = ((start <= times_us) & (times_us < end))[nearest].astype(np.int8)
        if self._last == UNDECIDED:
            self.opening = int(places[0])
        else:
            places[: told[0]] = self._last
        self._last = int(places[-1])
        return places


def _microseconds(moment: datetime) -> int:
    return (moment - EPOCH) // MICROSECOND
