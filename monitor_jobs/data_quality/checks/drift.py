"""baseline_drift_check: how far a column's distribution is from the baseline's.

What lives here: the three ways to compare, and the limit of each. What does not: the distances themselves.
"""

import math

from monitor_jobs.contract.report import Measurement, Violation
from monitor_jobs.data_quality.checks.categorical_distance import (
    Mix,
    common_categories,
    homogeneity,
    largest_change,
)
from monitor_jobs.data_quality.checks.chance import chance_distance, small_sample_correction
from monitor_jobs.data_quality.checks.column_case import ColumnCase, Finding, metric_name
from monitor_jobs.data_quality.checks.limits import CategoricalDriftMethod, DistributionConstraints
from monitor_jobs.data_quality.checks.numeric_distance import Edges, Sample, distance, sample_of
from monitor_jobs.data_quality.summary import ColumnSummary


def baseline_drift_check(case: ColumnCase) -> Finding | None:
    """The distance from the baseline's distribution; None where it is not compared, or one of them is empty.

    A limit is never below what chance explains at the case's level, so that a small window is not a drifted one.
    """
    if case.baseline is None or not case.limits.config.distribution_constraints.compared:
        return None
    if case.baseline.numbers is not None:
        return _of_numbers(case, case.baseline.numbers)
    if case.baseline.mix is not None and case.column.present:
        return _of_categories(case, case.baseline.mix)
    return None


def held_to(
    raw: float, config: DistributionConstraints, sizes: tuple[float, float], *, threshold: float, chance: float
) -> tuple[float, float]:
    """A distance between samples of two sizes as the chosen method reports it, and its limit.

    `chance` is the largest distance that chance explains; a window is only judged by what exceeds it too.
    """
    correction = small_sample_correction(*sizes) if config.comparison_method.corrected else 0.0
    return max(0.0, raw - correction), max(threshold, chance - correction)


def _of_numbers(case: ColumnCase, baseline: Sample | Edges) -> Finding | None:
    window = sample_of(case.column.quantiles, case.column.infinite)
    if window is None:
        return None
    config = case.limits.config.distribution_constraints
    sizes = window.total, baseline.total
    chance = chance_distance(*sizes, comparisons=1, level=case.level)
    raw = distance(window, baseline)
    return _finding(case, *held_to(raw, config, sizes, threshold=config.comparison_threshold, chance=chance))


def _of_categories(case: ColumnCase, baseline: Mix) -> Finding:
    window = _mix(case.column)
    config = case.limits.config.distribution_constraints
    if config.categorical_drift_method is CategoricalDriftMethod.CHI_SQUARED:
        return _by_chi_square(case, window, baseline)
    threshold = config.categorical_threshold
    sizes = window.total, baseline.total
    movers = max(1, common_categories(window, baseline, threshold))
    chance = chance_distance(*sizes, comparisons=movers, level=case.level)
    raw = largest_change(window, baseline)
    return _finding(case, *held_to(raw, config, sizes, threshold=threshold, chance=chance))


def _by_chi_square(case: ColumnCase, window: Mix, baseline: Mix) -> Finding:
    """The effect size is held to the threshold, and to the one from which the test rejects at the case's level."""
    from scipy.special import chdtri

    config = case.limits.config.distribution_constraints
    test = homogeneity(window, baseline)
    effect = test.corrected_effect if config.comparison_method.corrected else test.effect
    critical = float(chdtri(test.freedom, case.level)) if test.freedom else math.inf
    provable = effect * math.sqrt(critical / test.statistic) if test.statistic > 0 and test.freedom else 0.0
    return _finding(case, effect, max(config.categorical_threshold, provable))


def _mix(column: ColumnSummary) -> Mix:
    return Mix(column.categories.counts, max(0, column.present - sum(column.categories.counts.values())))


def _finding(case: ColumnCase, value: float, limit: float) -> Finding:
    """AWS's samples read both numbers out of the sentence, which must end with the second."""
    sentence = f"Baseline drift distance: {value} exceeds threshold: {limit}"
    return Finding(
        Measurement(
            name=metric_name("baseline_drift", case.column.name), value=value, unit="ratio", limit=limit, keeps="<="
        ),
        Violation(feature_name=case.column.name, constraint_check_type="baseline_drift_check", description=sentence),
    )
