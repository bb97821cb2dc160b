"""Reads predicted classes and confidences from an answer, for the endpoint's metrics.

What lives here: a pure reading of one answer that never fails; answers it cannot read count no prediction. What does
not: the verdicts of monitors, which read captures (monitor_jobs).
"""

from collections import Counter
from dataclasses import dataclass
from math import exp, isfinite
from typing import Any, Final

import numpy as np
import orjson
from numpy.typing import NDArray

from monitor_jobs.contract.capture import media_type
from monitor_jobs.contract.model_package import ModelCard
from monitor_jobs.model_functions.codecs import JSON, Answer
from service.metrics import CLASSES_MAX, OTHER_CLASS

TEXT_MAX_BYTES: Final = 64 * 1024
PREDICTIONS_MAX: Final = 10_000
SUM_TOLERANCE: Final = 1e-3
PLAIN_MAX: Final = 512  # numbers


@dataclass(frozen=True, slots=True)
class Predictions:
    """How often each class was answered, and the best score of each prediction that has scores."""

    counts: dict[str, int]
    confidences: tuple[float, ...] = ()


NO_PREDICTIONS: Final = Predictions({})


def read_predictions(answer: Answer, card: ModelCard) -> Predictions:
    """The predictions of an answer, by the model card's first 200 labels; all other classes count as `other`.

    Integers are classes, strings are labels, floats are scores along the last axis (softmax where they do not sum to
    1 within 1e-3); rows that hold NaN count no prediction. Answers of more than 10,000 predictions, or that only
    exist as more than 64 KiB of text, are not read: this must cost a request next to nothing.
    """
    try:
        array = _array(_value(answer))
    except ValueError:
        return NO_PREDICTIONS
    if array.dtype.kind == "f" and array.ndim:
        return _from_scores(array, card)
    if array.size > PREDICTIONS_MAX:
        return NO_PREDICTIONS
    if array.dtype.kind in "biu":
        return Predictions(_counted([_label(int(index), card) for index in array.ravel()]))
    if array.dtype.kind in "UO":
        labels = frozenset(card.classes[:CLASSES_MAX])
        return Predictions(_counted([name if name in labels else OTHER_CLASS for name in array.ravel().tolist()]))
    return NO_PREDICTIONS


def _value(answer: Answer) -> object:
    value = answer.value
    if value is None and media_type(answer.content_type) == JSON and len(answer.body) <= TEXT_MAX_BYTES:
        value = orjson.loads(answer.body)
    return value.get("predictions") if isinstance(value, dict) else value


def _array(value: object) -> NDArray[Any]:
    """Numbers as such, texts as objects. Raises ValueError for anything else."""
    if isinstance(value, np.ndarray) and value.dtype.kind != "O":
        return value
    array = np.asarray(value, dtype=object)  # an array of texts gives each the room of the longest
    kinds = set(map(type, array.flat))
    if kinds == {str}:
        return array
    if not all(issubclass(kind, (int, float, np.number, np.bool_)) for kind in kinds):
        raise ValueError(kinds)
    return np.asarray(value)


def _from_scores(scores: NDArray[Any], card: ModelCard) -> Predictions:
    classes = scores.shape[-1]
    if classes < 2 or scores.size > PREDICTIONS_MAX * classes:
        return NO_PREDICTIONS
    rows = scores.reshape(-1, classes).astype(np.float64)
    if rows.size <= PLAIN_MAX:
        return _from_rows([row for row in rows.tolist() if all(map(isfinite, row))], card)
    if not np.isfinite(rows.sum()):
        rows = rows[np.isfinite(rows).all(axis=1)]
    best = rows.max(axis=1, initial=-np.inf)
    return Predictions(
        _counted([_label(index, card) for index in rows.argmax(axis=1).tolist()]), tuple(_shares(rows, best).tolist())
    )


def _from_rows(rows: list[list[float]], card: ModelCard) -> Predictions:
    """The same of a few numbers, for which numpy takes ten times as long."""
    best = [max(row) for row in rows]
    labels = [_label(row.index(top), card) for row, top in zip(rows, best, strict=True)]
    return Predictions(_counted(labels), tuple(map(_share, rows, best)))


def _share(row: list[float], best: float) -> float:
    if abs(sum(row) - 1) <= SUM_TOLERANCE and min(row) >= 0:
        return best
    return 1 / sum(exp(score - best) for score in row)


def _shares(rows: NDArray[np.float64], best: NDArray[np.float64]) -> NDArray[np.float64]:
    """The largest share of each row, whose largest number is given."""
    summed = (np.abs(rows.sum(axis=1) - 1) <= SUM_TOLERANCE) & (rows.min(axis=1, initial=np.inf) >= 0)
    if summed.all():
        return best
    softmax: NDArray[np.float64] = 1 / np.exp(rows - best[:, np.newaxis]).sum(axis=1)
    return np.where(summed, best, softmax)


def _label(index: int, card: ModelCard) -> str:
    return card.classes[index] if 0 <= index < min(len(card.classes), CLASSES_MAX) else OTHER_CLASS


def _counted(labels: list[str]) -> dict[str, int]:
    return dict(Counter(labels))
