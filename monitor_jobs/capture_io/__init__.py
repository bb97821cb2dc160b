"""Capture files: writing one line fast, reading predictions fast, cutting a window out, listing records for people.

What lives here: bytes to lines, lines to columns of predictions, and the reason for every line that is none. What does
not: the format itself (contract.capture), the spool (service.endpoint), counting and judging (the analyses).
"""

from monitor_jobs.capture_io.blocks import MAX_LINE_BYTES
from monitor_jobs.capture_io.chunks import Gathering
from monitor_jobs.capture_io.contents import Contents, event_id_of, read_contents, time_of_line
from monitor_jobs.capture_io.lines import without_request
from monitor_jobs.capture_io.predictions import (
    PredictionColumns,
    Rows,
    Texts,
    labels_of,
    predictions_in,
    read_predictions,
)
from monitor_jobs.capture_io.read import UnreadableLine, read_records
from monitor_jobs.capture_io.staging import copy_lines_inside
from monitor_jobs.capture_io.write import CapturedBody, capture_line

__all__ = [
    "MAX_LINE_BYTES",
    "CapturedBody",
    "Contents",
    "Gathering",
    "PredictionColumns",
    "Rows",
    "Texts",
    "UnreadableLine",
    "capture_line",
    "copy_lines_inside",
    "event_id_of",
    "labels_of",
    "predictions_in",
    "read_contents",
    "read_predictions",
    "read_records",
    "time_of_line",
    "without_request",
]
