"""A capture file to columns of predictions, a block at a time.

What lives here: putting lines, window, scores and labels together. What does not: the meaning of an answer (answers),
the speed of the usual one (rows), where unreadable lines belong (placement).
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import compress
from pathlib import Path
from typing import Final, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from monitor_jobs.capture_io.answers import Answer, UnreadableAnswer, read_answer
from monitor_jobs.capture_io.chunks import Chunk, Gathering, read_chunks
from monitor_jobs.capture_io.lines import NO_TIME
from monitor_jobs.capture_io.placement import INSIDE, OUTSIDE, UNDECIDED, Placement
from monitor_jobs.capture_io.scores import Scores, best_of
from monitor_jobs.contract.capture import UnreadableReason
from monitor_jobs.contract.model_package import ModelCard
from monitor_jobs.contract.window import Window

MICROSECONDS_A_SECOND: Final = 1_000_000
NOTHING: Final = Gathering(first_line=1).chunk()

Reasons = Counter[UnreadableReason]
Rows = npt.NDArray[np.intp]


class Texts(Protocol):
    """One text a row, or none; made only for the rows that are asked for. An array of objects is one."""

    def __len__(self) -> int: ...

    def __getitem__(self, rows: Rows, /) -> npt.NDArray[np.object_]: ...


@dataclass(frozen=True, slots=True, eq=False)
class PredictionColumns:
    """Predictions of capture files, one row each, by object key and line; a batch answer gives several of one line.

    object_keys: the files, ascending. files int32 [n]: index into object_keys. lines [n]: line numbers from 1.
    times int64 [n]: inferenceTime in whole seconds since 1970. classes int32 [n]: index into answered and labels.
    answered: the distinct class numbers and texts that were answered; labels: their names by the card, of which two may
    be alike. confidences float32 [n]: best score in [0, 1], NaN where the answer is a class without a score. records:
    readable records inside the window. unreadable: lines inside it without a prediction, by reason. scores float64
    [n, k]: all scores of each prediction, NaN where it came without; None where none has any, or not all as many.
    sides float64 [n, 2]: the same confidences before they were rounded, and what they leave to other classes.
    """

    object_keys: tuple[str, ...]
    files: npt.NDArray[np.int32]
    lines: npt.NDArray[np.integer]
    times: npt.NDArray[np.int64]
    classes: npt.NDArray[np.int32]
    answered: tuple[int | str, ...]
    labels: tuple[str, ...]
    confidences: npt.NDArray[np.float32]
    event_ids: Texts
    inference_ids: Texts
    records: int
    unreadable: Mapping[UnreadableReason, int]
    scores: Scores | None = None
    sides: Scores = field(default_factory=lambda: np.empty((0, 2)))


class _Share(NamedTuple):
    """What of a chunk is inside the window: kept bool [records], and the refusals to count with them."""

    chunk: Chunk
    kept: npt.NDArray[np.bool_]
    refused: Reasons


class _Predictions(NamedTuple):
    """Predictions by the position of their record, ascending, in this chunk."""

    positions: npt.NDArray[np.int64]
    classes: npt.NDArray[np.int32]
    confidences: Scores
    doubts: Scores | None
    scores: Scores | None

    @property
    def sides(self) -> Scores:
        """Confidences beside doubts."""
        return np.column_stack([self.confidences, 1 - self.confidences if self.doubts is None else self.doubts])


def read_predictions(
    path: Path, *, object_key: str, window: Window | None, card: ModelCard
) -> Iterator[PredictionColumns]:
    """The predictions of one capture file in chunks that are not empty; memory does not grow with the file.

    Records outside the window are not counted at all; monitor_jobs.capture_io.placement says where unreadable lines
    belong. Answers are read as monitor_jobs.capture_io.answers defines; integer classes are named by the card. Reasons
    of lines: TOO_LONG above MAX_LINE_BYTES, then as lines.refusal_of and answers.read_answer define them. Raises
    OSError.
    """
    return predictions_in(read_chunks(path), object_key=object_key, window=window, card=card)


def predictions_in(
    chunks: Iterable[Chunk], *, object_key: str, window: Window | None, card: ModelCard
) -> Iterator[PredictionColumns]:
    """The same of lines that were read already: all of one capture file's, in order."""
    for share in _shares(chunks, Placement(window)):
        if share.kept.any() or share.refused:
            yield _columns(share, object_key, card)


