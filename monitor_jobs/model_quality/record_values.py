"""One record's truths and predictions, row by row.

What lives here: a merged capture line, or values that stand side by side in columns, to labelled rows. What does not:
files (reading), places in a body (attributes), names of classes (spelling).
"""

import csv
import io
from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

import msgspec
import numpy as np
import pybase64

from monitor_jobs.capture_io.lines import Metadata, Output, refusal_of
from monitor_jobs.contract.capture import WITHHELD_CONTENT_TYPE, UnreadableReason, media_type
from monitor_jobs.contract.errors import BadInput
from monitor_jobs.model_quality.attributes import Attribute, NotThere, values_in, values_in_csv, values_in_json
from monitor_jobs.model_quality.metrics.exact_sums import LARGEST
from monitor_jobs.model_quality.settings import ProblemType, QualitySettings
from monitor_jobs.model_quality.spelling import Classes, NoClass, class_name, number
from monitor_jobs.npy import decode_npy

WRONG_SCHEMA: Final = UnreadableReason.WRONG_SCHEMA.value
NO_GROUND_TRUTH: Final = "no_ground_truth"
WRONG_LABEL: Final = "wrong_label"  # ground truth that is no class, or no number where numbers are predicted
LABELS_DIFFER: Final = "labels_differ"  # not as many labels as predictions

# Truth, prediction and the probability of the positive class, NaN where there is none.
LabelledRow = tuple[Any, Any, float]


class ScoredPrediction(NamedTuple):
    """A predicted class, its own score in [0, 1], NaN where there is none, and the scores of all classes if known."""

    name: str
    best_score: float
    scores: tuple[float, ...] | None = None


