"""The places a captured record can be in, and all their counts at one instant."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

OK, FAILED, REFUSED = "ok", "failed", "refused"  # outcomes of a request to the store


class Source(StrEnum):
    """Where a captured record came from."""

    REQUEST = "request"
    ADOPTED = "adopted"  # left in the spool by a process that died


class DropReason(StrEnum):
    """Why a sampled record was given up."""

    SPOOL_FULL = "spool_full"  # the byte budget is spent
    QUEUE_FULL = "queue_full"  # requests come faster than the disk takes them
    DISK_FULL = "disk_full"
    DISK_ERROR = "disk_error"
    UNENCODABLE = "unencodable"  # no capture line can be made of it
    VANISHED = "vanished"  # somebody else removed its segment before it was stored
    CLOSED = "closed"  # it came after the end


class Fate(StrEnum):
    """What an answer that waits for its capture is told."""

    SAFE = "safe"  # on the disk, or not sampled
    AT_RISK = "at_risk"  # dropped, or the disk does not say that it has it


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All counts at one instant."""

    captured: Mapping[Source, int]
    stored: int
    dropped: Mapping[DropReason, int]
    quarantined: int
    backlog_records: int
    backlog_bytes: int
    oldest_backlog: datetime | None
    store_requests: Mapping[tuple[str, ...], int]  # by operation and outcome
    store_refuses: bool  # the last answer of the store was that it will not have this, and trying again cannot help

    @property
    def balanced(self) -> bool:
        """True where every captured record is in exactly one place."""
        settled = self.stored + self.quarantined + sum(self.dropped.values())
        return sum(self.captured.values()) == settled + self.backlog_records