def labels_of(answered: Sequence[int | str], card: ModelCard) -> tuple[str, ...]:
    """What answers are called: texts by themselves, class numbers as the card names them."""
    return tuple(each if isinstance(each, str) else card.class_name(each) for each in answered)


def _shares(chunks: Iterable[Chunk], placement: Placement) -> Iterator[_Share]:
    """Each chunk's share; refusals at the file's start wait until a line tells where they belong."""
    waiting: Reasons = Counter()
    for chunk in chunks:
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
    chunk, answered, unreadable = share.chunk, _Answered(), share.refused.copy()
    predictions = _predict(share, answered, unreadable)
    positions = predictions.positions
    metadata = [chunk.metadata[position] for position in positions.tolist()]
    return PredictionColumns(
        object_keys=(object_key,),
        files=np.zeros(len(positions), dtype=np.int32),
        lines=chunk.numbers[positions],
        times=chunk.times_us[positions] // MICROSECONDS_A_SECOND,
        classes=predictions.classes,
        answered=answered.distinct,
        labels=labels_of(answered.distinct, card),
        confidences=predictions.confidences.astype(np.float32),
        event_ids=np.array([item.event_id for item in metadata], dtype=object),
        inference_ids=np.array([item.inference_id for item in metadata], dtype=object),
        records=int(share.kept.sum()) - (unreadable.total() - share.refused.total()),
        unreadable=unreadable,
        scores=predictions.scores,
        sides=predictions.sides,
    )


def _predict(share: _Share, answered: "_Answered", unreadable: Reasons) -> _Predictions:
    """The predictions of all records kept, score rows at once and other answers one by one; counts what is neither."""
    parts = [_of_scores(share, answered)]
    for position, output in share.chunk.others:
        if share.kept[position]:
            try:
                parts.append(_of_answer(position, read_answer(output), answered))
            except UnreadableAnswer as error:
                unreadable[error.reason] += 1
    return _in_line_order(parts)


def _of_scores(share: _Share, answered: "_Answered") -> _Predictions:
    positions = np.delete(np.arange(len(share.kept)), [position for position, _ in share.chunk.others])
    kept = share.kept[positions]
    scores = share.chunk.scores if kept.all() else share.chunk.scores[kept]
    classes, confidences = best_of(scores)
    return _Predictions(positions[kept], answered.indices_of(classes), confidences, None, scores)


def _of_answer(position: int, answer: Answer, answered: "_Answered") -> _Predictions:
    classes = np.array([answered.index_of(each) for each in answer.classes], dtype=np.int32)
    return _Predictions(np.full(len(classes), position), classes, answer.confidences, answer.doubts, answer.scores)


def _in_line_order(parts: list[_Predictions]) -> _Predictions:
    filled = [part for part in parts if part.positions.size] or parts
    if len(filled) == 1:
        return filled[0]
    positions, classes, confidences = (np.concatenate([part[column] for part in filled]) for column in range(3))
    doubts = np.concatenate([1 - part.confidences if part.doubts is None else part.doubts for part in filled])
    order = np.argsort(positions, kind="stable")
    scores = _together(filled)
    return _Predictions(
        positions[order],
        classes[order],
        confidences[order],
        doubts[order],
        None if scores is None else scores[order],
    )


def _together(parts: list[_Predictions]) -> Scores | None:
    widths = {part.scores.shape[1] for part in parts if part.scores is not None}
    if len(widths) != 1:
        return None
    (k,) = widths
    blanks = (np.full((part.positions.size, k), np.nan) if part.scores is None else part.scores for part in parts)
    return np.concatenate(list(blanks))


class _Answered:
    """The distinct answers of one chunk, in the order in which they came."""

    def __init__(self) -> None:
        self._indices: dict[int | str, int] = {}

    @property
    def distinct(self) -> tuple[int | str, ...]:
        """Class numbers and labels by their index."""
        return tuple(self._indices)

    def index_of(self, answered: int | str) -> int:
        """The index of a class number or label."""
        return self._indices.setdefault(answered, len(self._indices))

    def indices_of(self, classes: npt.NDArray[np.int64]) -> npt.NDArray[np.int32]:
        """The indices of many class numbers."""
        distinct, positions = np.unique(classes, return_inverse=True)
        indices: npt.NDArray[np.int32] = np.array([self.index_of(int(number)) for number in distinct], dtype=np.int32)
        return indices[positions]
