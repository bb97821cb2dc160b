"""Labelled rows until there are enough for arrays to pay.

What lives here: gathering them, and the summary of what was gathered. What does not: reading them (reading).
"""

from collections import Counter
from dataclasses import dataclass, field

import numpy as np

from monitor_jobs.model_quality.estimating import Seeing
from monitor_jobs.model_quality.problems import (
    ClassRows,
    NumberRows,
    ProblemSummary,
    ScoredRows,
    summarise_binary,
    summarise_multiclass,
    summarise_regression,
)
from monitor_jobs.model_quality.problems.samples import Keys, key_of
from monitor_jobs.model_quality.record_values import LabelledRow, ScoredPrediction
from monitor_jobs.model_quality.settings import ProblemType, QualitySettings
from monitor_jobs.model_quality.summary import Summary


@dataclass(slots=True)
class Part:
    """Rows, their keys, records that they came from, and lines that are none by reason; times in epoch seconds.

    seeing: predictions with or without a label, for estimates.
    """

    seeing: Seeing
    rows: list[LabelledRow] = field(default_factory=list)
    keys: list[int] = field(default_factory=list)
    records: int = 0
    unreadable: Counter[str] = field(default_factory=Counter)
    times: list[int] = field(default_factory=list)

    def add(self, rows: list[LabelledRow], identity: str, scored: list[ScoredPrediction]) -> None:
        """Take the rows of one record, which the identity tells from all others, and their scores if they have some."""
        keys = [key_of(f"{identity}:{place}") for place in range(len(rows))]
        self.records += 1
        self.rows += rows
        self.keys += keys
        self.seeing.label(scored, [truth for truth, _, _ in rows], keys)

    def summary(self, settings: QualitySettings) -> Summary:
        """What is kept of them."""
        return Summary(
            records=self.records,
            refused=dict(self.unreadable),
            measured=_measured(self.rows, np.array(self.keys, dtype=np.uint64), settings) if self.rows else None,
            seen=self.seeing.kept(),
            earliest=min(self.times, default=None),
            latest=max(self.times, default=None),
        )


def _measured(rows: list[LabelledRow], keys: Keys, settings: QualitySettings) -> ProblemSummary:
    truths, said, scores = zip(*rows, strict=True)
    if settings.problem is ProblemType.REGRESSION:
        return summarise_regression(NumberRows(np.array(truths), np.array(said), keys))
    if settings.problem is ProblemType.MULTICLASS:
        return summarise_multiclass(ClassRows(truths, said, keys))
    return summarise_binary(ScoredRows(truths, said, np.array(scores), keys), settings.positive)
