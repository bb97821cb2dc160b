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
from monitor_jobs.capture_io.chunks import Chunk, Gathering, read_chunks
from monitor_jobs.capture_io.lines import NO_TIME
from monitor_jobs.capture_io.placement import INSIDE, OUTSIDE, UNDECIDED, Placement
from monitor_jobs.capture_io.scores import best_of
from monitor_jobs.contract.capture import UnreadableReason
from monitor_jobs.contract.model_package import ModelCard
from monitor_jobs.contract.window import Window

MICROSECONDS_A_SECOND: Final = 1_000_000
NOTHING: Final = Gathering(first_line=1).chunk()

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


class _Share(NamedTuple):
    """What of a chunk is inside the window: kept bool [records], and the refusals to count with them."""

    chunk: Chunk
    kept: npt.NDArray[np.bool_]
    refused: Reasons


class _Predictions(NamedTuple):
    """Predictions by the position of their record, ascending, in this chunk."""

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
    for share in _shares(path, Placement(window)):
        if share.kept.any() or share.refused:
            yield _columns(share, object_key, card)


def _shares(path: Path, placement: Placement) -> Iterator[_Share]:
    """Each chunk's share; refusals at the file's start wait until a line tells where they belong."""
    waiting: Reasons = Counter()
    for chunk in read_chunks(path):
        share = _share(chunk, placement)
        if placement.opening == UNDECIDED:
            waiting += share.refused
            continue
        if placement.opening == INSIDE:
            share.refused.update(waiting)
        waiting = Counter()
        yield share
    yield _Share(NOTHING, np.empty(0, dtype=bool), waiting)


def _share(chunk: Chunk, placement: Placement) -> _Share:
    """What of a chunk is not outside: inside, or undecided."""
    refused_at = np.array(chunk.refused_at, dtype=np.int64) + np.arange(len(chunk.refused_at))
    times_us = np.insert(chunk.times_us, chunk.refused_at, [refusal.time_us for refusal in chunk.refusals])
    places = placement.place(times_us)
    kept = np.delete(places, refused_at) != OUTSIDE
    timed = chunk.times_us != NO_TIME
    refused = Counter(item.reason for item in compress(chunk.refusals, places[refused_at] != OUTSIDE))
    refused[UnreadableReason.WRONG_SCHEMA] += int(np.count_nonzero(kept & ~timed))
    return _Share(chunk, kept & timed, +refused)


def _columns(share: _Share, object_key: str, card: ModelCard) -> PredictionColumns:
    chunk, labels, unreadable = share.chunk, _Labels(card), share.refused.copy()
    predictions = _predict(share, labels, unreadable)
    positions = predictions.positions
    metadata = [chunk.metadata[position] for position in positions.tolist()]
    return PredictionColumns(
        object_key=object_key,
        lines=chunk.numbers[positions],
        times=chunk.times_us[positions] // MICROSECONDS_A_SECOND,
        classes=predictions.classes,
        labels=tuple(labels.names),
        confidences=predictions.confidences,
        event_ids=[item.event_id for item in metadata],
        inference_ids=[item.inference_id for item in metadata],
        records=int(share.kept.sum()) - (unreadable.total() - share.refused.total()),
        unreadable=unreadable,
    )


def _predict(share: _Share, labels: "_Labels", unreadable: Reasons) -> _Predictions:
    """The predictions of all records kept, score rows at once and other answers one by one; counts what is neither."""
    parts = [_of_scores(share, labels)]
    for position, output in share.chunk.others:
        if share.kept[position]:
            try:
                parts.append(_of_answer(position, read_answer(output), labels))
            except UnreadableAnswer as error:
                unreadable[error.reason] += 1
    return _in_line_order(parts)


def _of_scores(share: _Share, labels: "_Labels") -> _Predictions:
    positions = np.delete(np.arange(len(share.kept)), [position for position, _ in share.chunk.others])
    kept = share.kept[positions]
    classes, confidences = best_of(share.chunk.scores if kept.all() else share.chunk.scores[kept])
    return _Predictions(positions[kept], labels.indices_of(classes), confidences.astype(np.float32))


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
