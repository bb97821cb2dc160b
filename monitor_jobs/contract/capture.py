"""Data capture as SageMaker writes it: one JSON line a request, the configuration that asks for it, the key layout.

What lives here: names, types and pure formatting. What does not: reading and writing files (capture_io), the spool
(service.endpoint). Follows the AWS developer guide, "Capture data from real-time endpoint".
"""

import uuid
from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, PlainSerializer, StringConstraints, field_validator
from pydantic.alias_generators import to_camel, to_pascal

from monitor_jobs.contract.window import format_timestamp

CAPTURE_SUFFIX = ".jsonl"
SIDE_FOLDER = "_sextant"  # foreign monitors read everything below {endpoint}/{variant}: our own files stay beside it
EVENT_VERSION = "0"
WITHHELD_CONTENT_TYPE = "application/vnd.sextant.withheld+json"  # of the marker of a body that was not captured

Encoding = Literal["CSV", "JSON", "BASE64"]
WireTime = Annotated[AwareDatetime, PlainSerializer(format_timestamp, return_type=str)]
ContentType = Annotated[str, StringConstraints(min_length=1, max_length=256, pattern=r"^[^\s/;]+/[^\s/;]+$")]


class UnreadableReason(StrEnum):
    """Why a capture line could not be judged."""

    TRUNCATED = "truncated"  # the JSON text ends before its last brace
    NOT_UTF8 = "not_utf8"
    NUL = "nul"
    MALFORMED = "malformed"  # not JSON, and not merely cut short
    TOO_LONG = "too_long"  # longer than any answer SageMaker allows could make it
    WRONG_ENCODING = "wrong_encoding"  # `data` is not what `encoding` says it is
    WRONG_SCHEMA = "wrong_schema"  # JSON, but no capture record, or no prediction that a monitor can read
    NAN = "nan"  # a score is NaN or infinite
    ROWS_DIFFER = "rows_differ"  # the answer has neither one row nor as many as the request
    WITHHELD = "withheld"  # the answer was not captured: the rules of redaction could not be applied to it


class _Wire(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, frozen=True, extra="ignore")


class Payload(_Wire):
    """One half of an exchange: the body as text in its declared encoding."""

    observed_content_type: str = ""
    mode: Literal["INPUT", "OUTPUT"]
    data: str
    encoding: Encoding


class CaptureData(_Wire):
    """The halves that were captured; a half that CaptureOptions leaves out is absent."""

    endpoint_input: Payload | None = None
    endpoint_output: Payload | None = None


class EventMetadata(_Wire):
    """Who and when. `inference_id` and `custom_attributes` are present only where the caller sent them."""

    event_id: str
    inference_id: str | None = None
    custom_attributes: list[str] | None = None
    inference_time: WireTime


class CaptureRecord(_Wire):
    """One line of a capture file."""

    capture_data: CaptureData
    event_metadata: EventMetadata
    event_version: str = EVENT_VERSION

    def to_line(self) -> bytes:
        """The record as one JSON line with its newline, absent fields left out."""
        return self.model_dump_json(by_alias=True, exclude_none=True).encode() + b"\n"


class _Shape(BaseModel):
    model_config = ConfigDict(alias_generator=to_pascal, populate_by_name=True, frozen=True, extra="ignore")


class CaptureOption(_Shape):
    """Which half to capture."""

    capture_mode: Literal["Input", "Output", "InputAndOutput"]


class CaptureContentTypeHeader(_Shape):
    """Content types whose bodies are captured as text; everything else becomes BASE64."""

    csv_content_types: list[ContentType] = Field(default_factory=list, max_length=10)
    json_content_types: list[ContentType] = Field(default_factory=list, max_length=10)


class DataCaptureConfig(_Shape):
    """SageMaker's DataCaptureConfig; EnableCapture absent means enabled."""

    enable_capture: bool = True
    initial_sampling_percentage: int = Field(ge=0, le=100)
    destination_s3_uri: str = Field(max_length=512, pattern=r"^s3://")
    kms_key_id: str | None = None
    capture_options: list[CaptureOption] = Field(min_length=1, max_length=32)
    capture_content_type_header: CaptureContentTypeHeader = CaptureContentTypeHeader()

    @field_validator("destination_s3_uri")
    @classmethod
    def _without_trailing_slash(cls, uri: str) -> str:
        # AWS kept the slash, and its schedules then looked below `//endpoint` and found nothing.
        return uri.rstrip("/")

    @property
    def captures_input(self) -> bool:
        """True where request bodies are captured."""
        return any(option.capture_mode in ("Input", "InputAndOutput") for option in self.capture_options)

    @property
    def captures_output(self) -> bool:
        """True where answer bodies are captured."""
        return any(option.capture_mode in ("Output", "InputAndOutput") for option in self.capture_options)


def media_type(content_type: str) -> str:
    """A Content-Type header without its parameters, in lower case."""
    return content_type.partition(";")[0].strip().lower()


def encoding_of(content_type: str, header: CaptureContentTypeHeader) -> Encoding:
    """How a body of this content type is captured: CSV, JSON, or BASE64 for everything not listed."""
    observed = media_type(content_type)
    if _listed(observed, header.csv_content_types):
        return "CSV"
    return "JSON" if _listed(observed, header.json_content_types) else "BASE64"


def _listed(observed: str, content_types: Iterable[str]) -> bool:
    return any(observed == content_type.lower() for content_type in content_types)


def variant_prefix(destination: str, endpoint: str, variant: str) -> str:
    """The address below which all captures of one variant lie: `{destination}/{endpoint}/{variant}`."""
    return f"{destination.rstrip('/')}/{endpoint}/{variant}"


def hour_folder(hour: datetime) -> str:
    """The four folders of a full hour, `yyyy/mm/dd/hh`, in UTC."""
    return hour.strftime("%Y/%m/%d/%H")


def capture_file_path(opened_at: datetime, segment: uuid.UUID) -> str:
    """A capture file's path below its variant: `yyyy/mm/dd/hh/MM-SS-mmm-{uuid4}.jsonl`."""
    milliseconds = opened_at.microsecond // 1000
    return f"{hour_folder(opened_at)}/{opened_at:%M-%S}-{milliseconds:03d}-{segment}{CAPTURE_SUFFIX}"


def opened_at_of(key: str) -> datetime | None:
    """When the first record of a capture file was answered, as its key tells; None where the key is not of ours."""
    parts = key.rpartition("/")[0].split("/")[-4:]
    time = "/".join([*parts, key.rpartition("/")[2][:9]])
    try:
        return datetime.strptime(time + "+0000", "%Y/%m/%d/%H/%M-%S-%f%z")
    except ValueError:
        return None


def side_prefix(destination: str, endpoint: str, variant: str) -> str:
    """The address below which Sextant keeps its own files about one variant's captures."""
    return f"{destination.rstrip('/')}/{SIDE_FOLDER}/{endpoint}/{variant}"
