"""Processes that end with the one that started them, however that ends: the kernel sees to it.

What lives here: how a child asks for that, before it does anything else. What does not: which children do.
"""

import ctypes
import os
import signal
from typing import Final

PR_SET_PDEATHSIG: Final = 1

_prctl = ctypes.CDLL(None).prctl  # found before a fork, after which little may be done


def die_with(parent: int) -> None:
    """Have the kernel kill this process when its parent ends; at once where that is gone already.

    Proven by tests/integration/test_workers.py and tests/e2e/test_restarts.py.
    """
    _prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGKILL)
