"""Columns of predictions for the tests of class skew, as capture_io hands them over."""

from collections.abc import Sequence

import numpy as np

from monitor_jobs.capture_io import PredictionColumns

NOON = 1_795_176_000  # 2026-11-20T12:00:00Z


def columns(
    labels: Sequence[str],
    *,
    object_key: str = "demo/AllTraffic/2026/11/20/12/a.jsonl",
    lines: Sequence[int] | None = None,
    times: Sequence[int] | None = None,
    confidences: Sequence[float] | None = None,
) -> PredictionColumns:
    """One prediction a label, in line order; one line a prediction and one second a line where not told otherwise."""
    lines = list(range(1, len(labels) + 1)) if lines is None else lines
    names = tuple(dict.fromkeys(labels))
    return PredictionColumns(
        object_keys=(object_key,),
        files=np.zeros(len(labels), dtype=np.int32),
        lines=np.array(lines, dtype=np.int64),
        times=np.array([NOON + line for line in lines] if times is None else times, dtype=np.int64),
        classes=np.array([names.index(label) for label in labels], dtype=np.int32),
        answered=names,
        labels=names,
        confidences=np.array([np.nan] * len(labels) if confidences is None else confidences, dtype=np.float32),
        event_ids=np.array([f"event-{object_key}-{line}" for line in lines], dtype=object),
        inference_ids=np.array([f"caller-{line}" if line % 2 else None for line in lines], dtype=object),
        records=len(set(lines)),
        unreadable={},
    )
