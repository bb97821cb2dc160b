"""A capture file to columns of predictions, a block at a time.

What lives here: putting lines, window, scores and labels together. What does not: the meaning of an answer (answers),
the speed of the usual one (rows), where unreadable lines belong (placement).
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import compress
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from monitor_jobs.capture_io.answers import Answer, UnreadableAnswer, read_answer
from monitor_jobs.capture_io.lines import NO_TIME, Decoded, Line, decode_chunks
from monitor_jobs.capture_io.placement import INSIDE, OUTSIDE, UNDECIDED, Placement
from monitor_jobs.capture_io.rows import split_score_rows
from monitor_jobs.capture_io.scores import best_of
from monitor_jobs.contract.capture import UnreadableReason
from monitor_jobs.contract.model_package import ModelCard
from monitor_jobs.contract.window import Window

MICROSECONDS_A_SECOND: Final = 1_000_000

Reasons = Counter[UnreadableReason]


@dataclass(frozen=True, slots=True, eq=False)
class PredictionColumns:
    """Predictions of part of one capture file, one row each, in line order; a batch answer gives several of one line.

    lines int64 [n]: line numbers from 1. times int64 [n]: inferenceTime in whole seconds since 1970. classes int32 [n]:
    index into labels. confidences float32 [n]: best score in [0, 1], NaN where the answer is a class without a score.
    records: readable records inside the window. unreadable: lines inside it without a prediction, by reason.
    """

    object_key: str
    lines: npt.NDArray[np.int64]
    times: npt.NDArray[np.int64]
    classes: npt.NDArray[np.int32]
    labels: tuple[str, ...]
    confidences: npt.NDArray[np.float32]
    event_ids: Sequence[str]
    inference_ids: Sequence[str | None]
    records: int
    unreadable: Mapping[UnreadableReason, int]


class _Inside(NamedTuple):
    """What of a block is inside the window."""

    lines: list[Line]
    numbers: npt.NDArray[np.int64]
    times_us: npt.NDArray[np.int64]
    refused: Reasons


class _Predictions(NamedTuple):
    """Predictions by the position of their line, ascending, in this block."""

    positions: npt.NDArray[np.int64]
    classes: npt.NDArray[np.int32]
    confidences: npt.NDArray[np.float32]


def read_predictions(
    path: Path, *, object_key: str, window: Window | None, card: ModelCard
) -> Iterator[PredictionColumns]:
    """The predictions of one capture file in chunks that are not empty; memory does not grow with the file.

    Records outside the window are not counted at all; monitor_jobs.capture_io.placement says where unreadable lines
    belong. Answers are read as monitor_jobs.capture_io.answers defines; integer classes are named by the card. Reasons
    of lines: TOO_LONG above MAX_LINE_BYTES, then as lines.refusal_of and answers.read_answer define them. Raises
    OSError.
    """
    for inside in _inside_chunks(path, Placement(window)):
        if inside.lines or inside.refused:
            yield _columns(inside, object_key, card)


def _inside_chunks(path: Path, placement: Placement) -> Iterator[_Inside]:
    """Each chunk's share; refusals at the file's start wait until a line tells where they belong."""
    waiting: Reasons = Counter()
    for decoded in decode_chunks(path):
        inside = _inside(decoded, placement)
        if placement.opening == UNDECIDED:
            waiting += inside.refused
            continue
        if placement.opening == INSIDE:
            inside.refused.update(waiting)
        waiting = Counter()
        yield inside
    if waiting:
        yield _Inside([], np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64), waiting)


def _inside(decoded: Decoded, placement: Placement) -> _Inside:
    """What of a chunk is not outside: inside, or undecided."""
    refused_at = np.array(decoded.refused_at, dtype=np.int64) + np.arange(len(decoded.refused_at))
    times_us = np.insert(decoded.times_us, decoded.refused_at, [refusal.time_us for refusal in decoded.refusals])
    places = placement.place(times_us)
    kept = np.delete(places, refused_at) != OUTSIDE
    timed = decoded.times_us != NO_TIME
    refused = Counter(item.reason for item in compress(decoded.refusals, places[refused_at] != OUTSIDE))
    refused[UnreadableReason.WRONG_SCHEMA] += int(np.count_nonzero(kept & ~timed))
    kept &= timed
    return _Inside(list(compress(decoded.lines, kept)), decoded.numbers[kept], decoded.times_us[kept], +refused)


def _columns(inside: _Inside, object_key: str, card: ModelCard) -> PredictionColumns:
    labels = _Labels(card)
    unreadable = inside.refused.copy()
    predictions = _predict(inside.lines, labels, unreadable)
    positions = predictions.positions
    metadata = [inside.lines[position].event_metadata for position in positions.tolist()]
    return PredictionColumns(
        object_key=object_key,
        lines=inside.numbers[positions],
        times=inside.times_us[positions] // MICROSECONDS_A_SECOND,
        classes=predictions.classes,
        labels=tuple(labels.names),
        confidences=predictions.confidences,
        event_ids=[item.event_id for item in metadata],
        inference_ids=[item.inference_id for item in metadata],
        records=len(inside.lines) - (unreadable.total() - inside.refused.total()),
        unreadable=unreadable,
    )


def _predict(lines: list[Line], labels: "_Labels", unreadable: Reasons) -> _Predictions:
    """The predictions of all lines, the usual rows at once and the others one by one; counts what is neither."""
    scores, others = split_score_rows(lines)
    classes, confidences = best_of(scores)
    usual = _Predictions(
        np.delete(np.arange(len(lines)), others), labels.indices_of(classes), confidences.astype(np.float32)
    )
    parts = [usual]
    for position in others:
        try:
            answer = read_answer(lines[position].capture_data.endpoint_output)
        except UnreadableAnswer as error:
            unreadable[error.reason] += 1
        else:
            parts.append(_of_answer(position, answer, labels))
    return _in_line_order(parts)


def _of_answer(position: int, answer: Answer, labels: "_Labels") -> _Predictions:
    classes = np.array([labels.index_of(answered) for answered in answer.classes], dtype=np.int32)
    return _Predictions(np.full(len(classes), position), classes, answer.confidences.astype(np.float32))


def _in_line_order(parts: list[_Predictions]) -> _Predictions:
    if len(parts) == 1:
        return parts[0]
    positions, classes, confidences = (np.concatenate(column) for column in zip(*parts, strict=True))
    order = np.argsort(positions, kind="stable")
    return _Predictions(positions[order], classes[order], confidences[order])


class _Labels:
    """The labels of one chunk: the card's classes at their own index, then whatever else was answered."""

    def __init__(self, card: ModelCard) -> None:
        self._card = card
        self.names = list(card.classes)
        self._indices = {name: index for index, name in reversed(list(enumerate(card.classes)))}

    def index_of(self, answered: int | str) -> int:
        """The index of a class number or label."""
        name = answered if isinstance(answered, str) else self._card.class_name(answered)
        index = self._indices.setdefault(name, len(self.names))
        if index == len(self.names):
            self.names.append(name)
        return index

    def indices_of(self, classes: npt.NDArray[np.int64]) -> npt.NDArray[np.int32]:
        """The indices of many class numbers."""
        distinct, positions = np.unique(classes, return_inverse=True)
        indices: npt.NDArray[np.int32] = np.array([self.index_of(int(number)) for number in distinct], dtype=np.int32)
        return indices[positions]
