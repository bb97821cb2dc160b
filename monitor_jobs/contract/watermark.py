"""What the producers of captures tell about their completeness: watermarks, and the gaps they know of.

What lives here: the two objects, and where they lie below the side prefix of a variant. What does not: writing them
(service.endpoint), and waiting for them or judging them (service.scheduler).
"""

import uuid
from datetime import datetime, timedelta
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from monitor_jobs.contract.capture import WireTime, hour_folder

SECOND = timedelta(seconds=1)


class Watermark(BaseModel):
    """How far one producer has come: every record of its with an earlier `inferenceTime` is in the store, or in a gap.

    Both `sealed_until` and what is compared with it are whole seconds. It never goes back. A closed producer has ended
    and stored all it had: nobody need wait for it any more. `last_sequence` is the highest number of a segment whose
    manifest is in the store, 0 where there is none: without it the loss of the last ones would not show.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    producer: str
    sealed_until: WireTime
    flush_interval_seconds: float = Field(gt=0)
    closed: bool = False
    last_sequence: int = Field(0, ge=0)


class Gap(BaseModel):
    """Records that were sampled and then given up: how many, why, and the half-open span of their `inferenceTime`."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_by_name=True, validate_by_alias=True)
    start: WireTime = Field(alias="from")
    end: WireTime = Field(alias="to")
    dropped: int = Field(gt=0)
    reason: str

    @model_validator(mode="after")
    def _ends_after_its_start(self) -> Self:
        if not self.start < self.end:
            raise ValueError(f"the gap ends at {self.end}, not after its start {self.start}")
        return self

    def to_json(self) -> bytes:
        """The gap as it is stored, with `from` and `to`."""
        return self.model_dump_json(by_alias=True).encode()


def watermark_folder(side_prefix: str) -> str:
    """The address below which every producer of one variant keeps its watermark."""
    return f"{side_prefix}/watermarks/"


def watermark_address(side_prefix: str, producer: str) -> str:
    """The address of one producer's watermark: `{side_prefix}/watermarks/{producer}.json`."""
    return f"{watermark_folder(side_prefix)}{producer}.json"


def gap_folder(side_prefix: str) -> str:
    """The address below which the gaps of one variant lie."""
    return f"{side_prefix}/gaps/"


def gap_address(side_prefix: str, start: datetime, gap: uuid.UUID) -> str:
    """The address of one gap marker: `{side_prefix}/gaps/yyyy/mm/dd/hh/MM-SS-{uuid4}.json` of the gap's start.

    A gap may reach into hours after that one.
    """
    return f"{gap_folder(side_prefix)}{hour_folder(start)}/{start:%M-%S}-{gap}.json"


def floor_second(moment: datetime) -> datetime:
    """The whole second at or before a moment: what `inferenceTime` keeps of it."""
    return moment.replace(microsecond=0)
