"""What model quality keeps of a window: the problem's own summary, and what every monitor's summary tells.

What lives here: merging. What does not: what the problem's summary is (problems), reading (reading).
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from monitor_jobs.contract.errors import BadInput
from monitor_jobs.model_quality.estimating import SeenPredictions
from monitor_jobs.model_quality.problems import (
    BinarySummary,
    MulticlassSummary,
    ProblemSummary,
    RegressionSummary,
)
from monitor_jobs.model_quality.record_values import NO_GROUND_TRUTH, WRONG_LABEL


@dataclass(frozen=True, slots=True)
class Summary:
    """A part of a window; `measured` is None where no labelled prediction was read. earliest, latest: epoch seconds.

    refused: lines by the reason for which none was read. seen: predictions with or without a label, as estimates need
    them.
    """

    records: int = 0
    refused: Mapping[str, int] = field(default_factory=dict)
    measured: ProblemSummary | None = None
    seen: SeenPredictions = field(default_factory=SeenPredictions)
    earliest: int | None = None
    latest: int | None = None

    @property
    def predictions(self) -> int:
        """Labelled predictions."""
        return 0 if self.measured is None else self.measured.rows

    @property
    def unlabelled(self) -> int:
        """Captures that could be read, and have no label."""
        return self.refused.get(NO_GROUND_TRUTH, 0)

    @property
    def unreadable(self) -> Mapping[str, int]:
        """What was refused, and labels of a third class, which only the whole window tells from the other two."""
        strays = self.measured.strays if isinstance(self.measured, BinarySummary) else 0
        lost = {reason: count for reason, count in self.refused.items() if reason != NO_GROUND_TRUTH}
        return dict(Counter(lost) + Counter({WRONG_LABEL: strays}))


def merge(left: Summary, right: Summary) -> Summary:
    """The summary of two disjoint parts together; associative and commutative."""
    earliest = [moment for moment in (left.earliest, right.earliest) if moment is not None]
    latest = [moment for moment in (left.latest, right.latest) if moment is not None]
    return Summary(
        records=left.records + right.records,
        refused=dict(Counter(left.refused) + Counter(right.refused)),
        measured=_together(left.measured, right.measured),
        seen=left.seen.merge(right.seen),
        earliest=min(earliest, default=None),
        latest=max(latest, default=None),
    )


def _together(left: ProblemSummary | None, right: ProblemSummary | None) -> ProblemSummary | None:
    match left, right:
        case None, _:
            return right
        case _, None:
            return left
        case BinarySummary(), BinarySummary():
            return left.merge(right)
        case MulticlassSummary(), MulticlassSummary():
            return left.merge(right)
        case RegressionSummary(), RegressionSummary():
            return left.merge(right)
    raise BadInput("summaries of two kinds of problem cannot be merged: summarise all parts with the same settings")
