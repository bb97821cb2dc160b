"""Files to labelled predictions: captures with their ground truth, or datasets that hold both in columns.

What lives here: a file to summaries of some thousand rows each. What does not: merging ground truth into captures
(monitor_jobs.ground_truth), one record's values (record_values), spellings.
"""

import io
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Final

import numpy as np

from monitor_jobs.capture_io.blocks import LongLine, read_blocks
from monitor_jobs.capture_io.lines import JSON_SPACE, NO_TIME, microseconds_of
from monitor_jobs.contract.capture import UnreadableReason
from monitor_jobs.contract.dataset_format import CaptureFormat
from monitor_jobs.contract.errors import BadInput
from monitor_jobs.contract.window import Window
from monitor_jobs.feature_table import FeatureTable, read_table
from monitor_jobs.model_quality.attributes import Attribute
from monitor_jobs.model_quality.problems import (
    ClassRows,
    NumberRows,
    ProblemSummary,
    ScoredRows,
    summarise_binary,
    summarise_multiclass,
    summarise_regression,
)
from monitor_jobs.model_quality.problems.samples import key_of
from monitor_jobs.model_quality.record_values import (
    LabelledRow,
    MergedLine,
    NotLabelled,
    Values,
    decode_merged,
    rows_of_record,
    rows_of_values,
)
from monitor_jobs.model_quality.settings import ProblemType, QualitySettings
from monitor_jobs.model_quality.spelling import Classes
from monitor_jobs.model_quality.summary import Summary
from monitor_jobs.monitor import CaptureFile

ROWS_AT_ONCE: Final = 20_000
MICROSECONDS_A_SECOND: Final = 1_000_000


def read_labelled(file: CaptureFile, settings: QualitySettings) -> Iterator[Summary]:
    """Summaries of a file's labelled predictions, in parts; memory does not grow with the file.

    A captured line counts where its time is inside the file's window. Lines without a label or a prediction that can be
    read are counted by reason. Raises OSError, and BadInput for a dataset without the columns that are named.
    """
    classes = Classes(file.card.classes, settings.renamed)
    if isinstance(file.dataset_format, CaptureFormat):
        return _captured(file, settings, classes)
    return (_of_table(table, file.object_key, at, settings, classes) for at, table in _numbered(read_table(file)))


@dataclass(slots=True)
class _Part:
    """Labelled rows, until there are enough for arrays to pay."""

    rows: list[LabelledRow] = field(default_factory=list)
    keys: list[int] = field(default_factory=list)
    records: int = 0
    unreadable: Counter[str] = field(default_factory=Counter)
    times: list[int] = field(default_factory=list)

    def add(self, rows: list[LabelledRow], identity: str) -> None:
        self.records += 1
        self.rows += rows
        self.keys += (key_of(f"{identity}:{place}") for place in range(len(rows)))

    def summary(self, settings: QualitySettings) -> Summary:
        return Summary(
            records=self.records,
            unreadable=dict(self.unreadable),
            measured=_measured(self.rows, np.array(self.keys, dtype=np.uint64), settings) if self.rows else None,
            earliest=min(self.times, default=None),
            latest=max(self.times, default=None),
        )


def _captured(file: CaptureFile, settings: QualitySettings, classes: Classes) -> Iterator[Summary]:
    part = _Part()
    for raw in _lines(file):
        if raw is None:
            part.unreadable[UnreadableReason.TOO_LONG.value] += 1
        else:
            _take(raw, part, file.window, settings, classes)
        if len(part.rows) >= ROWS_AT_ONCE:
            yield part.summary(settings)
            part = _Part()
    yield part.summary(settings)


def _lines(file: CaptureFile) -> Iterator[bytes | None]:
    for block in read_blocks(file.path):
        if isinstance(block, LongLine):
            yield None
        else:
            yield from (raw for raw in io.BytesIO(block.text) if raw.strip(JSON_SPACE))


def _take(raw: bytes, part: _Part, window: Window | None, settings: QualitySettings, classes: Classes) -> None:
    try:
        line = decode_merged(raw)
        time_us = _time_inside(line, window)
        if time_us is None:
            return
        rows = rows_of_record(line, settings, classes)
    except NotLabelled as error:
        part.unreadable[error.reason] += 1
    else:
        part.times.append(time_us // MICROSECONDS_A_SECOND)
        part.add(rows, line.event_metadata.event_id)


def _time_inside(line: MergedLine, window: Window | None) -> int | None:
    """A record's time in microseconds, None where it is outside the window. Raises NotLabelled where it has none."""
    time_us = microseconds_of(line.event_metadata.inference_time)
    if time_us == NO_TIME:
        raise NotLabelled(UnreadableReason.WRONG_SCHEMA.value)
    seconds = time_us / MICROSECONDS_A_SECOND
    inside = window is None or window.start.timestamp() <= seconds < window.end.timestamp()
    return time_us if inside else None


def _numbered(tables: Iterator[FeatureTable]) -> Iterator[tuple[int, FeatureTable]]:
    at = 0
    for table in tables:
        yield at, table
        at += table.rows


def _of_table(table: FeatureTable, object_key: str, at: int, settings: QualitySettings, classes: Classes) -> Summary:
    part = _Part(unreadable=Counter({reason.value: count for reason, count in table.unreadable.items()}))
    truths = _column(table, settings.ground_truth, "ground_truth_attribute")
    said = _column(table, settings.inference, "inference_attribute") if settings.inference else None
    scores = _column(table, settings.probability, "probability_attribute") if settings.probability else None
    if said is None and scores is None:
        raise BadInput("a dataset needs inference_attribute, or probability_attribute: name the column of predictions")
    for row in range(table.rows):
        own = slice(row, row + 1)
        values = Values(truths[own], said and said[own], scores and scores[own])
        try:
            part.add(rows_of_values(values, settings, classes), f"{object_key}:{at + row}")
        except NotLabelled as error:
            part.unreadable[error.reason] += 1
    return part.summary(settings)


def _column(table: FeatureTable, attribute: Attribute | None, variable: str) -> list[Any]:
    if attribute is None:
        raise BadInput(f"a dataset needs {variable}: name the column, one of {', '.join(table.columns)}")
    name = attribute.text
    if attribute.index is not None and name not in table.columns:
        name = next(islice(table.columns, attribute.index, None), name)
    elif attribute.steps is not None:
        name = ".".join(map(str, attribute.steps))
    if name not in table.columns:
        raise BadInput(
            f"{variable} is {attribute.text!r}, and columns are {', '.join(table.columns)}: name one of them"
        )
    values: list[Any] = table.columns[name].to_pylist()
    return values


def _measured(rows: list[LabelledRow], keys: Any, settings: QualitySettings) -> ProblemSummary:  # noqa: ANN401
    truths, said, scores = zip(*rows, strict=True)
    if settings.problem is ProblemType.REGRESSION:
        return summarise_regression(NumberRows(np.array(truths), np.array(said), keys))
    if settings.problem is ProblemType.MULTICLASS:
        return summarise_multiclass(ClassRows(truths, said, keys))
    return summarise_binary(ScoredRows(truths, said, np.array(scores), keys), settings.positive)
