"""What a capture file holds, as its manifest tells it: records, bytes, digest, first and last inference time.

What lives here: measuring one file a line at a time, as it is read or as it is written. What does not: whether that is
as it should be (monitor_jobs.capture_proof).
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path

from monitor_jobs.contract.errors import BadInput
from monitor_jobs.contract.window import parse_timestamp

# Inside a captured body these would have their quotes escaped: only a record's own field reads like this.
INFERENCE_TIME = b'"inferenceTime":"'
EVENT_ID = b'"eventId":"'
BUFFER_BYTES = 2**20  # with the default, reading a line that holds an image costs as much as its digest


@dataclass(frozen=True, slots=True)
class Contents:
    """One capture file; times are None where no line tells one."""

    records: int
    size_bytes: int
    sha256: str
    first: datetime | None
    last: datetime | None


class Tally:
    """What the lines that were added so far come to, as lines that capture_line writes."""

    def __init__(self) -> None:
        self._digest = hashlib.sha256()
        self._size_bytes = self._records = 0
        self._times: set[bytes] = set()  # whole seconds: few, however many records

    def add(self, content: bytes, lines: Sequence[bytes]) -> None:
        """Count more lines, which together are the content."""
        self._digest.update(content)
        self._size_bytes += len(content)
        self._records += len(lines)
        self._times.update(_field_of(line, INFERENCE_TIME) for line in lines)

    def contents(self) -> Contents:
        """What a file of these lines holds."""
        moments = [moment for moment in map(_moment, self._times) if moment is not None]
        first, last = min(moments, default=None), max(moments, default=None)
        return Contents(self._records, self._size_bytes, self._digest.hexdigest(), first, last)


def read_contents(path: Path, visit: Callable[[bytes], object] | None = None) -> Contents:
    """What a file of lines as capture_line writes them holds; each line is shown to `visit`. Raises OSError."""
    tally = Tally()
    with path.open("rb", buffering=BUFFER_BYTES) as lines:
        for line in lines:
            tally.add(line, (line,))
            if visit is not None:
                visit(line)
    return tally.contents()


def event_id_of(line: bytes) -> bytes:
    """A record's eventId; empty where the line has none."""
    return _field_of(line, EVENT_ID)


def time_of_line(line: bytes) -> datetime | None:
    """A record's inferenceTime; None where the line has none."""
    return _moment(_field_of(line, INFERENCE_TIME))


def _field_of(line: bytes, name: bytes) -> bytes:
    start = line.rfind(name)
    if start < 0:
        return b""
    start += len(name)
    return line[start : line.find(b'"', start)]


@lru_cache(maxsize=64)
def _moment(text: bytes) -> datetime | None:
    try:
        return parse_timestamp(text.decode("ascii"))
    except (BadInput, UnicodeDecodeError):
        return None
