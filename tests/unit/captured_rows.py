"""Capture lines with both halves, for tests of the rows that they become."""

import base64
import json
from datetime import timedelta
from typing import Any

from monitor_jobs.contract.window import format_timestamp
from tests.unit.capture_io_files import NOON, dump

Half = dict[str, str]


def csv_half(data: str) -> Half:
    return {"data": data, "encoding": "CSV", "observedContentType": "text/csv; charset=utf-8"}


def json_half(value: Any) -> Half:
    """The text of a value; a text is taken as it is."""
    data = value if isinstance(value, str) else json.dumps(value)
    return {"data": data, "encoding": "JSON", "observedContentType": "application/json"}


def bytes_half(body: bytes, content_type: str = "image/png") -> Half:
    return {"data": base64.b64encode(body).decode(), "encoding": "BASE64", "observedContentType": content_type}


def exchange(
    asked: Half | None, answered: Half | None, *, minute: float = 0, event_id: str = "e", **metadata: Any
) -> bytes:
    """One capture line, `minute` minutes after noon."""
    halves = {}
    if asked is not None:
        halves["endpointInput"] = {"mode": "INPUT", **asked}
    if answered is not None:
        halves["endpointOutput"] = {"mode": "OUTPUT", **answered}
    time = format_timestamp(NOON + timedelta(minutes=minute))
    return dump(halves, {"eventId": event_id, "inferenceTime": time, **metadata})
