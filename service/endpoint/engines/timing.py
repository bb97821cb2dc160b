"""How long a network takes."""

import time
from typing import Final

import numpy as np
import torch
from torch import Tensor, nn

TIMED_MAX: Final = 25


def median_milliseconds(network: nn.Module, batch: Tensor, seconds: float) -> float:
    """The median of what a batch takes within so many seconds, without the first call where there are others."""
    taken: list[float] = []
    ends_at = time.perf_counter() + seconds
    with torch.inference_mode():
        while len(taken) <= TIMED_MAX and (not taken or time.perf_counter() < ends_at):
            started = time.perf_counter()
            network(batch)
            taken.append(1e3 * (time.perf_counter() - started))
    return float(np.median(taken[1:] or taken))
