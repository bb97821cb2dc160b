"""One captured answer to predictions, strictly: the meaning of every answer that a monitor can read is defined here.

Integers and booleans are classes, texts are labels; where any number is a float, the last axis holds one prediction's
scores. An answer is a value, a row or rows of equal length, bare or as {"predictions": ...}, in JSON, CSV or .npy; or
objects with `predicted_label` or `label`, `score` or `probability` or `scores`.

What lives here: texts and bytes to an Answer. What does not: speed (rows), names of classes (predictions).
"""

import csv
import io
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pybase64

from monitor_jobs.capture_io.lines import Output
from monitor_jobs.capture_io.scores import Scores, best_of, binary_of
from monitor_jobs.contract.capture import WITHHELD_CONTENT_TYPE, UnreadableReason, media_type
from monitor_jobs.contract.errors import BadInput
from monitor_jobs.npy import decode_npy

MAX_LABEL_CHARACTERS: Final = 256
MAX_AXES: Final = 2
CLASS_LIMIT: Final = 2**63
_INTEGER: Final = re.compile(r"[+-]?[0-9]{1,20}")
_FLOAT: Final = re.compile(
    r"[+-]?([0-9]+\.?[0-9]*([eE][+-]?[0-9]+)?|\.[0-9]+([eE][+-]?[0-9]+)?|nan|inf(inity)?)", re.IGNORECASE
)
_MARKUP: Final = ("[", "{", "<", '"')

Rows = Sequence[Sequence[Any]]


class UnreadableAnswer(Exception):
    """An answer that holds no prediction, and why."""

    def __init__(self, reason: UnreadableReason) -> None:
        super().__init__(reason)
        self.reason = reason


WRONG_SCHEMA: Final = UnreadableReason.WRONG_SCHEMA
WRONG_ENCODING: Final = UnreadableReason.WRONG_ENCODING


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """One answer's predictions: class numbers or labels, and float64 confidences [n], NaN where only a class came.

    `scores` float64 [n, k >= 2] where the answer is rows of them. `doubts` float64 [n]: what lone probabilities leave
    to other classes, which a difference from 1 would round.
    """

    classes: Sequence[int | str]
    confidences: Scores
    scores: Scores | None = None
    doubts: Scores | None = None


def read_answer(output: Output) -> Answer:
    """The predictions of a captured answer, at least one.

    Raises UnreadableAnswer with one of these reasons. WRONG_ENCODING: BASE64 that does not decode, JSON that is no
    JSON, CSV that is not rows of numbers or labels. NAN: a score is NaN or infinite. WRONG_SCHEMA: anything else:
    empty, ragged, more than two axes, kinds mixed, a lone score outside [0, 1], an unknown content type, a label that
    cannot be printed. WITHHELD: redaction left a marker in its place. Checked in tests/unit/test_capture_io_answers.py.
    """
    if output.observed_content_type == WITHHELD_CONTENT_TYPE:
        raise UnreadableAnswer(UnreadableReason.WITHHELD)
    if output.encoding == "JSON":
        return _from_json(output.data)
    if output.encoding == "CSV":
        return _from_csv(output.data)
    return _from_bytes(_unbase64(output.data), media_type(output.observed_content_type))


def _from_bytes(body: bytes, content_type: str) -> Answer:
    if content_type == "application/x-npy":
        return _from_npy(body)
    if content_type not in ("application/json", "text/csv"):
        raise UnreadableAnswer(WRONG_SCHEMA)
    try:
        text = body.decode()
    except UnicodeDecodeError as error:
        raise UnreadableAnswer(WRONG_ENCODING) from error
    return _from_json(text) if content_type == "application/json" else _from_csv(text)


def _unbase64(data: str) -> bytes:
    try:
        return pybase64.b64decode(data, validate=True)
    except ValueError as error:  # binascii.Error, or a character beyond ASCII
        raise UnreadableAnswer(WRONG_ENCODING) from error


def _from_npy(body: bytes) -> Answer:
    try:
        array = decode_npy(body)
    except BadInput as error:
        raise UnreadableAnswer(WRONG_SCHEMA) from error
    if array.size == 0 or array.ndim > MAX_AXES:
        raise UnreadableAnswer(WRONG_SCHEMA)
    if array.dtype.kind == "f":
        return _from_scores(np.atleast_2d(array).astype(np.float64))
    return _from_classes([int(number) for number in array.ravel().tolist()])


