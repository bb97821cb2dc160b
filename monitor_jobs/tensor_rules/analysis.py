"""The verdict of the rules on a window's steps, and the baseline that magnitudes are held against.

What lives here: `judge`, `suggest_baseline`. What does not: counting (looking, rules), what a check came to (findings),
parameters (parameters).
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from monitor_jobs.contract.errors import BadInput
from monitor_jobs.contract.report import (
    CommonStatistics,
    Constraints,
    Dataset,
    FeatureStatistics,
    Measurement,
    NumericalStatistics,
    Statistics,
    Violation,
)
from monitor_jobs.monitor import Baseline, Verdict
from monitor_jobs.tensor_rules.findings import RULE_OF, Broken, Held, held
from monitor_jobs.tensor_rules.looking import Step, summarise
from monitor_jobs.tensor_rules.parameters import EVERY_RULE, SECTION, Rules
from monitor_jobs.tensor_rules.rules import Extent, together
from monitor_jobs.tensor_rules.summary import Check, Summary, empty, merge

__all__ = ["Step", "Summary", "empty", "judge", "merge", "suggest_baseline", "summarise", "usual_magnitudes"]

MOST_VIOLATIONS: Final = 20  # of one check: what one layer breaks, all later ones show again
MINIMUM_STEPS: Final = 20  # of a baseline
UNREADABLE_LIMIT: Final = 0.01
VERSION_DIGITS: Final = 12
LOOKS_FOR: Final[Mapping[Check, str]] = {
    Check.EXPLODING: "tensor",
    Check.MAGNITUDE: "tensor that the baseline has too",
    Check.ALL_ZERO: "input or output of a module",
    Check.DEAD_RELU: "output of a ReLU",
    Check.SATURATED: "input of a Sigmoid or Tanh",
}


def judge(summary: Summary, rules: Rules, usual: Mapping[str, float]) -> Verdict:
    """The verdict on a window, whose magnitudes are held against those of `usual`, by the tensors' names.

    A check that was held against no tensor has no limit to keep. Where the network may have such a tensor, the remark
    says that there is no verdict of it. Checked in tests/unit/test_tensor_rules_verdict.py.
    """
    every = list(held(summary, rules, usual))
    versions = {key.version for key in summary.tensors}
    violations = [violation for one in every for violation in _violations(one, versions)]
    measured = [measurement for one in every for measurement in _measurements(one)]
    unreadable = list(_unreadable(summary))
    return Verdict(
        measurements=(*measured, *(measurement for measurement, _ in unreadable)),
        violations=(*violations, *(row for measurement, row in unreadable if measurement.violated)),
        statistics=_statistics(summary),
        remark=_remark(summary, every),
    )


def suggest_baseline(summary: Summary) -> Baseline:
    """Each tensor's extent, and every rule as it is.

    Raises BadInput for fewer than MINIMUM_STEPS steps, or a value that is not finite.
    """
    if summary.records < MINIMUM_STEPS:
        raise BadInput(f"{summary.records} steps were kept: a baseline takes {MINIMUM_STEPS} of known good traffic")
    for one in held(summary, EVERY_RULE, {}):
        if one.check is Check.EXPLODING and one.broken:
            key, _, words = one.broken[0]
            raise BadInput(f"{key.name}: {words}; make a baseline of traffic known to be good")
    section = EVERY_RULE.model_dump(mode="json", by_alias=True)
    return Baseline(_statistics(summary), Constraints(monitoring_config={SECTION: section}))


def usual_magnitudes(statistics: Statistics | None) -> dict[str, float]:
    """The largest magnitude of each tensor in a baseline's statistics; of none without a baseline."""
    found = {}
    for feature in statistics.features if statistics else ():
        numbers = feature.numerical_statistics
        if numbers is not None and numbers.min is not None and numbers.max is not None:
            found[feature.name] = max(abs(numbers.min), abs(numbers.max))
    return {name: magnitude for name, magnitude in found.items() if math.isfinite(magnitude)}


def _measurements(one: Held) -> Iterator[Measurement]:
    stem = one.check.removesuffix("_check")
    yield Measurement(name=f"{stem}_looked_at", value=one.checked, unit="count")
    if one.checked:
        yield Measurement(name=f"{stem}_tensors", value=len(one.broken), unit="count", limit=0)


def _violations(one: Held, versions: set[str]) -> Iterator[Violation]:
    more = len(one.broken) - MOST_VIOLATIONS
    for number, broken in enumerate(one.broken[:MOST_VIOLATIONS], start=1):
        behind = f"; {more} more tensors do the same" if number == MOST_VIOLATIONS and more > 0 else ""
        yield Violation(
            feature_name=broken.key.name,
            constraint_check_type=one.check,
            description=f"{_called(broken, versions)}: {broken.words}{behind}",
            offending_records=tuple(offence.record for offence in broken.tally.worst),
        )


def _called(broken: Broken, versions: set[str]) -> str:
    version = f" of model {broken.key.version[:VERSION_DIGITS]}" if len(versions) > 1 else ""
    return broken.key.name + version


def _unreadable(summary: Summary) -> Iterator[tuple[Measurement, Violation]]:
    unreadable = sum(summary.unreadable.values())
    steps = summary.records + unreadable
    if not steps:
        return
    reasons = ", ".join(f"{count} {reason}" for reason, count in sorted(summary.unreadable.items()))
    sentence = f"{unreadable} of {steps} steps cannot be read ({reasons}), above the {100 * UNREADABLE_LIMIT:g} % limit"
    yield (
        Measurement(name="unreadable_share", value=unreadable / steps, unit="ratio", limit=UNREADABLE_LIMIT),
        Violation(feature_name="steps", constraint_check_type="unreadable_check", description=sentence),
    )


def _remark(summary: Summary, every: Sequence[Held]) -> str:
    """Of which checks there is no verdict, and why; "" where there is one of all that the network has anything for."""
    if not summary.records:
        return "No verdict: 0 steps"
    reasons = [_reason(one, summary) for one in every if not one.checked and RULE_OF[one.check] in summary.applicable]
    if not reasons and not any(one.checked for one in every):
        reasons = ["the network has no module that these rules look at"]
    return f"No verdict: {'; '.join(reasons)}" if reasons else ""


def _reason(one: Held, summary: Summary) -> str:
    rule = RULE_OF[one.check]
    if one.too_few:
        return f"{rule} had too few inputs: its minimum_inputs says how many it takes"
    kinds = f", of which kind {' and '.join(sorted(summary.kinds))} is kept" if summary.kinds else ""
    return f"{rule} found no {LOOKS_FOR[one.check]} in {summary.records} steps{kinds}"


def _statistics(summary: Summary) -> Statistics:
    """Every tensor's extent, by name, in the network's order."""
    extents: dict[str, Extent] = {}
    for key, counts in sorted(summary.tensors.items()):
        extents[key.name] = together(extents.get(key.name, Extent()), counts.extent)
    features = [_feature(name, extent) for name, extent in extents.items()]
    return Statistics(dataset=Dataset(item_count=summary.records), features=features)


def _feature(name: str, extent: Extent) -> FeatureStatistics:
    numbers = NumericalStatistics(common=CommonStatistics(num_present=extent.finite, num_missing=extent.nan))
    if extent.finite:
        told = {"mean": extent.total / extent.finite, "sum": extent.total, "min": extent.least, "max": extent.largest}
        numbers = numbers.model_copy(update={key: value for key, value in told.items() if math.isfinite(value)})
    return FeatureStatistics(name=name, inferred_type="Fractional", numerical_statistics=numbers)
