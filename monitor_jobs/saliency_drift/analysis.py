"""The verdict of saliency drift on a window, and the baseline that it is held against.

What lives here: `judge` and `suggest_baseline`. What does not: which records are asked (sample, whose functions are
offered here too), asking them (asking), p-values (two_sample), files (baseline).
"""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from monitor_jobs.contract.report import MAX_OFFENDING_RECORDS, Measurement, OffendingRecord, Violation
from monitor_jobs.findings import Finding, percent, unreadable_lines
from monitor_jobs.monitor import Baseline, Verdict
from monitor_jobs.saliency.adversarial import unusualness
from monitor_jobs.saliency.signals import SIGNALS
from monitor_jobs.saliency_drift.baseline import HOW_TO_MAKE, SCORE, CleanSignals, baseline_of, statistics_of
from monitor_jobs.saliency_drift.constraints import Limits
from monitor_jobs.saliency_drift.observed import Observed
from monitor_jobs.saliency_drift.sample import Summary, empty, merge, summarise
from monitor_jobs.saliency_drift.two_sample import Drift, drift_between, exceedance_p_value

__all__ = ["Summary", "empty", "judge", "merge", "suggest_baseline", "summarise"]

TESTS = len(SIGNALS) + 1  # they share the false-alarm rate
JUDGED_FROM = 30  # records
USUAL_SHARE = 0.99  # of good records, by the threshold above which a record is unusual


def judge(summary: Summary, observed: Observed, limits: Limits, baseline: CleanSignals | None) -> Verdict:
    """The verdict on a window of which `observed` was asked again.

    Every signal's distribution is held against the baseline's in both directions, and so is the number of unusual
    records; together they alarm on at most `limits.false_alarm_rate` of windows whose records are drawn as the
    baseline's were, by Bonferroni. Without a baseline, or below JUDGED_FROM records, nothing is; the remark says so.
    Checked in tests/papers/test_saliency_drift_chance.py.
    """
    findings = [
        *_asked(observed, limits),
        *unreadable_lines(summary.unreadable, summary.records, limits.unreadable_limit),
    ]
    scores = unusualness(baseline.usual, observed.signals) if baseline else None
    if baseline is not None and scores is not None and len(observed) >= JUDGED_FROM:
        findings += _drifts(observed, limits, baseline)
        findings += _unusual(observed, scores, limits, baseline)
    broken = (finding.violation for finding in findings if finding.measurement.violated)
    return Verdict(
        measurements=tuple(finding.measurement for finding in findings),
        violations=tuple(violation for violation in broken if violation),
        statistics=statistics_of(observed.signals, scores),
        remark=_remark(observed, baseline),
    )


def suggest_baseline(observed: Observed) -> Baseline:
    """statistics.json and constraints.json of good records; raises BadInput as `baseline_of`."""
    return baseline_of(observed.signals)


def _asked(observed: Observed, limits: Limits) -> Iterator[Finding]:
    failed = sum(observed.not_asked.values())
    sampled = len(observed) + failed
    if not sampled:
        return
    yield Finding(Measurement(name="records_asked_again", value=len(observed), unit="count"))
    if len(observed):
        yield Finding(Measurement(name="inexact_share", value=observed.inexact / len(observed), unit="ratio"))
    reasons = "; ".join(f"{count} times: {why}" for why, count in sorted(observed.not_asked.items())[:3])
    sentence = (
        f"{failed} of {sampled} sampled records could not be asked again, above the "
        f"{percent(limits.not_asked_limit)} limit. {reasons}"
    )
    yield Finding(
        Measurement(name="not_asked_share", value=failed / sampled, unit="ratio", limit=limits.not_asked_limit),
        Violation(feature_name="capture", constraint_check_type="not_asked_check", description=sentence),
    )


def _drifts(observed: Observed, limits: Limits, baseline: CleanSignals) -> Iterator[Finding]:
    for index, name in enumerate(SIGNALS):
        values = observed.signals[:, index]
        drift = drift_between(values, baseline.signals[:, index])
        proven = drift.distance if drift.p_value <= limits.false_alarm_rate / TESTS else 0.0
        yield Finding(Measurement(name=f"{name}_distance", value=drift.distance, unit="ratio"))
        yield Finding(
            Measurement(name=f"{name}_drift", value=proven, unit="ratio", limit=limits.minimum_distance),
            _drift_violation(name, drift, values, observed.records, float(np.median(baseline.signals[:, index]))),
        )


def _drift_violation(
    name: str, drift: Drift, values: NDArray[np.float64], records: Sequence[OffendingRecord], before: float
) -> Violation:
    rising = drift.rise > 0
    sentence = (
        f"{name} {'rose' if rising else 'fell'}: median {float(np.median(values)):.4g}, in the baseline {before:.4g}; "
        f"distance of the distributions {drift.distance:.3g} (p = {drift.p_value:.2g}, {len(values)} records)"
    )
    return Violation(
        feature_name=name,
        constraint_check_type="saliency_drift_check",
        description=sentence,
        offending_records=_farthest(records, values if rising else -values, name, values),
    )


def _unusual(
    observed: Observed, scores: NDArray[np.float64], limits: Limits, baseline: CleanSignals
) -> Iterator[Finding]:
    known = np.sort(baseline.scores)
    rank = max(1, round((1 - USUAL_SHARE) * len(known)))
    threshold = float(known[-rank])
    above = int(np.count_nonzero(scores > threshold))
    p_value = exceedance_p_value(above, len(scores), rank=rank, baseline=len(known))
    share = above / len(scores)
    proven = share if p_value <= limits.false_alarm_rate / TESTS else 0.0
    sentence = (
        f"{above} of {len(scores)} records are unusual in their signals taken together, as one in a hundred of the "
        f"baseline is (score above {threshold:.4g}; p = {p_value:.2g}): attacked, damaged or new inputs look so"
    )
    yield Finding(Measurement(name="unusual_share", value=share, unit="ratio"))
    yield Finding(
        Measurement(name="unusual_drift", value=proven, unit="ratio", limit=limits.minimum_unusual_share),
        Violation(
            feature_name=SCORE,
            constraint_check_type="adversarial_check",
            description=sentence,
            offending_records=_farthest(observed.records, scores, SCORE, scores)[:above],
        ),
    )


def _farthest(
    records: Sequence[OffendingRecord], order: NDArray[np.float64], name: str, values: NDArray[np.float64]
) -> tuple[OffendingRecord, ...]:
    worst = np.argsort(-order, kind="stable")[:MAX_OFFENDING_RECORDS]
    return tuple(
        records[index].model_copy(update={"detail": f"{name} {values[index]:.4g}"}) for index in worst.tolist()
    )


def _remark(observed: Observed, baseline: CleanSignals | None) -> str:
    if len(observed) < JUDGED_FROM:
        return (
            f"No verdict: {len(observed)} records asked again, fewer than the {JUDGED_FROM} that drift is judged from"
        )
    if baseline is None:
        return f"No verdict: no baseline to compare with. {HOW_TO_MAKE}"
    return ""
