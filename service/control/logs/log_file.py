"""A growing text file as CloudWatch's events, read from any byte on in bounded memory.

What lives here: where events begin and end, and their times. What does not: which stream a file is (streams).

An event is a line, or 256 KiB of a longer one. Its time is the latest that it or a line before it carries, else the
time at which the file was begun: so times never go back, and are the same wherever reading starts, as long as lines
that are out of order are so within 64 KiB.
"""

import os
import re
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple

EVENT_BYTES: Final = 262_144
BLOCK_BYTES: Final = 65_536
LOOK_BACK_BYTES: Final = 16 * 2**20  # how far back a time is looked for
UNFINISHED_MS: Final = 2_000  # a line without its end counts once nothing was added to it for so long
CLOCKS_APART_MS: Final = 1_000  # between a line's own time and its file's
TIME_BEGINS_WITH: Final = b"{0123456789"
OWN_TIME: Final = re.compile(
    rb'^(?:\{"(?:ts|time|timestamp)": ?")?(\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d{1,9})?(?:Z|[+-]\d\d:?\d\d)?)',
    re.MULTILINE,
)


class Event(NamedTuple):
    """The bytes [offset, end) of a file as text, and their time in milliseconds since 1970."""

    offset: int
    end: int
    timestamp: int
    message: str


@dataclass(frozen=True, slots=True)
class LogFile:
    """A file that others append to; no event of it is earlier than `started_at`, in milliseconds since 1970."""

    path: Path
    started_at: int

    def end(self, now: int) -> int:
        """How far there are events; 0 where there is no file, or no whole line yet."""
        try:
            with self.path.open("rb") as file:
                status = os.fstat(file.fileno())
                if status.st_size == 0 or now - _milliseconds(status.st_mtime) > UNFINISHED_MS:
                    return status.st_size
                return _line_start(file, status.st_size)
        except FileNotFoundError:
            return 0

    def modified_at(self) -> int:
        """When it was last added to."""
        return _milliseconds(self.path.stat().st_mtime)

    def clock_at(self, offset: int) -> int:
        """The time of what stands before a byte."""
        with self.path.open("rb") as file:
            return self._clock_at(file, offset)

    def events(self, start: int, end: int) -> Iterator[Event]:
        """The events that begin at `start`, which is where one begins, up to `end`. Empty lines are none."""
        with self.path.open("rb") as file:
            clock, latest = self._clock_at(file, start), self._latest(file)
            file.seek(start)
            while start < end and (piece := _piece(file, min(EVENT_BYTES, end - start))):
                if piece[0] in TIME_BEGINS_WITH:
                    clock = max([clock, *_own_times(piece, latest)])
                stop = start + len(piece)
                if text := piece.rstrip(b"\r\n"):
                    yield Event(start, stop, clock, text.decode(errors="replace"))
                start = stop

    def last_events(self, start: int, end: int, *, most: int, most_bytes: int) -> list[Event]:
        """The last events between two bytes at which events begin."""
        kept: deque[Event] = deque()
        while not kept and end > start:  # a span may hold nothing but empty lines
            with self.path.open("rb") as file:
                begin = max(start, _line_start(file, max(start, end - most_bytes)))
            size = 0
            for event in self.events(begin, end):
                kept.append(event)
                size += event.end - event.offset
                while len(kept) > most or (size > most_bytes and len(kept) > 1):
                    first = kept.popleft()
                    size -= first.end - first.offset
            end = begin
        return list(kept)

    def first_at(self, moment: int, end: int) -> int:
        """Where the first event at a time or later begins, `end` where there is none."""
        low = self._bisected(moment, end)
        return next((event.offset for event in self.events(low, end) if event.timestamp >= moment), end)

    def _bisected(self, moment: int, end: int) -> int:
        low, high = 0, end
        with self.path.open("rb") as file:
            while high - low > BLOCK_BYTES:
                middle = _line_start(file, (low + high) // 2)
                if middle <= low:
                    break  # one line fills the lower half
                if self._clock_at(file, middle) < moment:
                    low = middle
                else:
                    high = middle
        return low

    def _clock_at(self, file: BinaryIO, offset: int) -> int:
        latest = self._latest(file)
        for lines in _blocks_back(file, offset):
            if times := list(_own_times(lines, latest)):
                return max(self.started_at, *times)
        return self.started_at

    def _latest(self, file: BinaryIO) -> int:
        # What a line says of a time later than its file's is no time of that line.
        return _milliseconds(os.fstat(file.fileno()).st_mtime) + CLOCKS_APART_MS


def first_own_time(path: Path) -> int:
    """The time that the first line with one carries, within the first block; 0 where none does."""
    with path.open("rb") as file:
        return next(iter(_own_times(file.read(BLOCK_BYTES), _milliseconds(path.stat().st_mtime))), 0)


def total_bytes(files: Iterable[LogFile]) -> int:
    """The size of all that exist."""
    return sum(file.path.stat().st_size for file in files)


def _own_times(lines: bytes, latest: int) -> Iterator[int]:
    for match in OWN_TIME.finditer(lines):
        try:
            moment = datetime.fromisoformat(match[1].decode())
            at = _milliseconds((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())
        except (ValueError, OverflowError):
            continue
        if at <= latest:
            yield at


def _blocks_back(file: BinaryIO, offset: int) -> Iterator[bytes]:
    """Whole beginnings of lines before a byte, the nearest block first."""
    stop, floor = offset, max(0, offset - LOOK_BACK_BYTES)
    while stop > floor:
        begin = max(0, stop - BLOCK_BYTES)
        file.seek(begin)
        block = file.read(stop - begin)
        if begin == 0:
            yield block
            return
        first_break = block.find(b"\n", 0, len(block) - 1)
        if first_break >= 0:
            yield block[first_break + 1 :]
        stop = begin + first_break + 1 if first_break >= 0 else begin


def _line_start(file: BinaryIO, offset: int) -> int:
    while offset > 0:
        begin = max(0, offset - BLOCK_BYTES)
        file.seek(begin)
        found = file.read(offset - begin).rfind(b"\n")
        if found >= 0:
            return begin + found + 1
        offset = begin
    return 0


def _piece(file: BinaryIO, most: int) -> bytes:
    piece = file.readline(most)
    if len(piece) < most or piece.endswith(b"\n"):
        return piece
    whole = _whole_characters(piece)
    file.seek(len(whole) - len(piece), os.SEEK_CUR)
    return whole


def _whole_characters(piece: bytes) -> bytes:
    """The bytes without a UTF-8 character that the cut left unfinished at their end."""
    for back in range(1, min(4, len(piece))):
        byte = piece[-back]
        if byte >= 0xC0:
            needed = 2 if byte < 0xE0 else 3 if byte < 0xF0 else 4
            return piece[:-back] if needed > back else piece
        if byte < 0x80:
            break
    return piece


def _milliseconds(seconds: float) -> int:
    return int(seconds * 1000)
