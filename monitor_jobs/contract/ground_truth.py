"""Ground truth as clients upload it, and what came of merging it into captures.

What lives here: names, and the file that tells a monitor of the merge. What does not: the merge
(monitor_jobs.ground_truth). Follows the AWS developer guide, "Ingest ground truth labels and merge them with
predictions".
"""

import json
from datetime import datetime
from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field

from monitor_jobs.contract.capture import hour_folder

GROUND_TRUTH_SUFFIX = ".jsonl"
MERGED_DATASET_FORMAT = json.dumps({"sagemakerMergeJson": {"captureIndexNames": ["endpointOutput"]}})


class UnreadableLabel(StrEnum):
    """Why a line of ground truth holds no label."""

    MALFORMED = "malformed"  # not JSON, cut short, or not UTF-8
    WRONG_SCHEMA = "wrong_schema"  # JSON, but without groundTruthData or eventId as the guide has them
    TOO_LONG = "too_long"  # its id or its label is longer than any could be


class MergeCounts(BaseModel):
    """What a merge has seen.

    captures: readable records of the window; unreadable_captures: its other lines, by reason. labels: distinct ids of
    the ground truth that was looked at, which may belong to other windows; matched: those of them that a capture of
    this window has; repeated: lines whose id came before, of which the last upload counts; conflicting: those of them
    that said something else than the one before.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    captures: int = Field(0, ge=0)
    labelled: int = Field(0, ge=0)
    unreadable_captures: dict[str, int] = Field(default_factory=dict)
    labels: int = Field(0, ge=0)
    matched: int = Field(0, ge=0)
    repeated: int = Field(0, ge=0)
    conflicting: int = Field(0, ge=0)
    unreadable_labels: dict[str, int] = Field(default_factory=dict)

    @property
    def unlabelled(self) -> int:
        """Captures without a label."""
        return self.captures - self.labelled

    @property
    def unmatched(self) -> int:
        """Labels without a capture."""
        return self.labels - self.matched

    def summary(self) -> str:
        """What was found in one sentence."""
        said = [f"{self.labelled} of {self.captures} captures have a label"]
        others = {
            f"{self.unmatched} labels have no capture in the window": self.unmatched,
            f"{self.repeated} labels were uploaded again": self.repeated,
            f"{self.conflicting} of them with another value": self.conflicting,
            f"{sum(self.unreadable_labels.values())} lines of ground truth cannot be read": self.unreadable_labels,
        }
        return ", ".join([*said, *(sentence for sentence, count in others.items() if count)])


def ground_truth_folder(address: str, hour: datetime) -> str:
    """The address of what was uploaded in one hour: `{address}/yyyy/mm/dd/hh/`."""
    return f"{address.rstrip('/')}/{hour_folder(hour)}/"