def _from_json(text: str) -> Answer:
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        raise UnreadableAnswer(WRONG_ENCODING) from error
    except (ValueError, RecursionError) as error:  # an integer of thousands of digits; brackets without end
        raise UnreadableAnswer(WRONG_SCHEMA) from error
    if isinstance(value, dict) and "predictions" in value:
        value = value["predictions"]
    if isinstance(value, dict):
        return _from_objects([value])
    if isinstance(value, list) and value and all(isinstance(item, dict) for item in value):
        return _from_objects(value)
    return _from_rows(_rows_of(value))


def _rows_of(value: object) -> Rows:
    if not isinstance(value, list):
        return [[value]]
    return value if value and all(isinstance(row, list) for row in value) else [value]


def _from_csv(text: str) -> Answer:
    try:
        rows = [[_cell(cell.strip()) for cell in row] for row in csv.reader(io.StringIO(text), strict=True) if row]
    except csv.Error as error:
        raise UnreadableAnswer(WRONG_ENCODING) from error
    return _from_rows(rows)


def _cell(text: str) -> int | float | str:
    if _INTEGER.fullmatch(text):
        return int(text)
    if _FLOAT.fullmatch(text):
        return float(text)
    if not text or not text.isprintable() or text.startswith(_MARKUP):
        raise UnreadableAnswer(WRONG_ENCODING)
    return text


def _from_rows(rows: Rows) -> Answer:
    if {len(row) for row in rows} in (set(), {0}) or len({len(row) for row in rows}) > 1:
        raise UnreadableAnswer(WRONG_SCHEMA)
    kinds = {type(cell) for row in rows for cell in row}
    if kinds in ({int}, {bool}):
        return _from_classes([int(cell) for row in rows for cell in row])
    if kinds == {str}:
        labels = [_label(cell) for row in rows for cell in row]
        return Answer(labels, np.full(len(labels), np.nan))
    if kinds <= {int, float}:
        return _from_scores(_matrix(rows))
    raise UnreadableAnswer(WRONG_SCHEMA)


def _matrix(rows: Rows) -> Scores:
    try:
        return np.array(rows, dtype=np.float64)
    except OverflowError as error:  # an integer beyond all floats
        raise UnreadableAnswer(UnreadableReason.NAN) from error


def _from_scores(scores: Scores) -> Answer:
    if not np.isfinite(scores).all():
        raise UnreadableAnswer(UnreadableReason.NAN)
    if scores.shape[1] > 1:
        classes, confidences = best_of(scores)
        return Answer(classes.tolist(), confidences, scores)
    if ((scores >= 0) & (scores <= 1)).all():
        classes, confidences = binary_of(scores[:, 0])
        return Answer(classes.tolist(), confidences, doubts=np.minimum(scores[:, 0], 1 - scores[:, 0]))
    raise UnreadableAnswer(WRONG_SCHEMA)


def _from_classes(classes: list[int]) -> Answer:
    if not all(-CLASS_LIMIT <= number < CLASS_LIMIT for number in classes):
        raise UnreadableAnswer(WRONG_SCHEMA)
    return Answer(classes, np.full(len(classes), np.nan))


def _label(text: str) -> str:
    if not 0 < len(text) <= MAX_LABEL_CHARACTERS or not text.isprintable():
        raise UnreadableAnswer(WRONG_SCHEMA)
    return text


def _from_objects(objects: list[dict[str, Any]]) -> Answer:
    answers = [_from_object(item) for item in objects]
    return Answer(
        [item.classes[0] for item in answers],
        np.concatenate([item.confidences for item in answers]),
        doubts=np.concatenate([1 - item.confidences if item.doubts is None else item.doubts for item in answers]),
    )


def _from_object(item: dict[str, Any]) -> Answer:
    label = item.get("predicted_label", item.get("label"))
    score = next((item[key] for key in ("score", "probability", "scores") if key in item), None)
    if score is None:
        return _from_rows([[label]])
    scored = _from_scores(_matrix(_score_row(score)))
    if label is None:
        return scored
    name = _from_rows([[label]]).classes[0]
    if isinstance(score, list) and len(score) > 1:
        return Answer([name], scored.confidences)
    probability = float(score[0] if isinstance(score, list) else score)
    # SageMaker's own binary classifiers write the probability of class 1 beside whichever label they predict
    is_other_class = name == 0 and "predicted_label" in item
    sides = np.array([[1 - probability], [probability]])
    confidences, doubts = sides if is_other_class else sides[::-1]
    return Answer([name], confidences, doubts=doubts)


def _score_row(score: object) -> Rows:
    row = score if isinstance(score, list) else [score]
    if not row or not {type(cell) for cell in row} <= {int, float}:
        raise UnreadableAnswer(WRONG_SCHEMA)
    return [row]
