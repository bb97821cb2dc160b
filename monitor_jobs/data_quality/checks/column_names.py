"""missing_column_check and extra_column_check: the columns themselves, by name.

AWS counts columns; we compare names, so that a renamed column is both missing and extra.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Final

from monitor_jobs.contract.report import Measurement, Violation
from monitor_jobs.data_quality.checks.column_case import Finding, shown
from monitor_jobs.data_quality.checks.limits import ColumnLimits

NAMED_COLUMNS: Final = 25


def column_findings(columns: Collection[str], expected: Mapping[str, ColumnLimits]) -> Iterator[Finding]:
    """How many columns are missing and extra; nothing where no column is expected by name.

    A column whose constraints are not evaluated may be missing.
    """
    if not expected:
        return
    required = {name for name, limits in expected.items() if limits.config.evaluated}
    missing = [name for name in expected if name in required and name not in columns]
    extra = [name for name in columns if name not in expected]
    counts = (
        f"Number of columns in current dataset: {len(columns)}, "
        f"Number of columns in baseline constraints: {len(expected)}"
    )
    yield _finding("missing", missing, f"There are missing columns in current dataset. {counts}")
    yield _finding("extra", extra, f"There are extra columns in current dataset. {counts}")


def _finding(kind: str, names: Sequence[str], sentence: str) -> Finding:
    return Finding(
        Measurement(name=f"{kind}_columns", value=len(names), unit="count", limit=0),
        Violation(
            feature_name=f"{kind.capitalize()} columns",
            constraint_check_type=f"{kind}_column_check",
            description=f"{sentence}. {kind.capitalize()}: {_listed(names)}",
        ),
    )


def _listed(names: Sequence[str]) -> str:
    more = len(names) - NAMED_COLUMNS
    return ", ".join(map(shown, names[:NAMED_COLUMNS])) + (f" and {more} more" if more > 0 else "")
