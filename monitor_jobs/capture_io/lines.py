"""One capture line: its record, or the reason why there is none.

What lives here: the part of a record that reading needs, its decoding, and the classification of everything else. What
does not: the prediction inside the answer (answers), windows (placement).
"""

import functools
import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final, TypeVar

import msgspec
import numpy as np
import orjson

from monitor_jobs.contract.capture import Encoding, UnreadableReason
from monitor_jobs.contract.errors import BadInput
from monitor_jobs.contract.window import parse_timestamp

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND: Final = timedelta(microseconds=1)
JSON_SPACE: Final = b" \t\r\n"
MAX_TIME_CHARACTERS: Final = 64
NO_TIME: Final = int(np.iinfo(np.int64).min)  # stands for the time of a line whose time cannot be read
BEGINNING: Final = b'{"captureData":{"endpoint'
AFTER_BEGINNING: Final = b'Output":{'
ANSWER: Final = b'"endpointOutput":{'
INCOMPLETE_CHARACTER: Final = "unexpected end of data"  # UnicodeDecodeError.reason where a character is cut short


# Bounds: no answer is longer than InvokeEndpoint's 6 MiB in base64, and times are remembered by their text.
AnswerText = Annotated[str, msgspec.Meta(max_length=8_388_608)]
TimeText = Annotated[str, msgspec.Meta(max_length=MAX_TIME_CHARACTERS)]


class Output(msgspec.Struct, gc=False, frozen=True, rename="camel"):
    """The captured answer."""

    data: AnswerText
    encoding: Encoding
    observed_content_type: str = ""


class CaptureHalves(msgspec.Struct, gc=False, frozen=True, rename="camel"):
    """The answer, which every monitor needs; the request is passed over."""

    endpoint_output: Output


class Metadata(msgspec.Struct, gc=False, frozen=True, rename="camel"):
    """Who and when."""

    event_id: str
    inference_time: TimeText
    inference_id: str | None = None


class Line(msgspec.Struct, gc=False, frozen=True, rename="camel"):
    """What reading needs of a record; other fields are passed over."""

    capture_data: CaptureHalves
    event_metadata: Metadata


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a line holds no record, and its own time in microseconds since 1970, or NO_TIME."""

    reason: UnreadableReason
    time_us: int = NO_TIME


LineT = TypeVar("LineT")

decode_answered: Final = msgspec.json.Decoder(Line).decode
_UNDECODABLE: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


def without_request(line: bytes) -> bytes:
    """A line as capture_line writes it, less the request, which is most of it and which no prediction needs.

    Any other line is left as it is, so that it is refused for the same reason.
    """
    start = line.rfind(ANSWER)  # within a body its quotes would be escaped
    intact = start > 0 and line.startswith(BEGINNING) and b"\0" not in line and _is_text(line)
    return BEGINNING + line[start + len(ANSWER) - len(AFTER_BEGINNING) :] if intact else line


def _is_text(line: bytes) -> bool:
    try:
        return line.isascii() or bool(line.decode())
    except UnicodeDecodeError:
        return False


def decode_lines(text: bytes, lines: list[LineT], decode: Callable[[bytes], LineT]) -> Iterator[bytes]:
    """Appends the record of every line of `text` to `lines`; stops at each line that holds none to yield its bytes.

    So all records before that line are in `lines` by then, and none behind it. `decode` is a JSON decoder of msgspec.
    """
    if not text.isascii():
        decode = _strict(decode)
    stream = io.BytesIO(text)
    while True:
        try:
            # extend and map loop in C, keep what came before an error, and go on behind the offending line
            lines.extend(map(decode, stream))
        except _UNDECODABLE:
            end = stream.tell()
            yield text[text.rfind(b"\n", 0, end - 1) + 1 : end]
        else:
            return


def decode_line(raw: bytes) -> Line:
    """The record of one line. Raises msgspec.DecodeError, UnicodeDecodeError or RecursionError where it is none."""
    return _strict(decode_answered)(raw)


def _strict(decode: Callable[[bytes], LineT]) -> Callable[[bytes], LineT]:
    def decode_text(raw: bytes) -> LineT:
        raw.decode()  # the decoder does not look into the strings that it passes over
        return decode(raw)

    return decode_text


def refusal_of(raw: bytes) -> Refusal:
    """Why a line that is not blank holds no record; the first of these that fits.

    NUL: a raw NUL byte. TRUNCATED: valid up to its end, which comes too early, be it within a character. NOT_UTF8.
    MALFORMED: not JSON otherwise. WRONG_SCHEMA: JSON, but without an answer, an id or a legible time; the time is kept
    where there is one; also an answer above 6 MiB. Checked in tests/unit/test_capture_io_lines.py.
    """
    if b"\0" in raw:
        return Refusal(UnreadableReason.NUL)
    try:
        return Refusal(UnreadableReason.WRONG_SCHEMA, _time_within(orjson.loads(raw)))
    except orjson.JSONDecodeError:
        return Refusal(_json_fault(raw.rstrip(JSON_SPACE)))


def time_of(raw: bytes) -> int:
    """The inferenceTime of one line in microseconds since 1970, or NO_TIME, where it has one that is legible."""
    try:
        return microseconds_of(decode_line(raw).event_metadata.inference_time)
    except _UNDECODABLE:
        return refusal_of(raw).time_us


@functools.lru_cache(maxsize=4096)
def microseconds_of(text: str) -> int:
    """Microseconds since 1970 of an ISO 8601 text (UTC where it names no zone), or NO_TIME."""
    try:
        return (parse_timestamp(text) - EPOCH) // MICROSECOND
    except (BadInput, OverflowError):
        return NO_TIME


def _json_fault(raw: bytes) -> UnreadableReason:
    """What is wrong with a line that is no JSON, its white space at the end removed."""
    try:
        orjson.loads(raw.decode())
    except UnicodeDecodeError as error:
        return UnreadableReason.TRUNCATED if error.reason == INCOMPLETE_CHARACTER else UnreadableReason.NOT_UTF8
    except orjson.JSONDecodeError as error:
        return UnreadableReason.TRUNCATED if error.pos >= len(error.doc) else UnreadableReason.MALFORMED
    return UnreadableReason.MALFORMED


def _time_within(value: Any) -> int:  # noqa: ANN401  any JSON value
    metadata = value.get("eventMetadata") if isinstance(value, dict) else None
    text = metadata.get("inferenceTime") if isinstance(metadata, dict) else None
    legible = isinstance(text, str) and len(text) <= MAX_TIME_CHARACTERS
    return microseconds_of(text) if legible else NO_TIME
