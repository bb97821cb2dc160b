"""What was freed goes back to the system."""

import ctypes

from service.garbage import give_back
from tests.resident_memory import resident_megabytes

PIECES, PIECE_BYTES = 300_000, 400  # small enough to lie in the allocator's heap


def freed_below_something_kept() -> object:
    """Something in use behind 100 megabytes that are not: the heap cannot shrink from its end."""
    malloc, free = ctypes.CDLL(None).malloc, ctypes.CDLL(None).free
    malloc.restype, free.argtypes = ctypes.c_void_p, [ctypes.c_void_p]
    pieces = [malloc(PIECE_BYTES) for _ in range(PIECES)]
    for piece in pieces:
        ctypes.memset(piece, 1, PIECE_BYTES)
    for piece in pieces[:-1]:
        free(piece)
    return pieces[-1]


def test_memory_that_was_freed_is_the_systems_again() -> None:
    kept = freed_below_something_kept()
    before = resident_megabytes()
    give_back()
    after = resident_megabytes()
    ctypes.CDLL(None).free(ctypes.c_void_p(kept))
    assert before - after > 50
