"""Reads predicted classes and confidences from answers, for the endpoint's metrics.

What lives here: a pure reading that never fails; answers it cannot read count no prediction. What does
not: the verdicts of monitors, which read captures (monitor_jobs).
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True)
class Predictions:
    """How often each class was answered, and the best score of each prediction that has scores."""

    counts: dict[str, int]
    confidences: tuple[float, ...]


def read_predictions(answers: Iterable[Answer], card: ModelCard) -> Predictions:
    """The predictions of answers together, by the model card's first 200 labels; all other classes count as `other`.

    Integers are classes, strings are labels, floats are scores along the last axis (softmax where they do not sum to
    1 within 1e-3); rows that hold NaN count no prediction. Answers of more than 10,000 predictions, or that only
    exist as more than 64 KiB of text, are not read: this must cost a request next to nothing.
    """
    counts: Counter[str] = Counter()
    confidences: list[float] = []
    # by their number of classes: numpy takes as long for one row as for many
    scores: dict[int, list[NDArray[np.float64]]] = {}
    for answer in answers:
        array = _array_of(answer)
        if array is None:
            continue
        if array.dtype.kind == "f" and array.ndim:
            classes = array.shape[-1]
            if classes > 1 and array.size <= PREDICTIONS_MAX * classes:
                scores.setdefault(classes, []).append(array.reshape(-1, classes).astype(np.float64))
        elif array.size <= PREDICTIONS_MAX:
            counts.update(_labels(array, card))
    for rows in scores.values():
        found, best = _from_scores(np.concatenate(rows))
        counts.update(_label(index, card) for index in found)
        confidences += best
    return Predictions(dict(counts), tuple(confidences))


def _array_of(answer: Answer) -> NDArray[Any] | None:
    """What an answer predicts; None where it is no array of numbers or of texts."""
    try:
        return _array(_value(answer))
    except ValueError:
        return None


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


def _labels(array: NDArray[Any], card: ModelCard) -> Iterator[str]:
    """The classes that integers name, or texts."""
    if array.dtype.kind in "biu":
        yield from (_label(int(index), card) for index in array.ravel())
    if array.dtype.kind in "UO":
        labels = frozenset(card.classes[:CLASSES_MAX])
        yield from (name if name in labels else OTHER_CLASS for name in array.ravel().tolist())


def _from_scores(rows: NDArray[np.float64]) -> tuple[list[int], list[float]]:
    """The best class of each row without NaN, and its share."""
    if not np.isfinite(rows.sum()):
        rows = rows[np.isfinite(rows).all(axis=1)]
    best = rows.max(axis=1, initial=-np.inf)
    return rows.argmax(axis=1).tolist(), _shares(rows, best).tolist()


def _shares(rows: NDArray[np.float64], best: NDArray[np.float64]) -> NDArray[np.float64]:
    """The largest share of each row, whose largest number is given."""
    summed = (np.abs(rows.sum(axis=1) - 1) <= SUM_TOLERANCE) & (rows.min(axis=1, initial=np.inf) >= 0)
    if summed.all():
        return best
    softmax: NDArray[np.float64] = 1 / np.exp(rows - best[:, np.newaxis]).sum(axis=1)
    return np.where(summed, best, softmax)


def _label(index: int, card: ModelCard) -> str:
    return card.classes[index] if 0 <= index < min(len(card.classes), CLASSES_MAX) else OTHER_CLASS
