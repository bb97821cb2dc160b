"""constraints.json that a summary of known good data suggests, in AWS's words.

What lives here: `suggested_constraints`. What does not: statistics.json (statistics), judging by constraints and what
chance may excuse (checks): what is suggested here is what the baseline shows, and no more.
"""

from typing import Any, Final

from monitor_jobs.contract.errors import BadInput
from monitor_jobs.contract.report import Constraints
from monitor_jobs.data_quality.summary import Categories, ColumnSummary, DatasetSummary, InferredType

MAX_DOMAIN = 120
MAX_SHARE_OF_SINGLES = 0.1

MONITORING_CONFIG: Final[dict[str, Any]] = {
    "evaluate_constraints": "Enabled",
    "emit_metrics": "Enabled",
    "datatype_check_threshold": 1.0,
    "domain_content_threshold": 1.0,
    "distribution_constraints": {
        "perform_comparison": "Enabled",
        "comparison_threshold": 0.1,
        "comparison_method": "Robust",
        "categorical_comparison_threshold": 0.1,
        "categorical_drift_method": "LInfinity",
    },
}


def suggested_constraints(summary: DatasetSummary) -> Constraints:
    """Types, completeness, signs and domains as they were seen. Raises BadInput where there is no row to see."""
    if not summary.rows:
        unreadable = sum(summary.unreadable.values())
        raise BadInput(f"no row in the dataset ({unreadable} lines cannot be read): give a baseline of known good data")
    features = [_constraints_of(column, summary.rows) for column in summary.columns.values()]
    return Constraints(features=features, monitoring_config=MONITORING_CONFIG)


def has_domain(categories: Categories) -> bool:
    """True for texts that are names of a few things: at most 120, of which at most a tenth occur but once.

    Deequ, on which AWS's monitor is built, profiles and suggests categorical ranges by these figures.
    """
    if categories.others or not 0 < len(categories.counts) <= MAX_DOMAIN:
        return False
    singles = sum(count == 1 for count in categories.counts.values())
    return singles <= MAX_SHARE_OF_SINGLES * len(categories.counts)


def _constraints_of(column: ColumnSummary, rows: int) -> dict[str, Any]:
    constraints: dict[str, Any] = {
        "name": column.name,
        "inferred_type": column.inferred_type.value,
        "completeness": column.present / rows,
    }
    match column.inferred_type:
        case InferredType.INTEGRAL | InferredType.FRACTIONAL:
            constraints["num_constraints"] = {"is_non_negative": not column.negative}
        case InferredType.STRING if has_domain(column.categories):
            constraints["string_constraints"] = {"domains": sorted(column.categories.counts)}
    return constraints
