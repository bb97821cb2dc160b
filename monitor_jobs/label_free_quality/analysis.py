"""The verdict on a window without labels, and how it fared once labels came.

What lives here: `judge_estimate`, `beside_truth`, and the sentences that they give. What does not: the estimate itself
(estimate), the metrics of labelled rows (monitor_jobs.model_quality).
"""

from dataclasses import dataclass

from monitor_jobs.contract.report import Measurement, Violation
from monitor_jobs.label_free_quality.constraints import LabelFreeConstraints
from monitor_jobs.label_free_quality.estimate import Estimate, estimate
from monitor_jobs.label_free_quality.window import ConfidenceCounts

CHECK = "estimated_accuracy_check"


@dataclass(frozen=True, slots=True)
class EstimateVerdict:
    """What is measured, what it violates, and in one sentence what is estimated, or why there is no verdict."""

    measurements: tuple[Measurement, ...] = ()
    violations: tuple[Violation, ...] = ()
    remark: str = ""


def judge_estimate(window: ConfidenceCounts, limits: LabelFreeConstraints) -> EstimateVerdict:
    """The estimated accuracy of a window against its limit; a smaller window than the minimum is measured only."""
    if not window.predictions:
        return EstimateVerdict(remark=_without_scores(window))
    found = estimate(window, limits.calibration)
    judged = window.predictions >= limits.minimum_predictions
    accuracy = Measurement(
        name="estimated_accuracy",
        value=found.accuracy,
        unit="ratio",
        limit=limits.accuracy_limit if judged else None,
        keeps=">=",
    )
    bounds = (
        Measurement(name="estimated_accuracy_at_least", value=found.low, unit="ratio"),
        Measurement(name="estimated_accuracy_at_most", value=found.high, unit="ratio"),
    )
    violations = (_violation(found, window, limits),) if accuracy.violated else ()
    return EstimateVerdict((accuracy, *bounds), violations, _estimated(found) if judged else _too_few(window, limits))


def beside_truth(labelled: ConfidenceCounts, accuracy: float, limits: LabelFreeConstraints) -> tuple[Measurement, ...]:
    """How far the estimate of the labelled predictions alone is from their true accuracy, and if its interval holds it.

    `estimate_covers_truth` is 1 or 0, so that its mean over executions is the share of intervals that kept their word.
    """
    if not labelled.predictions:
        return ()
    found = estimate(labelled, limits.calibration)
    return (
        Measurement(name="estimate_of_labelled", value=found.accuracy, unit="ratio"),
        Measurement(name="estimate_error", value=found.accuracy - accuracy, unit="ratio"),
        Measurement(name="estimate_covers_truth", value=float(found.covers(accuracy)), unit="count"),
    )


def _estimated(found: Estimate) -> str:
    return f"accuracy without labels is estimated at {found.accuracy:.4g}, between {found.low:.4g} and {found.high:.4g}"


def _violation(found: Estimate, window: ConfidenceCounts, limits: LabelFreeConstraints) -> Violation:
    certain = "all of the interval" if found.high < limits.accuracy_limit else "but not all of the interval"
    return Violation(
        feature_name="accuracy",
        constraint_check_type=CHECK,
        description=(
            f"{_estimated(found).capitalize()}, of {window.predictions} predictions: the estimate, {certain}, is below "
            f"the limit of {limits.accuracy_limit:.4g}; the baseline's is {limits.calibration.accuracy:.4g}"
        ),
    )


def _without_scores(window: ConfidenceCounts) -> str:
    if not window.unscored:
        return "No estimate of accuracy: 0 predictions"
    return f"No estimate of accuracy: none of {window.unscored} predictions came with a score"


def _too_few(window: ConfidenceCounts, limits: LabelFreeConstraints) -> str:
    least = limits.minimum_predictions
    return (
        f"No verdict on estimated accuracy: {window.predictions} predictions, fewer than the {least} it is judged from"
    )
