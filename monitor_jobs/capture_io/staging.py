"""Cutting a window out of a capture file, byte for byte.

What lives here: copying the spans of lines that are inside. What does not: which files a window needs
(contract.window).
"""

import io
from collections.abc import Iterable, Iterator
from itertools import groupby
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np

from monitor_jobs.capture_io.blocks import BLOCK_BYTES, Block, LongLine, read_blocks
from monitor_jobs.capture_io.lines import JSON_SPACE, NO_TIME, time_of
from monitor_jobs.capture_io.placement import INSIDE, UNDECIDED, Placement
from monitor_jobs.contract.window import Window


class _Span(NamedTuple):
    """Neighbouring lines: where the first begins, how many bytes they take, how many of them are not blank."""

    offset: int
    size_bytes: int
    lines: int


class _Placed(NamedTuple):
    place: int
    span: _Span


def copy_lines_inside(source: Path, target: Path, window: Window) -> int:
    """How many lines, blank ones not counted, were inside the window and now are `target`, which is replaced.

    Lines that cannot be read are placed as monitor_jobs.capture_io.placement says, so that reading the copy counts what
    reading the source with the window counts. Lines of any length, in bounded memory. Raises OSError.
    """
    copied = 0
    with source.open("rb") as reader, target.open("wb") as writer:
        for span in _spans_inside(source, Placement(window)):
            _copy(reader, writer, span)
            copied += span.lines
    return copied


def _spans_inside(source: Path, placement: Placement) -> Iterator[_Span]:
    """Spans in file order; those at the file's start wait until a line tells where they belong."""
    waiting: list[_Span] = []
    for block in read_blocks(source):
        spans = _spans(block, placement)
        if placement.opening == UNDECIDED:
            waiting = [_joined([*waiting, *(placed.span for placed in spans)])]
            continue
        if placement.opening == INSIDE:
            yield from waiting
        waiting = []
        yield from (placed.span for placed in spans if placed.place == INSIDE)
    yield from waiting


def _spans(block: Block | LongLine, placement: Placement) -> list[_Placed]:
    if isinstance(block, LongLine):
        place = int(placement.place(np.array([NO_TIME]))[0])
        return [_Placed(place, _Span(block.offset, block.size_bytes, lines=1))]
    lines = list(io.BytesIO(block.text))
    places = placement.place(np.array([time_of(raw) if raw.strip(JSON_SPACE) else NO_TIME for raw in lines]))
    placed, offset = [], block.offset
    for raw, place in zip(lines, places.tolist(), strict=True):
        placed.append(_Placed(place, _Span(offset, len(raw), int(bool(raw.strip(JSON_SPACE))))))
        offset += len(raw)
    return [
        _Placed(place, _joined(item.span for item in run)) for place, run in groupby(placed, lambda item: item.place)
    ]


def _joined(spans: Iterable[_Span]) -> _Span:
    first, *others = spans
    return _Span(
        first.offset,
        first.size_bytes + sum(span.size_bytes for span in others),
        first.lines + sum(span.lines for span in others),
    )


def _copy(reader: BinaryIO, writer: BinaryIO, span: _Span) -> None:
    reader.seek(span.offset)
    left = span.size_bytes
    while left and (piece := reader.read(min(BLOCK_BYTES, left))):
        writer.write(piece)
        left -= len(piece)
