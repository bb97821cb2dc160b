"""Writing: one answered request as one line of a capture file, in a few microseconds.

What lives here: bodies to a JSON line. What does not: which requests are captured, and where their lines go.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from math import floor
from typing import Literal

import orjson
import pybase64

from monitor_jobs.contract.capture import EVENT_VERSION, Encoding
from monitor_jobs.contract.window import format_timestamp


@dataclass(frozen=True, slots=True)
class CapturedBody:
    """One body as it went over the wire, and the encoding that its content type asks for."""

    body: bytes
    content_type: str
    encoding: Encoding


def capture_line(
    *,
    event_id: str,
    inference_time: datetime,
    request: CapturedBody | None,
    response: CapturedBody | None,
    inference_id: str | None,
    custom_attributes: str | None,
) -> bytes:
    r"""One JSON line with its newline; parsed, it equals CaptureRecord.to_line. Absent halves and ids are left out.

    A body declared CSV or JSON that is not valid UTF-8 is written BASE64, so that no byte is lost. Text is kept
    verbatim: a NUL in it becomes the escape \u0000, so a raw NUL byte in a capture file is always damage.
    `inference_time` is aware. Checked in tests/unit/test_capture_io_write.py.
    """
    halves: dict[str, dict[str, str]] = {}
    if request is not None:
        halves["endpointInput"] = _payload(request, "INPUT")
    if response is not None:
        halves["endpointOutput"] = _payload(response, "OUTPUT")
    metadata: dict[str, str | list[str]] = {
        "eventId": event_id,
        "inferenceTime": _wire_time(floor(inference_time.timestamp())),
    }
    if inference_id is not None:
        metadata["inferenceId"] = inference_id
    if custom_attributes is not None:
        metadata["customAttributes"] = [custom_attributes]
    record = {"captureData": halves, "eventMetadata": metadata, "eventVersion": EVENT_VERSION}
    return orjson.dumps(record, option=orjson.OPT_APPEND_NEWLINE)


@lru_cache(maxsize=16)
def _wire_time(second: int) -> str:
    # formatting takes as long as all the rest of a small line, and many lines share their second
    return format_timestamp(datetime.fromtimestamp(second, UTC))


def _payload(captured: CapturedBody, mode: Literal["INPUT", "OUTPUT"]) -> dict[str, str]:
    data, encoding = _as_text(captured)
    return {"observedContentType": captured.content_type, "mode": mode, "data": data, "encoding": encoding}


def _as_text(captured: CapturedBody) -> tuple[str, Encoding]:
    if captured.encoding != "BASE64":
        try:
            return captured.body.decode(), captured.encoding
        except UnicodeDecodeError:
            pass  # declared text, but bytes: BASE64 keeps them
    return pybase64.b64encode_as_string(captured.body), "BASE64"
