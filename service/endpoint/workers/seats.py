"""What the workers of one endpoint and their supervisor know of each other: a few numbers in memory that all share.

A seat is one worker's place; who dies is followed by another at the same seat, one generation later. Every cell has one
writer at a time and is read whole, so nobody holds a lock that could be left locked by the dead.
"""

import mmap
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

CELL_BYTES: Final = 8
CELLS_A_SEAT: Final = 2


class SeatState(IntEnum):
    """How far whoever has a seat is."""

    LOADING = 0
    READY = 1
    STUCK = 2  # its model takes longer than its limit
    DRAINING = 3
    REPLACED = 4  # somebody died here, after all had been ready; the next is not ready yet


class Seats:
    """The seats of one endpoint, to be made before the workers are forked."""

    def __init__(self, count: int) -> None:
        self.count = count
        self._cells = memoryview(mmap.mmap(-1, count * CELLS_A_SEAT * CELL_BYTES)).cast("Q")

    @property
    def ready(self) -> bool:
        """True once all workers have been ready, while none is stuck or about to end."""
        return all(self.state(seat) in (SeatState.READY, SeatState.REPLACED) for seat in range(self.count))

    def state(self, seat: int) -> SeatState:
        """The state of one seat."""
        return SeatState(self._cells[CELLS_A_SEAT * seat])

    def put_state(self, seat: int, state: SeatState) -> None:
        """Change it: the worker once its model is loaded, the supervisor before and after that."""
        self._cells[CELLS_A_SEAT * seat] = state

    def ended(self, seat: int) -> int:
        """How many of the connections that were dealt to whoever has the seat are no more."""
        return int(self._cells[CELLS_A_SEAT * seat + 1])

    def put_ended(self, seat: int, connections: int) -> None:
        """Change it."""
        self._cells[CELLS_A_SEAT * seat + 1] = connections


@dataclass(frozen=True, slots=True)
class Seat:
    """One worker's place, and which in a row of those who died there it is: from 0."""

    number: int
    generation: int
