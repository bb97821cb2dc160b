"""categorical_values_check: texts that are not among the values that the column had."""

from monitor_jobs.data_quality.checks.categorical_distance import Mix
from monitor_jobs.data_quality.checks.column_case import (
    ColumnCase,
    Finding,
    Tally,
    excuse,
    least_share,
    percent,
    share_finding,
    shown,
)
from monitor_jobs.data_quality.checks.unseen import tolerated_unseen
from monitor_jobs.data_quality.summary import ColumnSummary

EXAMPLES = 3


def categorical_values_check(case: ColumnCase) -> Finding | None:
    """The share of present values that are in the column's domain; None where there is no domain, or no value.

    Values that the summary does not tell apart are rare ones of a column of many: they count as unknown.
    """
    domain = case.limits.domain
    if domain is None or not case.column.present:
        return None
    known = sum(count for value, count in case.column.categories.counts.items() if value in domain)
    now = Tally(max(0, case.column.present - known), case.column.present)
    required = case.limits.config.domain_content_threshold
    limit = _limit(required, now, domain, case)
    sentence = (
        f"Categorical values requirement is not met. Expected match: {percent(required)}. "
        f"Observed: Only {percent(now.kept_share)} of data is among the known values. "
        f"{now.broken} of {now.of} values are not{_examples(case.column, domain)}{excuse(limit, required, now.of)}."
    )
    return share_finding(
        case,
        metric="known_values",
        check="categorical_values_check",
        share=now.kept_share,
        limit=limit,
        sentence=sentence,
    )


def _limit(required: float, now: Tally, domain: frozenset[str], case: ColumnCase) -> float:
    """A domain that is all the baseline had says nothing of what it never met; one chosen by hand is as any rule."""
    mix = case.baseline.mix if case.baseline else None
    if mix is None:
        return required
    if mix.counts.keys() <= domain and not mix.untold:
        excused = tolerated_unseen(mix, of=now.of, level=case.level)
        return min(required, Tally(excused, now.of).kept_share)
    return least_share(required, now, _outside(mix, domain), case.level)


def _outside(mix: Mix, domain: frozenset[str]) -> Tally:
    return Tally(mix.total - sum(count for value, count in mix.counts.items() if value in domain), mix.total)


def _examples(column: ColumnSummary, domain: frozenset[str]) -> str:
    unknown = sorted((-count, value) for value, count in column.categories.counts.items() if value not in domain)
    first = ", ".join(f"{shown(value)} ({-count} times)" for count, value in unknown[:EXAMPLES])
    return f", most often {first}" if first else ""
