"""Which of several programs answers fastest on this machine, found out in as few calls as show it.

What lives here: timing, and when it is enough. What does not: what is compared, and whether it answers alike (choosing,
parity).
"""

import time
from collections.abc import Callable, Iterable, Mapping
from typing import Final, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

SIZES: Final = (1, 8)  # of the batches that are timed
CALLS: Final = 3  # at each size, each time a program's turn comes
CALLS_SECONDS: Final = 0.2  # no further call at a size begins after these
TURNS: Final = 6  # at most, of programs that are about equally fast
ENOUGH_SECONDS: Final = 0.8  # no further turn begins after these

Milliseconds = dict[int, list[float]]  # what each call took, by the size of its batch
Name = TypeVar("Name")


def taken_in_turn(programs: Mapping[Name, nn.Module], drawn: Callable[[int], Tensor]) -> dict[Name, Milliseconds]:
    """What batches of `drawn` took each program, in milliseconds, until one is clearly the fastest.

    A turn is all calls of one program, after one at each size that is not timed: threads of the program before still
    spin for a moment. Programs take turns, so that a machine which is slower for a while is so for all. Checked in
    tests/integration/test_engine_timing.py.
    """
    batches = {size: drawn(size) for size in SIZES}
    taken: dict[Name, Milliseconds] = {name: {size: [] for size in SIZES} for name in programs}
    ends_at = time.perf_counter() + ENOUGH_SECONDS
    for turn in range(TURNS):
        if turn and (is_clear(taken.values()) or time.perf_counter() > ends_at):
            break
        for name, program in programs.items():
            for size, batch in batches.items():
                taken[name][size] += _calls(program, batch)
    return taken


def per_row(taken: Milliseconds) -> float:
    """The milliseconds that a row took at each size, together; of medians, which one slow call does not move."""
    return sum(float(np.median(calls)) / size for size, calls in taken.items())


def is_clear(taken: Iterable[Milliseconds]) -> bool:
    """Whether each call of the fastest took less than any other's at every size.

    Of two that are equally fast three calls at each of two sizes fall so once in 200 times, and then either will do.
    """
    fastest, *others = sorted(taken, key=per_row)
    return all(max(calls) < min(other[size]) for other in others for size, calls in fastest.items())


def median_milliseconds(program: nn.Module, batch: Tensor) -> float:
    """What a batch takes a program, of a few calls."""
    return float(np.median(_calls(program, batch)))


def _calls(program: nn.Module, batch: Tensor) -> list[float]:
    taken: list[float] = []
    with torch.inference_mode():
        program(batch)
        ends_at = time.perf_counter() + CALLS_SECONDS
        while len(taken) < CALLS and (not taken or time.perf_counter() < ends_at):
            started = time.perf_counter()
            program(batch)
            taken.append(1e3 * (time.perf_counter() - started))
    return taken
