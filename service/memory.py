"""Memory that a process needed once and gives back: to the kernel, which nobody else tells.

What lives here: how it is given back, on Linux with glibc; elsewhere nothing is done. What does not: when (whoever
knows that something large is over), and garbage that refers to itself (garbage).
"""

import ctypes
import mmap
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

SMAPS: Final = Path("/proc/self/smaps")
READ_ONLY: Final = frozenset({"r--p", "r-xp", "r--s"})

_HEADER: Final = re.compile(r"([0-9a-f]+)-([0-9a-f]+) (\S{4}) \S+ \S+ \d+ +(/.*)")


@dataclass(frozen=True, slots=True)
class FileMapping:
    """A part of a file that this process has mapped, which nothing was written to; bytes `end` - `start`."""

    start: int
    end: int
    path: str


def give_back() -> None:
    """Give the kernel what the process holds but may never use again: freed memory, and pages that are in files.

    The first the allocator keeps for itself, tens of megabytes after a model was loaded. The second are libraries'
    code, most of which runs once, and mapped weights: a page that is used again is mapped again, from memory as long
    as the kernel has no better use for it. Proven by tests/integration/test_memory.py.
    """
    trim_heap()
    unmap_pages(untouched_mappings())


def trim_heap() -> None:
    """Give back freed memory, where the allocator is glibc's."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


def untouched_mappings() -> list[FileMapping]:
    """This process's read-only mappings of files that hold no page of its own; none where nothing says which."""
    try:
        smaps = SMAPS.read_text(errors="replace")
    except OSError:
        return []
    return list(_untouched(smaps))


def unmap_pages(mappings: Iterable[FileMapping]) -> None:
    """Let the pages of mappings go until they are used again. Of read-only pages of files nothing is lost."""
    advise = ctypes.CDLL(None).madvise
    for each in mappings:
        advise(ctypes.c_void_p(each.start), ctypes.c_size_t(each.end - each.start), mmap.MADV_DONTNEED)


def _untouched(smaps: str) -> Iterator[FileMapping]:
    mapping = None
    for line in smaps.splitlines():
        if found := _HEADER.fullmatch(line):
            start, end, access, path = found.groups()
            mapping = FileMapping(int(start, 16), int(end, 16), path) if access in READ_ONLY else None
        # A page that was written, as the loader writes what it relocates, is in memory alone: it would be lost.
        elif mapping is not None and line.startswith("Anonymous:"):
            if line.split()[1] == "0":
                yield mapping
            mapping = None
