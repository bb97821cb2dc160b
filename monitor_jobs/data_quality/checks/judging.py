"""All checks over all columns of a window.

What lives here: `judge`. What does not: the checks (one module each), files and environment (job).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain

from monitor_jobs.contract.report import Measurement, Violation
from monitor_jobs.data_quality.checks.baseline_columns import BaselineColumn
from monitor_jobs.data_quality.checks.chance import level_of_check
from monitor_jobs.data_quality.checks.column_case import ColumnCase, Finding
from monitor_jobs.data_quality.checks.column_names import column_findings
from monitor_jobs.data_quality.checks.completeness import completeness_check
from monitor_jobs.data_quality.checks.data_type import data_type_check
from monitor_jobs.data_quality.checks.drift import baseline_drift_check
from monitor_jobs.data_quality.checks.known_values import categorical_values_check
from monitor_jobs.data_quality.checks.limits import ColumnLimits, Limits
from monitor_jobs.data_quality.checks.non_negative import non_negative_check
from monitor_jobs.data_quality.summary import DatasetSummary

COLUMN_CHECKS = (
    data_type_check,
    completeness_check,
    non_negative_check,
    categorical_values_check,
    baseline_drift_check,
)


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the checks conclude; `remark` says in one sentence why they withheld a verdict."""

    measurements: tuple[Measurement, ...] = ()
    violations: tuple[Violation, ...] = field(default=())
    remark: str = ""


def judge(window: DatasetSummary, baseline: Mapping[str, BaselineColumn], limits: Limits) -> Judgement:
    """The verdict on a window: every check on every column that the constraints or the baseline know.

    All checks together raise a false alarm in at most one window of 100 drawn from where the baseline was; see
    docs/decisions/0024-data-quality-false-alarms.md. A window without rows has no verdict. Where constraints are not
    evaluated, what they limit is measured without a limit.
    """
    if not window.rows:
        return Judgement(remark="No verdict: 0 rows")
    expected = limits.columns or _expected_of(baseline, limits)
    names = column_findings(window.columns.keys(), expected) if limits.config.evaluated else iter(())
    findings = list(chain(names, _of_columns(window, baseline, expected)))
    return Judgement(
        measurements=tuple(finding.measurement for finding in findings),
        violations=tuple(finding.violation for finding in findings if finding.measurement.violated),
    )


def _expected_of(baseline: Mapping[str, BaselineColumn], limits: Limits) -> Mapping[str, ColumnLimits]:
    """What a baseline says without constraints: names and types."""
    return {
        name: ColumnLimits(name, expected=column.inferred_type, config=limits.config)
        for name, column in baseline.items()
    }


def _of_columns(
    window: DatasetSummary, baseline: Mapping[str, BaselineColumn], expected: Mapping[str, ColumnLimits]
) -> Iterator[Finding]:
    judged = [name for name in expected if name in window.columns]
    level = level_of_check(len(judged))
    for name in judged:
        case = ColumnCase(window.columns[name], window.rows, expected[name], baseline.get(name), level)
        found = (_named(finding, window) for check in COLUMN_CHECKS if (finding := check(case)))
        yield from found if case.limits.config.evaluated else map(_without_limit, found)


def _without_limit(finding: Finding) -> Finding:
    return finding._replace(measurement=finding.measurement.model_copy(update={"limit": None}))


def _named(finding: Finding, window: DatasetSummary) -> Finding:
    """The finding with the captured records that show it."""
    violation = finding.violation
    records = window.witnesses.get((violation.feature_name, violation.constraint_check_type), ())
    return finding._replace(violation=violation.model_copy(update={"offending_records": records}))
