"""The side index of captures: Parquet files that say of whole capture files what was predicted in them.

What lives here: where they lie below the side prefix of a variant, and what each says of the files that it covers.
What does not: their columns, writing and reading them (monitor_jobs.side_index). The captures stay the truth: whatever
is not covered, or is not as the index says, is read from them.
"""

import uuid
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field

from monitor_jobs.contract.capture import UnreadableReason, hour_folder

INDEX_SUFFIX = ".parquet"


class Totals(BaseModel):
    """What capture files hold beside predictions: readable records, and lines without a prediction by reason."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    records: int = Field(ge=0)
    unreadable: Mapping[UnreadableReason, int] = Field(default_factory=dict)

    @property
    def lines(self) -> int:
        """All lines."""
        return self.records + sum(self.unreadable.values())


class IndexedCapture(Totals):
    """One capture file that an index covers, as it was when it was indexed.

    `object_key` is its path below the capture destination: `{endpoint}/{variant}/yyyy/mm/dd/hh/...`.
    """

    object_key: str
    size_bytes: int = Field(ge=0)


def totals_of(captures: Iterable[Totals]) -> Totals:
    """The sum over several capture files."""
    records, unreadable = 0, Counter[UnreadableReason]()
    for capture in captures:
        records += capture.records
        unreadable.update(capture.unreadable)
    return Totals(records=records, unreadable=unreadable)


def index_folder(side_prefix: str, hour: datetime) -> str:
    """The address below which the index of one hour lies."""
    return f"{side_prefix}/index/{hour_folder(hour)}/"


def index_address(side_prefix: str, hour: datetime, part: uuid.UUID) -> str:
    """The address of one part of an hour's index: `{side_prefix}/index/yyyy/mm/dd/hh/{uuid4}.parquet`."""
    return f"{index_folder(side_prefix, hour)}{part}{INDEX_SUFFIX}"
