"""Capture files to chunks of some thousand lines, decoded.

What lives here: gathering lines until arrays pay. What does not: windows and labels (predictions).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from monitor_jobs.capture_io.blocks import LongLine, read_blocks
from monitor_jobs.capture_io.lines import (
    JSON_SPACE,
    Line,
    Metadata,
    Output,
    Refusal,
    decode_answered,
    decode_lines,
    microseconds_of,
    refusal_of,
)
from monitor_jobs.capture_io.rows import ScoreRows
from monitor_jobs.capture_io.scores import Scores
from monitor_jobs.contract.capture import UnreadableReason

CHUNK_BYTES: Final = 8 << 20  # arrays of five thousand rows or so, for what is done once a chunk


@dataclass(frozen=True, slots=True, eq=False)
class Chunk:
    """Neighbouring lines, blank ones left out: n records, and between them refusals.

    numbers int64 [n]: line numbers. times_us int64 [n]: inferenceTime in microseconds since 1970, or NO_TIME where it
    is no time: such a record is WRONG_SCHEMA. The answer of record i is among `others` with i, or else the next row of
    `scores`. refused_at: for each refusal, how many records come before it.
    """

    numbers: npt.NDArray[np.int64]
    times_us: npt.NDArray[np.int64]
    metadata: list[Metadata]
    scores: Scores
    others: list[tuple[int, Output]]
    refusals: list[Refusal]
    refused_at: list[int]


def read_chunks(path: Path) -> Iterator[Chunk]:
    """Every line of a file, decoded, or refused as `refusal_of` says; a line too long to hold is TOO_LONG.

    A chunk is CHUNK_BYTES, or one line where that is longer; the last one may be empty. Raises OSError.
    """
    gathering, held_bytes = Gathering(first_line=1), 0
    for block in read_blocks(path):
        if isinstance(block, LongLine):
            gathering.refuse(Refusal(UnreadableReason.TOO_LONG))
            continue
        gathering.add(block.text)
        held_bytes += block.size_bytes
        if held_bytes >= CHUNK_BYTES:
            yield gathering.chunk()
            gathering, held_bytes = Gathering(gathering.next_line), 0
    yield gathering.chunk()


class Gathering:
    """Lines on their way into a chunk.

    Answers are read while their block is in the processor's cache, and let go: that is a third of the speed.
    """

    def __init__(self, first_line: int) -> None:
        self._first_line = first_line
        self._metadata: list[Metadata] = []
        self._rows = ScoreRows()
        self._refusals: list[Refusal] = []
        self._refused_at: list[int] = []
        self._skipped: list[int] = []  # positions among all lines of those that hold no record

    @property
    def next_line(self) -> int:
        """The number of the line after the last one gathered."""
        return self._first_line + len(self._metadata) + len(self._skipped)

    def add(self, text: bytes) -> None:
        """Take whole lines."""
        lines: list[Line] = []
        for raw in decode_lines(text, lines, decode_answered):
            records_before = len(self._metadata) + len(lines)
            self._skip(records_before, refusal_of(raw) if raw.strip(JSON_SPACE) else None)
        self._metadata.extend([line.event_metadata for line in lines])
        self._rows.add([line.capture_data.endpoint_output for line in lines])

    def refuse(self, refusal: Refusal) -> None:
        """Pass over a line that holds no record."""
        self._skip(len(self._metadata), refusal)

    def chunk(self) -> Chunk:
        """All that was gathered."""
        times_us = [microseconds_of(item.inference_time) for item in self._metadata]
        return Chunk(
            numbers=np.delete(np.arange(self._first_line, self.next_line, dtype=np.int64), self._skipped),
            times_us=np.array(times_us, dtype=np.int64),
            metadata=self._metadata,
            scores=self._rows.scores(),
            others=self._rows.others,
            refusals=self._refusals,
            refused_at=self._refused_at,
        )

    def _skip(self, records_before: int, refusal: Refusal | None) -> None:
        self._skipped.append(records_before + len(self._skipped))
        if refusal:
            self._refusals.append(refusal)
            self._refused_at.append(records_before)
