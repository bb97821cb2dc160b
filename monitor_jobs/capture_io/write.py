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
    halves: list[bytes] = []
    if request is not None:
        halves += _half("endpointInput", "INPUT", request)
    if response is not None:
        halves += _half("endpointOutput", "OUTPUT", response)
    metadata: dict[str, str | list[str]] = {
        "eventId": event_id,
        "inferenceTime": _wire_time(floor(inference_time.timestamp())),
    }
    if inference_id is not None:
        metadata["inferenceId"] = inference_id
    if custom_attributes is not None:
        metadata["customAttributes"] = [custom_attributes]
    # Joined once: each copy of a large body costs as much as all the rest. The first half's comma is left out.
    return b"".join((b'{"captureData":{', *halves[1:], b'},"eventMetadata":', orjson.dumps(metadata), _END))


_END = b',"eventVersion":' + orjson.dumps(EVENT_VERSION) + b"}\n"


def _half(name: str, mode: Literal["INPUT", "OUTPUT"], captured: CapturedBody) -> tuple[bytes, ...]:
    data, encoding = _as_json_text(captured)
    before, after = _frame(name, mode, captured.content_type, encoding)
    return (b",", before, *data, after)


@lru_cache(maxsize=64)
def _frame(name: str, mode: str, content_type: str, encoding: Encoding) -> tuple[bytes, bytes]:
    # made once: callers send few content types, and making it takes longer than encoding a small body
    fields = orjson.dumps({"observedContentType": content_type, "mode": mode})
    return orjson.dumps(name) + b":" + fields[:-1] + b',"data":', b',"encoding":' + orjson.dumps(encoding) + b"}"


@lru_cache(maxsize=16)
def _wire_time(second: int) -> str:
    # formatting takes as long as all the rest of a small line, and many lines share their second
    return format_timestamp(datetime.fromtimestamp(second, UTC))


def _as_json_text(captured: CapturedBody) -> tuple[tuple[bytes, ...], Encoding]:
    if captured.encoding != "BASE64":
        try:
            return (orjson.dumps(captured.body.decode()),), captured.encoding
        except UnicodeDecodeError:
            pass  # declared text, but bytes: BASE64 keeps them
    return (b'"', pybase64.b64encode(captured.body), b'"'), "BASE64"