class NotLabelled(Exception):
    """A record that no metric can count, and why."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Values(NamedTuple):
    """What belongs together, a value a row; scores decide where nothing is said, and there may be none otherwise."""

    truths: Sequence[Any]
    said: Sequence[Any] | None
    scores: Sequence[Any] | None


class GroundTruth(msgspec.Struct, frozen=True, rename="camel"):
    """What ground truth says."""

    data: str | int | float | bool
    encoding: str = "CSV"


class _Halves(msgspec.Struct, gc=False, frozen=True, rename="camel"):
    endpoint_output: Output


class MergedLine(msgspec.Struct, frozen=True, rename="camel"):
    """What of a merged line is read."""

    capture_data: _Halves
    event_metadata: Metadata
    ground_truth_data: GroundTruth | None = None


_decode: Final = msgspec.json.Decoder(MergedLine).decode


def decode_merged(raw: bytes) -> MergedLine:
    """The record of one line. Raises NotLabelled with the reason that every monitor gives."""
    try:
        raw.decode()
        return _decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise NotLabelled(refusal_of(raw).reason.value) from error


def rows_of_record(line: MergedLine, settings: QualitySettings, classes: Classes) -> list[LabelledRow]:
    """The labelled predictions of a captured record; a batch has several. Raises NotLabelled."""
    if line.ground_truth_data is None:
        raise NotLabelled(NO_GROUND_TRUTH)
    truths = _truths(line.ground_truth_data, settings.ground_truth)
    output = line.capture_data.endpoint_output
    if output.observed_content_type == WITHHELD_CONTENT_TYPE:
        raise NotLabelled(UnreadableReason.WITHHELD.value)
    by_scores = settings.inference is None and settings.probability is not None
    said = None if by_scores else _values(output, settings.inference)
    counts_scores = settings.probability is not None and settings.problem is ProblemType.BINARY
    scores = _values(output, settings.probability) if counts_scores else None
    return rows_of_values(Values(truths, said, scores), settings, classes)


def rows_of_values(values: Values, settings: QualitySettings, classes: Classes) -> list[LabelledRow]:
    """Rows of values that belong together. Raises NotLabelled."""
    read = _number if settings.problem is ProblemType.REGRESSION else _named(classes)
    labels = _all(read, values.truths, WRONG_LABEL)
    chances = [np.nan] * len(labels)
    if values.scores is not None and settings.problem is ProblemType.BINARY:
        chances = _all(number, values.scores, WRONG_SCHEMA)
    if values.said is not None:
        predictions = _all(read, values.said, WRONG_SCHEMA)
    else:
        predictions = [settings.positive if chance >= settings.threshold else settings.negative for chance in chances]
        labels = [_of_two(label, settings) for label in labels]
    if not len(labels) == len(predictions) == len(chances):
        raise NotLabelled(LABELS_DIFFER)
    return list(zip(labels, predictions, chances, strict=True))


def named_labels(given: GroundTruth, attribute: Attribute | None, classes: Classes) -> list[str]:
    """The classes that ground truth says. Raises NotLabelled."""
    return named_classes(_truths(given, attribute), classes, WRONG_LABEL)


def named_classes(values: Sequence[Any], classes: Classes, reason: str) -> list[str]:
    """The classes that values stand for. Raises NotLabelled with the reason where one stands for none."""
    return _all(_named(classes), values, reason)


def _truths(given: GroundTruth, attribute: Attribute | None) -> list[Any]:
    """One label a prediction: every value of CSV or of a JSON list, or those that an attribute names."""
    try:
        if not isinstance(given.data, str):
            return [given.data]
        if given.encoding == "JSON":
            return values_in_json(given.data, attribute)
        if attribute is not None:
            return values_in_csv(given.data, attribute)
        return [cell.strip() for row in csv.reader(io.StringIO(given.data), strict=True) for cell in row]
    except (NotThere, csv.Error) as error:
        raise NotLabelled(WRONG_LABEL) from error


def _values(output: Output, attribute: Attribute | None) -> list[Any]:
    """One value a prediction of a captured answer. Raises NotLabelled."""
    try:
        if output.encoding == "CSV":
            return values_in_csv(output.data, attribute)
        if output.encoding == "JSON":
            return values_in_json(output.data, attribute)
        return _values_of_bytes(pybase64.b64decode(output.data, validate=True), output, attribute)
    except NotThere as error:
        raise NotLabelled(WRONG_SCHEMA) from error
    except ValueError as error:  # binascii.Error, UnicodeDecodeError
        raise NotLabelled(UnreadableReason.WRONG_ENCODING.value) from error


def _values_of_bytes(body: bytes, output: Output, attribute: Attribute | None) -> list[Any]:
    content_type = media_type(output.observed_content_type)
    if content_type == "text/csv":
        return values_in_csv(body.decode(), attribute)
    if content_type == "application/json":
        return values_in_json(body.decode(), attribute)
    try:
        return values_in(decode_npy(body).tolist(), attribute)
    except BadInput as error:
        raise NotThere("no .npy array") from error


def _all(read: Callable[[Any], Any], values: Sequence[Any], reason: str) -> list[Any]:
    try:
        return [read(value) for value in values]
    except NoClass as error:
        raise NotLabelled(reason) from error


def _named(classes: Classes) -> Callable[[Any], str]:
    return lambda value: class_name(value, classes)


def _number(value: Any) -> float:  # noqa: ANN401  any JSON value
    found = number(value)
    if abs(found) > LARGEST:
        raise NoClass
    return found


def _of_two(label: str, settings: QualitySettings) -> str:
    """Scores name no class below the threshold: there any class is the negative one, unless classes are 1 and 0."""
    return label if label == settings.positive or settings.negative == "0" else settings.negative


def scored_predictions(line: MergedLine, settings: QualitySettings, classes: Classes) -> list[ScoredPrediction]:
    """The predictions of a captured record with their scores, whether it has a label or not.

    None where they cannot be read, which `rows_of_record` gives the reason of.
    """
    output = line.capture_data.endpoint_output
    if settings.problem is ProblemType.REGRESSION or output.observed_content_type == WITHHELD_CONTENT_TYPE:
        return []
    try:
        said = None if settings.inference is None else _values(output, settings.inference)
        scores = None if settings.probability is None else _values(output, settings.probability)
        return scored_values(Values((), said, scores), settings, classes)
    except NotLabelled:
        return []


def scored_values(values: Values, settings: QualitySettings, classes: Classes) -> list[ScoredPrediction]:
    """Predictions with the score of their own class, of values that belong together. Raises NotLabelled.

    Of two classes a probability is the positive one's, as in the metrics; of many it is the prediction's own. Numbers
    that are predicted have none.
    """
    if settings.problem is ProblemType.REGRESSION:
        return []
    chances = [np.nan] * len(values.said or ()) if values.scores is None else _all(number, values.scores, WRONG_SCHEMA)
    if values.said is None:
        names = [settings.positive if chance >= settings.threshold else settings.negative for chance in chances]
    else:
        names = named_classes(values.said, classes, WRONG_SCHEMA)
    if len(names) != len(chances):
        raise NotLabelled(LABELS_DIFFER)
    of_two = settings.problem is ProblemType.BINARY
    return [
        ScoredPrediction(name, 1 - chance if of_two and name != settings.positive else chance)
        for name, chance in zip(names, chances, strict=True)
    ]
