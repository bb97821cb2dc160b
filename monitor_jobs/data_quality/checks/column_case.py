"""One column in front of the checks, and what a check finds of it.

What lives here: the values that go into a check and come out of it, and the sentence of a share. What does not: checks.
"""

from dataclasses import dataclass
from hashlib import sha256
from typing import Final, NamedTuple

from monitor_jobs.contract.container import MAX_METRIC_NAME_CHARACTERS
from monitor_jobs.contract.report import Measurement, Violation
from monitor_jobs.data_quality.checks.baseline_columns import BaselineColumn
from monitor_jobs.data_quality.checks.chance import tolerated
from monitor_jobs.data_quality.checks.limits import ColumnLimits
from monitor_jobs.data_quality.summary import ColumnSummary

DIGEST_CHARACTERS: Final = 12
SHOWN_CHARACTERS: Final = 40  # of a value that callers sent


@dataclass(frozen=True, slots=True)
class ColumnCase:
    """A column of the window, the window's rows, its limits, its baseline, and how often a check may err on it."""

    column: ColumnSummary
    rows: int
    limits: ColumnLimits
    baseline: BaselineColumn | None
    level: float


class Finding(NamedTuple):
    """A measurement, and the violation that it is where its limit is not kept."""

    measurement: Measurement
    violation: Violation


@dataclass(frozen=True, slots=True)
class Tally:
    """How many of some values break a rule."""

    broken: int
    of: int

    @property
    def kept_share(self) -> float:
        """The share that does not, 0..1; nothing breaks no rule."""
        return (self.of - self.broken) / self.of if self.of else 1.0


def share_finding(case: ColumnCase, *, metric: str, check: str, share: float, limit: float, sentence: str) -> Finding:
    """The share of a column's values that keep a rule, and the violation that it is below its limit."""
    name = case.column.name
    return Finding(
        Measurement(name=metric_name(metric, name), value=share, unit="ratio", limit=limit, keeps=">="),
        Violation(feature_name=name, constraint_check_type=check, description=sentence),
    )


def least_share(required: float, now: Tally, before: Tally | None, level: float) -> float:
    """The share of values that must keep a rule: what is required, or less where chance explains less.

    Without a baseline it is what is required, as at AWS. So it is where the baseline itself falls short by more than
    one value: the limit was then chosen against it, and it excuses nothing.
    """
    if before is None or not before.of or before.kept_share < required - 1 / before.of:
        return required
    excused = tolerated(of=now.of, broken_before=before.broken, of_before=before.of, level=level)
    return min(required, Tally(excused, now.of).kept_share)


def metric_name(metric: str, column: str) -> str:
    """AWS's name of a column's metric; a column too long for CloudWatch is cut, and a digest tells it from others."""
    name = f"feature_{metric}_{column}"
    if len(name) <= MAX_METRIC_NAME_CHARACTERS:
        return name
    digest = sha256(column.encode(errors="surrogatepass")).hexdigest()[:DIGEST_CHARACTERS]
    return f"{name[: MAX_METRIC_NAME_CHARACTERS - DIGEST_CHARACTERS - 1]}_{digest}"


def percent(share: float) -> str:
    """A share as AWS writes it."""
    return f"{100 * share}%"


def shown(value: str) -> str:
    """A value that callers sent, quoted and not longer than a glance."""
    return repr(value if len(value) <= SHOWN_CHARACTERS else value[: SHOWN_CHARACTERS - 3] + "...")


def excuse(limit: float, required: float, of: int) -> str:
    """What chance would have explained, where it explains anything."""
    if limit >= required:
        return ""
    return f", more than the {round((1 - limit) * of)} that chance explains after this baseline"
