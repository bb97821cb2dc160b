"""Whole answers with their ground truth: predictions as every monitor here reads them, many lines at once.

What lives here: putting labels beside columns of predictions. What does not: the meaning of an answer (capture_io).
"""

import io
import math
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Final, NamedTuple

import msgspec
import numpy as np

from monitor_jobs.capture_io import PredictionColumns
from monitor_jobs.capture_io.blocks import LongLine, read_blocks
from monitor_jobs.capture_io.scores import Scores, probabilities_of
from monitor_jobs.model_quality.record_values import (
    LABELS_DIFFER,
    NO_GROUND_TRUTH,
    WRONG_SCHEMA,
    GroundTruth,
    LabelledRow,
    NotLabelled,
    ScoredPrediction,
    named_classes,
    named_labels,
)
from monitor_jobs.model_quality.settings import ProblemType, QualitySettings
from monitor_jobs.model_quality.spelling import Classes, NoClass, class_name, column_name


class Answer(NamedTuple):
    """One record's predictions by name, each with its confidence, NaN where it has none; and its ground truth.

    chances: the probability of the positive class, not rounded. scores: those of all classes [predictions, k], where
    they are known.
    """

    event_id: str
    time: int
    predictions: list[str]
    confidences: list[float]
    chances: list[float]
    ground_truth: GroundTruth | None
    scores: Scores | None


class _Labelled(msgspec.Struct, gc=False, frozen=True, rename="camel"):
    ground_truth_data: GroundTruth | None = None


_decode: Final = msgspec.json.Decoder(_Labelled).decode


def ground_truth_by_line(path: Path) -> Iterator[tuple[int, GroundTruth | None]]:
    """The number of each line of a file, from 1, and its ground truth: None where it has none, or is no record.

    Raises OSError.
    """
    number = 0
    for block in read_blocks(path):
        for raw in [b""] if isinstance(block, LongLine) else io.BytesIO(block.text):
            number += 1
            yield number, _ground_truth(raw)


def answers_in(
    columns: PredictionColumns,
    labels: Iterator[tuple[int, GroundTruth | None]],
    settings: QualitySettings,
    classes: Classes,
) -> Iterator[Answer]:
    """Every record of a chunk of one file; `labels` are of lines that come after the chunk before, and are used up."""
    starts = np.flatnonzero(np.diff(columns.lines, prepend=0))
    event_ids, times = columns.event_ids[starts].tolist(), columns.times[starts].tolist()
    predictions = [columns.labels[index] for index in columns.classes.tolist()]
    confidences, chances = columns.confidences.tolist(), _chances(columns, settings, classes).tolist()
    for record, (start, stop) in enumerate(pairwise([*starts.tolist(), len(predictions)])):
        line = int(columns.lines[start])
        yield Answer(
            event_ids[record],
            times[record],
            predictions[start:stop],
            confidences[start:stop],
            chances[start:stop],
            next(label for number, label in labels if number == line),
            None if columns.scores is None else columns.scores[start:stop],
        )


def rows_of_answer(answer: Answer, settings: QualitySettings, classes: Classes) -> list[LabelledRow]:
    """The labelled predictions of a record; a batch has several. Raises NotLabelled."""
    if answer.ground_truth is None:
        raise NotLabelled(NO_GROUND_TRUTH)
    labels = named_labels(answer.ground_truth, settings.ground_truth, classes)
    predictions = named_classes(answer.predictions, classes, WRONG_SCHEMA)
    if len(labels) != len(predictions):
        raise NotLabelled(LABELS_DIFFER)
    return list(zip(labels, predictions, answer.chances, strict=True))


def scored_of_answer(answer: Answer, classes: Classes) -> list[ScoredPrediction]:
    """The predictions of a record with their scores, whether it has a label or not; none where one names no class."""
    rows = [()] * len(answer.predictions) if answer.scores is None else map(tuple, answer.scores.tolist())
    vectors = (None if not row or math.isnan(row[0]) else row for row in rows)
    try:
        names = named_classes(answer.predictions, classes, WRONG_SCHEMA)
    except NotLabelled:
        return []
    return list(map(ScoredPrediction, names, answer.confidences, vectors))


def _chances(columns: PredictionColumns, settings: QualitySettings, classes: Classes) -> Scores:
    """The probability of the positive one of two classes [n] as it was answered, not 1 less a rounded one; NaN without.

    Many classes have no positive one.
    """
    if settings.problem is not ProblemType.BINARY:
        return np.full(len(columns.classes), np.nan)
    positive = settings.positive
    is_positive = np.array([name == positive for name in _names_or_none(columns.labels, classes)], dtype=bool)
    confidences, doubts = columns.sides[:, 0], columns.sides[:, 1]
    chances: Scores = np.where(is_positive[columns.classes], confidences, doubts)
    if columns.scores is not None:
        names = [column_name(position, classes) for position in range(columns.scores.shape[1])]
        scored = ~np.isnan(columns.scores[:, 0])
        if positive in names:
            chances[scored] = probabilities_of(columns.scores[scored])[:, names.index(positive)]
    return chances


def _names_or_none(labels: Sequence[str], classes: Classes) -> Iterator[str | None]:
    for label in labels:
        try:
            yield class_name(label, classes)
        except NoClass:
            yield None


def _ground_truth(raw: bytes) -> GroundTruth | None:
    try:
        return _decode(raw).ground_truth_data
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
