"""When Python looks for garbage that refers to itself: not while a process starts, never among what it started with.

Loading makes hundreds of thousands of objects that stay for good. Looking through them takes a seventh of a start, and
later stops all threads of a process with torch for 0.2 s each time (docs/decisions/0030).
"""

import gc


def stop_collecting() -> None:
    """Look for no garbage until `collect_from_now_on`."""
    gc.disable()


def set_aside() -> None:
    """Never look again through what there is by now."""
    gc.freeze()


def collect_now() -> None:
    """Take away the garbage among what was made since `set_aside`: it takes milliseconds then."""
    gc.collect()


def collect_from_now_on() -> None:
    """Look for garbage among what is made from here on; what there is by now is never looked through again.

    Proven by tests/integration/test_endpoint.py.
    """
    gc.freeze()
    gc.enable()
