"""How many threads torch computes a network with, where nobody has said: all cores, or one.

What lives here: the choice, made once, while the model is loaded. What does not: other engines (choosing), which have
threads of their own. A small network gains nothing by more threads than one, and they look for work between its calls:
on two cores an endpoint of LeNet-5 then answers a fraction of what it could.
"""

import os
from typing import Final

import torch
from torch import Tensor, nn

from monitor_jobs.contract.engines import THREADS_VARIABLE
from service.endpoint.engines.timing import median_milliseconds

FAST_MILLISECONDS: Final = 1.0  # for a batch: a process cannot pass on as many answers as one thread computes


def choose_threads(network: nn.Module, batch: Tensor) -> int:
    """The number of threads that torch computes with from now on, on this thread: as it is, or 1.

    Measured on one batch, unless the environment says how many. Checked in tests/integration/test_engines.py.
    """
    all_of_them = torch.get_num_threads()
    if all_of_them == 1 or THREADS_VARIABLE in os.environ:
        return all_of_them
    # by one alone: how much faster all are is not seen while a start keeps the other cores busy
    torch.set_num_threads(1)
    chosen = all_of_them  # also where the network fails
    try:
        if not is_worth_it(median_milliseconds(network, batch)):
            chosen = 1
    finally:
        torch.set_num_threads(chosen)
    return chosen


def is_worth_it(milliseconds: float) -> bool:
    """Whether all cores are to compute a network of which one thread computes a batch in so many milliseconds."""
    return milliseconds > FAST_MILLISECONDS
