"""completeness_check: the share of rows that have a value."""

from monitor_jobs.data_quality.checks.column_case import (
    ColumnCase,
    Finding,
    Tally,
    excuse,
    least_share,
    percent,
    share_finding,
)


def completeness_check(case: ColumnCase) -> Finding | None:
    """The share of the window's rows with a value in the column; None where no completeness is asked for."""
    required = case.limits.completeness
    if required is None:
        return None
    now = Tally(max(0, case.rows - case.column.present), case.rows)
    before = Tally(case.baseline.missing, case.baseline.present + case.baseline.missing) if case.baseline else None
    limit = least_share(required, now, before, case.level)
    sentence = (
        f"Data completeness requirement is not met. Expected completeness: {percent(required)}. "
        f"Observed: Only {percent(now.kept_share)} of data is complete. "
        f"{now.broken} of {now.of} rows have no value{excuse(limit, required, now.of)}."
    )
    return share_finding(
        case, metric="completeness", check="completeness_check", share=now.kept_share, limit=limit, sentence=sentence
    )
