"""is_non_negative: numbers that are below zero where the baseline's never were.

AWS's constraint file has the constraint, and its list of violations no name for it: it is named after the constraint.
"""

from monitor_jobs.data_quality.checks.baseline_columns import BaselineColumn
from monitor_jobs.data_quality.checks.column_case import (
    ColumnCase,
    Finding,
    Tally,
    excuse,
    least_share,
    percent,
    share_finding,
)


def non_negative_check(case: ColumnCase) -> Finding | None:
    """The share of numbers that are not negative; None where they may be, or there is none."""
    numbers = case.column.integral + case.column.fractional
    if not case.limits.non_negative or not numbers:
        return None
    now = Tally(case.column.negative, numbers)
    limit = least_share(1.0, now, _before(case.baseline), case.level)
    sentence = (
        f"Non-negative requirement is not met. Expected match: 100.0%. "
        f"Observed: Only {percent(now.kept_share)} of data is non-negative. "
        f"{now.broken} of {now.of} numbers are below zero, the least {case.column.moments.minimum:g}"
        f"{excuse(limit, 1.0, now.of)}."
    )
    return share_finding(
        case, metric="non_negative", check="is_non_negative_check", share=now.kept_share, limit=limit, sentence=sentence
    )


def _before(baseline: BaselineColumn | None) -> Tally | None:
    """The baseline's numbers, none of them negative; None where it had a negative one, or does not say."""
    if baseline is None or baseline.minimum is None or baseline.minimum < 0:
        return None
    return Tally(0, baseline.present)
