"""When Python looks for garbage that refers to itself: not while a process starts, never among what it started with.

Loading makes hundreds of thousands of objects that stay for good. Looking through them takes a seventh of a start, and
later stops all threads of a process with torch for 0.2 s each time (docs/decisions/0030).
"""

import ctypes
import gc
from contextlib import suppress


def stop_collecting() -> None:
    """Look for no garbage until `collect_from_now_on`."""
    gc.disable()


def collect_from_now_on() -> None:
    """Look for garbage among what is made from here on; what there is by now is never looked through again.

    Proven by tests/integration/test_endpoint.py.
    """
    gc.freeze()
    gc.enable()
    give_back()


def give_back() -> None:
    """Give the system back what was freed: compiling a network leaves more than a hundred megabytes with the allocator.

    Returns without having done so where the C library is not glibc. Checked in tests/unit/test_garbage.py.
    """
    with suppress(AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
