"""Capture files for the tests of capture_io: lines made by hand, and everything read from a file in one value."""

import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from monitor_jobs.capture_io import read_predictions
from monitor_jobs.contract.capture import UnreadableReason
from monitor_jobs.contract.model_package import ModelCard
from monitor_jobs.contract.window import Window, format_timestamp

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
HOUR = Window(NOON, NOON + timedelta(hours=1))
CARD = ModelCard(classes=("stop", "go", "turn"))


class Prediction(NamedTuple):
    """One row of PredictionColumns."""

    line: int
    time: int
    label: str
    confidence: float
    event_id: str
    inference_id: str | None


class Reading(NamedTuple):
    """A whole file's predictions and counts; NaN confidences as -1, so that readings compare."""

    predictions: list[Prediction]
    records: int
    unreadable: Counter[UnreadableReason]


def line(
    data: str = "[[0.25, 0.75]]",
    *,
    encoding: str = "JSON",
    content_type: str = "application/json",
    minute: float = 0,
    event_id: str = "e",
    **metadata: Any,
) -> bytes:
    """One capture line, `minute` minutes after noon."""
    output = {"observedContentType": content_type, "mode": "OUTPUT", "data": data, "encoding": encoding}
    time = format_timestamp(NOON + timedelta(minutes=minute))
    return dump({"endpointOutput": output}, {"eventId": event_id, "inferenceTime": time, **metadata})


def dump(capture_data: Any, metadata: Any) -> bytes:
    """A line with these halves and this metadata, as they are."""
    record = {"captureData": capture_data, "eventMetadata": metadata, "eventVersion": "0"}
    return json.dumps(record, ensure_ascii=False).encode() + b"\n"


def written(folder: Path, *lines: bytes) -> Path:
    """A capture file of these lines."""
    path = folder / "capture.jsonl"
    path.write_bytes(b"".join(lines))
    return path


def reading(path: Path, window: Window | None = None, card: ModelCard = CARD) -> Reading:
    """Everything in a capture file."""
    whole = Reading([], 0, Counter())
    for columns in read_predictions(path, object_key="key", window=window, card=card):
        confidences = np.nan_to_num(columns.confidences, nan=-1).tolist()
        labels = [columns.labels[index] for index in columns.classes]
        ids = (columns.event_ids, columns.inference_ids)
        rows = zip(columns.lines.tolist(), columns.times.tolist(), labels, confidences, *ids, strict=True)
        whole.predictions.extend(map(Prediction._make, rows))
        whole.unreadable.update(columns.unreadable)
        whole = whole._replace(records=whole.records + columns.records)
    return whole


def reasons(path: Path, window: Window | None = None) -> dict[str, int]:
    """How often each reason was counted."""
    return {reason.value: count for reason, count in reading(path, window).unreadable.items()}
