"""The features of a window beside those of its baseline, the ones that differ most first.

What lives here: pairing, and the order of the page. What does not: whether a difference matters, which the monitor has
judged: a feature that it named comes before any that it did not.
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from monitor_jobs.contract.report import Constraints, Measurement, Report, Statistics
from monitor_jobs.report_page.column import Column, column_of
from monitor_jobs.report_page.distribution import distance_between

DRIFT = "feature_baseline_drift_"  # what a feature's distance is called, as AWS calls its metric


@dataclass(frozen=True, slots=True)
class Comparison:
    """One feature on both sides; either may be absent. `broken` are the checks that the monitor found broken.

    `distance` is the largest difference of the cumulative distributions, or of the shares of a category, 0..1; None
    where there is nothing to compare. It is the distance that the picture shows; what the monitor `judged` may be
    corrected for the window's size.
    """

    name: str
    window: Column | None
    baseline: Column | None
    expected: Mapping[str, Any] = field(default_factory=dict)
    broken: tuple[str, ...] = ()
    distance: float | None = None
    judged: Measurement | None = None
    absent_from: str = ""  # window or baseline: which of the two that are there does not have it

    @property
    def inferred_type(self) -> str:
        """The type of the window's values, else the baseline's."""
        return next((side.inferred_type for side in (self.window, self.baseline) if side is not None), "Unknown")

    @property
    def expected_completeness(self) -> float | None:
        """The least completeness that the constraints ask for."""
        least = self.expected.get("completeness")
        return float(least) if isinstance(least, int | float) else None


def compared(
    window: Statistics | None,
    baseline: Statistics | None,
    constraints: Constraints | None,
    report: Report,
) -> list[Comparison]:
    """All features of both sides: those that break a check first, then by distance, then by the window's order."""
    now, before = _columns(window), _columns(baseline)
    expected = {str(row.get("name")): row for row in (constraints.features if constraints else ())}
    broken = defaultdict[str, list[str]](list)
    for violation in report.violations:
        broken[violation.feature_name].append(violation.constraint_check_type)
    judged = {measured.name: measured for measured in report.measurements}
    rows = [
        Comparison(
            name=name,
            window=now.get(name),
            baseline=before.get(name),
            expected=expected.get(name, {}),
            broken=tuple(broken.get(name, ())),
            distance=_distance(now.get(name), before.get(name)),
            judged=judged.get(DRIFT + name),
            absent_from=_absent_from(name, now, before),
        )
        for name in now | before
    ]
    return sorted(rows, key=lambda row: (-len(row.broken), -(-1.0 if row.distance is None else row.distance)))


def top_categories(window: Column | None, baseline: Column | None, *, most: int) -> list[str]:
    """The categories that take the largest share on either side, largest first."""
    shares: dict[str, float] = {}
    for side in filter(None, (window, baseline)):
        for category, share in side.category_shares.items():
            shares[category] = max(share, shares.get(category, 0.0))
    return sorted(shares, key=lambda category: -shares[category])[:most]


def _columns(statistics: Statistics | None) -> dict[str, Column]:
    return {feature.name: column_of(feature) for feature in (statistics.features if statistics else ())}


def _absent_from(name: str, now: Mapping[str, Column], before: Mapping[str, Column]) -> str:
    if not now or not before:
        return ""  # there is no other side
    return "window" if name not in now else "baseline" if name not in before else ""


def _distance(window: Column | None, baseline: Column | None) -> float | None:
    if window is None or baseline is None:
        return None
    if window.distribution is not None and baseline.distribution is not None:
        return distance_between(window.distribution, baseline.distribution)
    now, before = window.category_shares, baseline.category_shares
    if not now or not before:
        return None
    return max(abs(now.get(category, 0.0) - before.get(category, 0.0)) for category in now | before)
