"""What the producers of captures tell about their completeness: watermarks, and the gaps they know of.

What lives here: the objects, where they lie below the side prefix of a variant, and what producers are called. What
does not: writing them (service.endpoint), waiting for them (service.scheduler), judging them
(monitor_jobs.capture_proof).
"""

import re
import uuid
from datetime import UTC, datetime, timedelta
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from monitor_jobs.contract.capture import WireTime, hour_folder
from monitor_jobs.contract.checked import Checked
from monitor_jobs.contract.manifest import numbered

SECOND = timedelta(seconds=1)
_PRODUCER = re.compile("[0-9a-f]{32}")


class Watermark(Checked):
    """How far one producer has come: every record of its with an earlier `inferenceTime` is in the store, or in a gap.

    Both `sealed_until` and what is compared with it are whole seconds. It never goes back. A closed producer has ended
    and stored all it had: nobody need wait for it any more. Up to `last_sequence` every segment has its manifest in the
    store, and up to `last_gap` every gap its marker, 0 where there is none: without them the loss of the last ones
    would not show.
    """

    producer: str
    sealed_until: WireTime
    flush_interval_seconds: float = Field(gt=0)
    closed: bool = False
    last_sequence: int = Field(0, ge=0)
    last_gap: int = Field(0, ge=0)


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


class GapMarker(Checked):
    """A gap as one producer wrote it down; its markers are numbered from 1 without a hole, so that a lost one shows.

    A disk that is full for hours takes the marker late, among those of younger gaps. Two times tell where to look for
    it all the same, neither of which goes back from one marker to the next: `written_at`, after all that it tells of,
    and `sealed_until`, what the watermark had promised by then, before all of that.
    """

    producer: str
    sequence: int = Field(ge=1)
    written_at: WireTime
    sealed_until: WireTime
    gap: Gap


def new_producer(born_at: datetime) -> str:
    """A name that no producer has, 32 hexadecimal digits; the first eight are the second in which it was born."""
    return f"{int(born_at.timestamp()):08x}{uuid.uuid4().hex[8:]}"


def born_at_of(producer: str) -> datetime | None:
    """The second in which a producer was born, as its name tells; None where that is no name of ours."""
    return datetime.fromtimestamp(int(producer[:8], 16), UTC) if _PRODUCER.fullmatch(producer) else None


def open_watermark_folder(side_prefix: str) -> str:
    """The address below which every producer of one variant that has not ended keeps its watermark."""
    return f"{side_prefix}/watermarks/open/"


def closed_watermark_folder(side_prefix: str) -> str:
    """The address below which the watermarks of those that have ended lie, by the hour in which they did."""
    return f"{side_prefix}/watermarks/closed/"


def open_watermark_address(side_prefix: str, producer: str) -> str:
    """The address of the watermark of a producer that has not ended: `watermarks/open/{producer}.json`."""
    return f"{open_watermark_folder(side_prefix)}{producer}.json"


def closed_watermark_address(side_prefix: str, watermark: Watermark) -> str:
    """The address of a closed watermark: `watermarks/closed/yyyy/mm/dd/hh/{producer}.json` of its `sealed_until`."""
    hour = hour_folder(watermark.sealed_until)
    return f"{closed_watermark_folder(side_prefix)}{hour}/{watermark.producer}.json"


def producer_of(key: str) -> str:
    """Whose watermark has that key."""
    return key.rpartition("/")[2].removesuffix(".json")


def closing_hour_of(key: str) -> datetime | None:
    """The hour in which the producer ended, as the key of its closed watermark tells; None for any other key."""
    try:
        return datetime.strptime("/".join(key.split("/")[-5:-1]) + "+0000", "%Y/%m/%d/%H%z")
    except ValueError:
        return None


def gap_folder(side_prefix: str, producer: str) -> str:
    """The address below which one producer's gap markers lie."""
    return f"{side_prefix}/gaps/{producer}/"


def gap_address(side_prefix: str, producer: str, sequence: int) -> str:
    """The address of one gap marker: `{side_prefix}/gaps/{producer}/{12 digits}.json`."""
    return numbered(gap_folder(side_prefix, producer), sequence)


def floor_second(moment: datetime) -> datetime:
    """The whole second at or before a moment: what `inferenceTime` keeps of it."""
    return moment.replace(microsecond=0)
