"""The verdict of model quality on a window.

What lives here: `judge` and `suggest_baseline`, and the sentences that they give. What does not: metrics (problems),
limits (constraints), files (job).
"""

import math
from collections.abc import Iterator, Mapping

from monitor_jobs.contract.errors import BadInput
from monitor_jobs.contract.report import CONSTRAINTS_FILE, Constraints, Dataset, Measurement, Statistics, Violation
from monitor_jobs.model_quality.constraints import (
    Comparison,
    Limit,
    Limits,
    QualityStatistics,
    statistics_of,
    suggested,
)
from monitor_jobs.model_quality.problems import BinarySummary, Metric, ProblemSummary
from monitor_jobs.model_quality.summary import Summary, merge
from monitor_jobs.monitor import Verdict

__all__ = ["Summary", "judge", "merge", "suggest_baseline"]

ERRORS_IN_UNITS = frozenset({"mae", "mse", "rmse"})
NEEDS_SCORES = "auc"
NEEDS_ROWS = "r2"


def judge(summary: Summary, limits: Limits, judged_from: int) -> Verdict:
    """The verdict on a window: every metric, and a violation for each that is beyond its limit.

    No limit is held against a window below `judged_from` labelled predictions, against a metric of a class that no
    truth is of, an area under ROC without scores of both classes, nor the r2 of one row; the remark says so. Raises
    BadInput for a limit on a metric that this kind of problem does not have.
    """
    measured = summary.measured
    if measured is None:
        return Verdict(
            (_unreadable(summary),),
            (),
            QualityStatistics(dataset=Dataset(item_count=0)),
            _too_few(summary, judged_from),
        )
    metrics = measured.metrics()
    _require_known(limits, metrics, measured)
    enough = measured.rows >= judged_from
    untold = measured.untold() if enough else frozenset(metrics)
    judged = {name: limit for name, limit in limits.items() if name in metrics and name not in untold}
    measurements = (_measurement(name, metric, judged.get(name)) for name, metric in metrics.items())
    return Verdict(
        measurements=(*measurements, _unreadable(summary)),
        violations=tuple(_violations(metrics, judged)),
        statistics=statistics_of(measured),
        remark=_withheld(limits, judged, metrics) if enough else _too_few(summary, judged_from),
    )


def suggest_baseline(summary: Summary) -> tuple[Statistics, Constraints]:
    """statistics.json and constraints.json from predictions known to be good; raises BadInput where there are none."""
    if summary.measured is None:
        why = _reasons(summary) or "there are none"
        raise BadInput(f"none of the rows has a prediction and its ground truth ({why}): give a labelled baseline")
    return statistics_of(summary.measured), suggested(summary.measured)


def _measurement(name: str, metric: Metric, limit: Limit | None) -> Measurement:
    unit = "target" if name in ERRORS_IN_UNITS else "ratio"
    if limit is None:
        return Measurement(name=name, value=metric.value, unit=unit)
    keeps = ">=" if limit.comparison_operator is Comparison.LESS else "<="
    return Measurement(name=name, value=metric.value, unit=unit, limit=limit.threshold, keeps=keeps)


def _violations(metrics: Mapping[str, Metric], judged: Limits) -> Iterator[Violation]:
    for name, limit in judged.items():
        metric = metrics[name]
        if _measurement(name, metric, limit).violated:
            give = "" if math.isnan(metric.standard_deviation) else f" +/- {metric.standard_deviation:.4g}"
            yield Violation(
                feature_name=name,
                metric_name=name,
                constraint_check_type=limit.comparison_operator,
                description=f"Metric {name} with {metric.value:.6g}{give} was {limit.comparison_operator} "
                f"{limit.threshold:.6g}",
            )


def _require_known(limits: Limits, metrics: Mapping[str, Metric], measured: ProblemSummary) -> None:
    known = metrics.keys() | ({NEEDS_SCORES} if isinstance(measured, BinarySummary) else set())
    unknown = sorted(limits.keys() - known)
    if unknown:
        raise BadInput(
            f"{CONSTRAINTS_FILE} limits {', '.join(unknown)}, which {measured.section} does not measure: it measures "
            + ", ".join(metrics)
        )


def _withheld(limits: Limits, judged: Limits, metrics: Mapping[str, Metric]) -> str:
    missing = sorted(limits.keys() - judged.keys())
    if not missing:
        return ""
    if missing == [NEEDS_SCORES] and NEEDS_SCORES not in metrics:
        return "No verdict on auc: there are no scores, name their place as ProbabilityAttribute"
    if missing == [NEEDS_SCORES]:
        return "No verdict on auc: the predictions with scores are of one class"
    if missing == [NEEDS_ROWS]:
        return "No verdict on r2: a single prediction has none"
    return f"No verdict on {', '.join(missing)}: no ground truth is of the class that they are about"


def _too_few(summary: Summary, judged_from: int) -> str:
    if summary.unlabelled and not summary.predictions:
        return f"No verdict: 0 of {summary.records + summary.unlabelled} captures have a label"
    noun = "prediction" if summary.predictions == 1 else "predictions"
    why = f" ({_reasons(summary)})" if summary.unreadable else ""
    return f"No verdict: {summary.predictions} labelled {noun}{why}, fewer than the {judged_from} judged from"


def _unreadable(summary: Summary) -> Measurement:
    unreadable = sum(summary.unreadable.values())
    lines = summary.records + sum(summary.refused.values())
    return Measurement(name="unreadable_share", value=unreadable / lines if lines else 0.0, unit="ratio")


def _reasons(summary: Summary) -> str:
    return ", ".join(f"{count} {reason}" for reason, count in sorted(summary.unreadable.items()))
