"""What became of each segment of a producer: one manifest a number, numbers without a hole, so that a loss shows.

What lives here: the object, and where numbered objects lie below the side prefix of a variant. What does not: writing
manifests (service.endpoint), reading and judging them (monitor_jobs.capture_proof).
"""

import re
from datetime import datetime
from enum import StrEnum
from typing import Self

from pydantic import Field, model_validator

from monitor_jobs.contract.capture import WireTime
from monitor_jobs.contract.checked import Checked

FIRST_SEQUENCE = 1
BLOCK = 1000  # numbers that one listing tells of
_NAME = re.compile(r"(?P<sequence>[0-9]{12})\.json")


class Outcome(StrEnum):
    """What became of a segment."""

    STORED = "stored"  # it is a capture file
    EMPTY = "empty"  # not one whole record was in it
    QUARANTINED = "quarantined"  # it could not be read, and was set aside
    VANISHED = "vanished"  # somebody removed it before it was stored


class Manifest(Checked):
    """One segment: its number, what became of it and what its capture file holds, or how much is known to be lost.

    Made from the segment alone, so that whoever delivers it once more writes the same bytes. `opened_at` is the time of
    the first record, and in the hour of them all.
    """

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


def unstored(producer: str, sequence: int, opened_at: datetime, outcome: Outcome, *, records: int = 0) -> Manifest:
    """The manifest of a segment that is no capture file, and of how many records that are lost with it."""
    return Manifest(producer=producer, sequence=sequence, opened_at=opened_at, outcome=outcome, records=records)


def manifests_folder(side_prefix: str) -> str:
    """The address below which the manifests of all producers of one variant lie."""
    return f"{side_prefix}/manifests/"


def manifest_folder(side_prefix: str, producer: str) -> str:
    """The address below which one producer's manifests lie."""
    return f"{manifests_folder(side_prefix)}{producer}/"


def manifest_address(side_prefix: str, producer: str, sequence: int) -> str:
    """The address of one manifest: `{side_prefix}/manifests/{producer}/{12 digits}.json`."""
    return numbered(manifest_folder(side_prefix, producer), sequence)


def numbered(folder: str, sequence: int) -> str:
    """The name of a numbered object in its folder; names sort by number."""
    return f"{folder}{sequence:012d}.json"


def block_of(folder: str, sequence: int) -> str:
    """What begins the names of the thousand numbers of which this is one, and of no others."""
    return f"{folder}{sequence // BLOCK:09d}"


def sequence_of(key: str) -> int | None:
    """The number that a numbered object's key tells; None where it tells none."""
    match = _NAME.fullmatch(key.rpartition("/")[2])
    return int(match["sequence"]) if match else None
