"""What is known to be missing from the captures of a window.

What lives here: the findings, and the file that tells a monitor of them. What does not: how they are found
(monitor_jobs.capture_proof), and what a report makes of them (monitor_jobs.job).
"""

from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field

from monitor_jobs.contract.capture import WireTime

CHECK_TYPE = "capture_completeness_check"


class FindingKind(StrEnum):
    """In which way captures of a window are not what was sampled."""

    GAP = "gap"  # dropped, counted and written down by the endpoint
    HOLE = "hole"  # a number of a segment or a gap is missing: nobody knows how many records it was about
    MISSING_OBJECT = "missing_object"  # a manifest tells of a capture file that is not there
    CHANGED_OBJECT = "changed_object"  # a capture file is not what its manifest says
    UNKNOWN_OBJECT = "unknown_object"  # a capture file that no manifest tells of
    LOST_SEGMENT = "lost_segment"  # a segment was set aside or removed before it was stored
    NOT_SEALED = "not_sealed"  # a producer has not said that all it has of the window is stored
    DUPLICATE = "duplicate"  # one event is there more than once
    UNREADABLE = "unreadable"  # a manifest, gap or watermark is not what it should be
    NOT_ERASED = "not_erased"  # lines that were erased are in a capture file, still or again


class Finding(BaseModel):
    """One thing that is wrong; `records` is how many are known to be concerned, 0 where nobody can tell."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    kind: FindingKind
    detail: str
    reason: str = ""
    records: int = Field(0, ge=0)
    producer: str | None = None
    sequence: int | None = None
    object_key: str | None = None


class RemovalKind(StrEnum):
    """On whose wish records are not there any more."""

    ERASED = "erased"  # an id's, asked for by a person
    RETENTION = "retention"  # all of the hour: they were older than captures are kept


class Removal(BaseModel):
    """Records that were removed on purpose, and that no proof misses; 0 where nobody counted them."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    kind: RemovalKind
    detail: str
    records: int = Field(0, ge=0)
    object_key: str | None = None


class CaptureProof(BaseModel):
    """All findings over one window; none where every sampled record is there, or was removed on purpose.

    `producers` is how many were there to capture in it: where there was none, nothing was captured, or somebody removed
    all that tells of it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    endpoint: str
    start: WireTime
    end: WireTime
    producers: int = Field(0, ge=0)
    findings: tuple[Finding, ...] = ()
    removals: tuple[Removal, ...] = ()

    @property
    def complete(self) -> bool:
        """True where nothing is missing, nor in doubt."""
        return not self.findings

    def losses(self) -> "CaptureProof":
        """Only what makes a verdict on the window doubtful; captures that others put there as well do not."""
        doubtful = tuple(finding for finding in self.findings if finding.kind in _LOSSES)
        return self.model_copy(update={"findings": doubtful})

    @property
    def missing_records(self) -> int:
        """How many records are known to be missing; holes and what is not sealed may hide more."""
        return sum(finding.records for finding in self.findings if finding.kind in _MISSING)

    def summary(self) -> str:
        """The findings in one sentence: kinds with counts, gaps and lost segments by reason."""
        if self.complete:
            return f"Capture is complete.{self._removed()}" if self.producers or self.removals else _NOBODY
        counts: dict[str, tuple[int, int]] = {}
        for finding in self.findings:
            name = f"{finding.kind.replace('_', ' ')}{f' ({finding.reason})' if finding.reason else ''}"
            findings, records = counts.get(name, (0, 0))
            counts[name] = (findings + 1, records + finding.records)
        parts = [f"{findings} {name}{_of(records)}" for name, (findings, records) in counts.items()]
        return f"Capture is incomplete: {'; '.join(parts)}.{self._removed()}"

    def _removed(self) -> str:
        erased = sum(each.records for each in self.removals if each.kind is RemovalKind.ERASED)
        sentences = [f" {erased} {'record was' if erased == 1 else 'records were'} erased."] if erased else []
        retained = (each for each in self.removals if each.kind is RemovalKind.RETENTION)
        return "".join([*sentences, *(f" Removed by retention: {each.detail}." for each in retained)])


_LOSSES = frozenset(FindingKind) - {
    FindingKind.UNKNOWN_OBJECT,
    FindingKind.DUPLICATE,
    FindingKind.NOT_ERASED,
}
_MISSING = frozenset({FindingKind.GAP, FindingKind.MISSING_OBJECT, FindingKind.LOST_SEGMENT})
_NOBODY = "Nobody captured in this window: nothing is missing, unless all that tells of it was removed."


def _of(records: int) -> str:
    return f" of {records} {'record' if records == 1 else 'records'}" if records else ""
