"""Files to labelled predictions: captures with their ground truth, or datasets that hold both in columns.

What lives here: a file to summaries of some thousand rows each. What does not: merging ground truth into captures
(monitor_jobs.ground_truth), one record's values (record_values), spellings.
"""

import io
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from typing import Any, Final

from monitor_jobs.capture_io import read_predictions
from monitor_jobs.capture_io.blocks import LongLine, read_blocks
from monitor_jobs.capture_io.lines import JSON_SPACE, NO_TIME, microseconds_of
from monitor_jobs.contract.capture import UnreadableReason
from monitor_jobs.contract.dataset_format import CaptureFormat
from monitor_jobs.contract.errors import BadInput
from monitor_jobs.contract.window import Window
from monitor_jobs.feature_table import FeatureTable, read_table
from monitor_jobs.model_quality.answers import answers_in, ground_truth_by_line, rows_of_answer, scored_of_answer
from monitor_jobs.model_quality.attributes import Attribute
from monitor_jobs.model_quality.estimating import Seeing
from monitor_jobs.model_quality.parts import Part
from monitor_jobs.model_quality.record_values import (
    MergedLine,
    NotLabelled,
    ScoredPrediction,
    Values,
    decode_merged,
    rows_of_record,
    rows_of_values,
    scored_predictions,
    scored_values,
)
from monitor_jobs.model_quality.scripted import scripted
from monitor_jobs.model_quality.settings import QualitySettings
from monitor_jobs.model_quality.spelling import Classes, NoClass, class_name
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
    settings = _with_spelt_positive(settings, classes)
    if isinstance(file.dataset_format, CaptureFormat):
        whole = settings.reads_whole_answers and file.script is None  # what a script makes has names
        return (_answered if whole else _captured)(file, settings, classes)
    return (_of_table(table, file.object_key, at, settings, classes) for at, table in _numbered(read_table(file)))


def _with_spelt_positive(settings: QualitySettings, classes: Classes) -> QualitySettings:
    """The positive one of two classes under the name that the card gives it, as labels have theirs."""
    try:
        return replace(settings, positive=class_name(settings.positive, classes))
    except NoClass:  # blank in the card: no label is of it
        return settings


def _captured(file: CaptureFile, settings: QualitySettings, classes: Classes) -> Iterator[Summary]:
    part = Part(Seeing(settings.label_free, classes))
    for raw in scripted(_lines(file), file.script):
        if raw is None:
            part.unreadable[UnreadableReason.TOO_LONG.value] += 1
        else:
            _take(raw, part, file.window, settings, classes)
        if max(len(part.rows), part.seeing.predictions) >= ROWS_AT_ONCE:
            yield part.summary(settings)
            part = Part(Seeing(settings.label_free, classes))
    yield part.summary(settings)


def _answered(file: CaptureFile, settings: QualitySettings, classes: Classes) -> Iterator[Summary]:
    """Of answers that are read as every monitor here reads them: a chunk at a time, its labels beside it."""
    labels = ground_truth_by_line(file.path)
    for columns in read_predictions(file.path, object_key=file.object_key, window=file.window, card=file.card):
        part = Part(
            Seeing(settings.label_free, classes),
            unreadable=Counter({reason.value: count for reason, count in columns.unreadable.items()}),
        )
        for answer in answers_in(columns, labels, settings, classes):
            scored = scored_of_answer(answer, classes) if part.seeing.wanted else []
            part.seeing.see(scored)
            try:
                rows = rows_of_answer(answer, settings, classes)
            except NotLabelled as error:
                part.unreadable[error.reason] += 1
            else:
                part.times.append(answer.time)
                part.add(rows, answer.event_id, scored)
        yield part.summary(settings)


def _lines(file: CaptureFile) -> Iterator[bytes | None]:
    for block in read_blocks(file.path):
        if isinstance(block, LongLine):
            yield None
        else:
            yield from (raw for raw in io.BytesIO(block.text) if raw.strip(JSON_SPACE))


def _take(raw: bytes, part: Part, window: Window | None, settings: QualitySettings, classes: Classes) -> None:
    try:
        line = decode_merged(raw)
        time_us = _time_inside(line, window)
        if time_us is None:
            return
        scored = scored_predictions(line, settings, classes) if part.seeing.wanted else []
        part.seeing.see(scored)
        rows = rows_of_record(line, settings, classes)
    except NotLabelled as error:
        part.unreadable[error.reason] += 1
    else:
        part.times.append(time_us // MICROSECONDS_A_SECOND)
        part.add(rows, line.event_metadata.event_id, scored)


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
    part = Part(
        Seeing(settings.label_free, classes),
        unreadable=Counter({reason.value: count for reason, count in table.unreadable.items()}),
    )
    truths = _column(table, settings.ground_truth, "ground_truth_attribute")
    said = _column(table, settings.inference, "inference_attribute") if settings.inference else None
    scores = _column(table, settings.probability, "probability_attribute") if settings.probability else None
    if said is None and scores is None:
        raise BadInput("a dataset needs inference_attribute, or probability_attribute: name the column of predictions")
    for row in range(table.rows):
        own = slice(row, row + 1)
        values = Values(truths[own], said and said[own], scores and scores[own])
        try:
            rows = rows_of_values(values, settings, classes)
        except NotLabelled as error:
            part.unreadable[error.reason] += 1
        else:
            scored = _scored_row(values, settings, classes)
            part.seeing.see(scored)
            part.add(rows, f"{object_key}:{at + row}", scored)
    return part.summary(settings)


def _scored_row(values: Values, settings: QualitySettings, classes: Classes) -> list[ScoredPrediction]:
    """The predictions of a row with their scores; none where those cannot be read, which metrics of many do without."""
    try:
        return scored_values(values, settings, classes)
    except NotLabelled:
        return []


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
