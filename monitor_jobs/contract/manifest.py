"""What became of each segment of a producer: one manifest a number, numbers without a hole, so that a loss shows.

What lives here: the object, and where it lies below the side prefix of a variant. What does not: writing manifests
(service.endpoint), reading and judging them (monitor_jobs.capture_proof).
"""

import re
from datetime import datetime
from enum import StrEnum
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from monitor_jobs.contract.capture import WireTime

FIRST_SEQUENCE = 1  # 0 numbers what belongs to no segment
_NAME = re.compile(r"(?P<sequence>[0-9]{12})\.json")


class Outcome(StrEnum):
    """What became of a segment."""

    STORED = "stored"  # it is a capture file
    EMPTY = "empty"  # not one whole record was in it
    QUARANTINED = "quarantined"  # it could not be read, and was set aside
    VANISHED = "vanished"  # somebody removed it before it was stored


class Manifest(BaseModel):
    """One segment: its number, what became of it and, where it is stored, what its capture file holds.

    Made from the segment alone, so that whoever delivers it once more writes the same bytes. `opened_at` is the time of
    the first record, and in the hour of them all.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    producer: str
    sequence: int = Field(ge=0)
    opened_at: WireTime
    outcome: Outcome
    object_key: str | None = None
    records: int = Field(0, ge=0)
    size_bytes: int = Field(0, ge=0)
    sha256: str | None = None
    first_inference_time: WireTime | None = None
    last_inference_time: WireTime | None = None

    @model_validator(mode="after")
    def _names_its_object(self) -> Self:
        if (self.outcome is Outcome.STORED) is not (self.object_key is not None):
            raise ValueError(f"a segment that is {self.outcome} has object_key {self.object_key!r}")
        return self

    def to_json(self) -> bytes:
        """The manifest as it is stored."""
        return self.model_dump_json(exclude_none=True).encode()


def unstored(producer: str, sequence: int, opened_at: datetime, outcome: Outcome) -> Manifest:
    """The manifest of a segment that is no capture file."""
    return Manifest(producer=producer, sequence=sequence, opened_at=opened_at, outcome=outcome)


def manifest_folder(side_prefix: str, producer: str) -> str:
    """The address below which one producer's manifests lie."""
    return f"{side_prefix}/manifests/{producer}/"


def manifest_address(side_prefix: str, producer: str, sequence: int) -> str:
    """The address of one manifest: `{side_prefix}/manifests/{producer}/{12 digits}.json`; names sort by number."""
    return f"{manifest_folder(side_prefix, producer)}{sequence:012d}.json"


def sequence_of(key: str) -> int | None:
    """The number that a manifest's key tells; None where it is no manifest's."""
    match = _NAME.fullmatch(key.rpartition("/")[2])
    return int(match["sequence"]) if match else None
