"""Capture lines with both halves, a chunk at a time.

What lives here: what of a record rows are made of, and which records are inside the window. What does not: what the
bodies say (halves).
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Final, NamedTuple

import msgspec
import numpy as np

from monitor_jobs.capture_io.blocks import Block, LongLine, read_blocks
from monitor_jobs.capture_io.lines import (
    JSON_SPACE,
    NO_TIME,
    AnswerText,
    Refusal,
    TimeText,
    decode_lines,
    microseconds_of,
    refusal_of,
)
from monitor_jobs.capture_io.placement import INSIDE, OUTSIDE, UNDECIDED, Placement
from monitor_jobs.contract.capture import Encoding, UnreadableReason
from monitor_jobs.contract.dataset_format import HalfName
from monitor_jobs.contract.window import Window

CHUNK_BYTES: Final = 4 << 20
MICROSECONDS_A_SECOND: Final = 1_000_000

Reasons = Counter[UnreadableReason]


class Half(msgspec.Struct, gc=False, frozen=True, rename="camel"):
    """One captured body."""

    data: AnswerText
    encoding: Encoding
    observed_content_type: str = ""


class Halves(msgspec.Struct, gc=False, frozen=True, rename="camel"):
    """Those that were captured."""

    endpoint_input: Half | None = None
    endpoint_output: Half | None = None


NO_HALVES: Final = Halves()


class Metadata(msgspec.Struct, gc=False, frozen=True, rename="camel"):
    """Who and when."""

    event_id: str
    inference_time: TimeText
    inference_id: str | None = None
    custom_attributes: list[str] | None = None


class Record(msgspec.Struct, gc=False, frozen=True, rename="camel"):
    """One captured exchange."""

    capture_data: Halves
    event_metadata: Metadata


class Numbered(NamedTuple):
    """A record, its line's number from 1, and its time in seconds since 1970."""

    line: int
    time: int
    record: Record


@dataclass(frozen=True, slots=True)
class RecordChunk:
    """Neighbouring records inside the window, and how many lines there are none, by reason."""

    records: Sequence[Numbered]
    refused: Reasons


class _Placeable(NamedTuple):
    line: int
    time_us: int
    content: Record | UnreadableReason


_decode: Final = msgspec.json.Decoder(Record).decode


def read_chunks(path: Path, window: Window | None, halves: AbstractSet[HalfName]) -> Iterator[RecordChunk]:
    """Every line of a capture file that is inside the window, with these halves; CHUNK_BYTES or a line at a time.

    Without a window, all are inside. A line that is no record is refused as lines.refusal_of says, and lies where
    placement says; a record without any of the halves is WRONG_SCHEMA. Raises OSError.
    """
    placement, waiting = Placement(window), Reasons()
    for lines in _chunks(path, halves):
        places = placement.place(np.array([line.time_us for line in lines], dtype=np.int64))
        kept = [line for line, place in zip(lines, places.tolist(), strict=True) if place != OUTSIDE]
        refused = Reasons(line.content for line in kept if isinstance(line.content, UnreadableReason))
        if placement.opening == UNDECIDED:
            waiting += refused
            continue
        if placement.opening == INSIDE:
            refused += waiting
        waiting = Reasons()
        yield RecordChunk(
            [
                Numbered(line.line, line.time_us // MICROSECONDS_A_SECOND, line.content)
                for line in kept
                if isinstance(line.content, Record)
            ],
            refused,
        )
    if waiting:
        yield RecordChunk([], waiting)


def _chunks(path: Path, halves: AbstractSet[HalfName]) -> Iterator[list[_Placeable]]:
    number, held_bytes, lines = 1, 0, list[_Placeable]()
    for block in read_blocks(path):
        if isinstance(block, LongLine):
            lines.append(_Placeable(number, NO_TIME, UnreadableReason.TOO_LONG))
            number += 1
            continue
        lines += _lines(block, number, halves)
        number += block.text.count(b"\n")
        held_bytes += block.size_bytes
        if held_bytes >= CHUNK_BYTES:
            yield lines
            held_bytes, lines = 0, []
    if lines:
        yield lines


def _lines(block: Block, number: int, halves: AbstractSet[HalfName]) -> Iterator[_Placeable]:
    records: list[Record] = []
    done = 0
    for raw in decode_lines(block.text, records, _decode):
        yield from _numbered(islice(records, done, None), number, halves)
        number += len(records) - done
        done = len(records)
        if raw.strip(JSON_SPACE):
            yield _refused(refusal_of(raw), number)
        number += 1
    yield from _numbered(islice(records, done, None), number, halves)


def _numbered(records: Iterable[Record], first: int, halves: AbstractSet[HalfName]) -> Iterator[_Placeable]:
    for number, record in enumerate(records, first):
        time_us = microseconds_of(record.event_metadata.inference_time)
        wanted = record if len(halves) > 1 else Record(_only(record.capture_data, halves), record.event_metadata)
        captured = wanted.capture_data != NO_HALVES and time_us != NO_TIME
        yield _Placeable(number, time_us, wanted if captured else UnreadableReason.WRONG_SCHEMA)


def _only(captured: Halves, halves: AbstractSet[HalfName]) -> Halves:
    if "endpointInput" in halves:
        return Halves(endpoint_input=captured.endpoint_input)
    return Halves(endpoint_output=captured.endpoint_output)


def _refused(refusal: Refusal, number: int) -> _Placeable:
    return _Placeable(number, refusal.time_us, refusal.reason)
