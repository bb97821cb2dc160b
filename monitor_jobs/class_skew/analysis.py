"""The verdict of class skew on a window.

What lives here: `judge`, and the sentences that it gives. What does not: counting (summary, whose functions are offered
here too), the two-sample test (shift_test), limits (constraints), files (job).
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime

import numpy as np

from monitor_jobs.class_skew.constraints import FEATURE, ClassSkewConstraints, statistics_of, suggest_baseline
from monitor_jobs.class_skew.shift_test import Shift, shift_between
from monitor_jobs.class_skew.summary import RecordRef, Summary, empty, merge, summarise
from monitor_jobs.contract.report import Measurement, OffendingRecord, Violation
from monitor_jobs.contract.window import format_timestamp
from monitor_jobs.findings import Finding, percent, unreadable_lines
from monitor_jobs.monitor import Verdict

__all__ = ["Summary", "empty", "judge", "merge", "suggest_baseline", "summarise"]


def judge(summary: Summary, constraints: ClassSkewConstraints, baseline: Mapping[str, int] | None) -> Verdict:
    """The verdict on a window; `baseline` is how often each class was predicted in earlier, good traffic.

    A window below `constraints.judged_from` predictions is measured, but skew, low confidence and shift have no limit
    there and never alarm; the remark says "No verdict". Unreadable lines are judged whatever their number.
    """
    findings = [
        *_size(summary, constraints),
        *_skew(summary, constraints),
        *_low_confidence(summary, constraints),
        *_shift(summary, constraints, baseline or {}),
        *unreadable_lines(summary.unreadable, summary.records, constraints.unreadable_limit),
    ]
    broken = (finding.violation for finding in findings if finding.measurement.violated)
    return Verdict(
        measurements=tuple(finding.measurement for finding in findings),
        violations=tuple(violation for violation in broken if violation),
        statistics=statistics_of(summary),
        remark=_remark(summary, constraints),
    )


def _size(summary: Summary, constraints: ClassSkewConstraints) -> Iterator[Finding]:
    least = constraints.minimum_predictions
    sentence = f"{_counted(summary.predictions, 'prediction')} in the window, fewer than the minimum of {least}"
    yield Finding(
        Measurement(name="predictions", value=summary.predictions, unit="count", limit=least, keeps=">="),
        Violation(feature_name=FEATURE, constraint_check_type="minimum_count_check", description=sentence),
    )


def _skew(summary: Summary, constraints: ClassSkewConstraints) -> Iterator[Finding]:
    if not summary.predictions:
        return
    label, count = min(summary.class_counts.items(), key=lambda item: (-item[1], item[0]))
    limit = constraints.threshold if summary.predictions >= constraints.judged_from else None
    sentence = f"{_predicted(label, count, summary.predictions)}, above the {percent(constraints.threshold)} threshold"
    yield Finding(
        Measurement(name="top_class_share", value=count / summary.predictions, unit="ratio", limit=limit),
        Violation(
            feature_name=FEATURE,
            constraint_check_type="class_skew_check",
            description=sentence,
            offending_records=_offending(summary.recent[label], f"class {label}"),
        ),
    )


def _low_confidence(summary: Summary, constraints: ClassSkewConstraints) -> Iterator[Finding]:
    if not summary.scored:
        return
    share = summary.low_confidence / summary.scored
    limit = constraints.low_confidence_limit if summary.scored >= constraints.judged_from else None
    sentence = (
        f"Best score below {percent(constraints.low_confidence_below)} for {percent(share)} of predictions "
        f"({summary.low_confidence} of {summary.scored}), above the {percent(constraints.low_confidence_limit)} limit"
    )
    yield Finding(
        Measurement(name="low_confidence_share", value=share, unit="ratio", limit=limit),
        Violation(
            feature_name="confidence",
            constraint_check_type="low_confidence_check",
            description=sentence,
            offending_records=tuple(
                _offender(doubt.record, f"class {doubt.label} with best score {doubt.confidence:.3g}")
                for doubt in summary.doubtful
            ),
        ),
    )


def _shift(summary: Summary, constraints: ClassSkewConstraints, baseline: Mapping[str, int]) -> Iterator[Finding]:
    if summary.predictions < constraints.judged_from or not sum(baseline.values()):
        return
    labels = sorted(summary.class_counts.keys() | baseline.keys())
    shift = shift_between(
        np.array([summary.class_counts.get(label, 0) for label in labels], dtype=np.float64),
        np.array([baseline.get(label, 0) for label in labels], dtype=np.float64),
        false_alarm_rate=constraints.shift_false_alarm_rate,
        floor=constraints.minimum_shift,
    )
    yield Finding(Measurement(name="class_distance", value=shift.distance, unit="ratio"))
    yield Finding(Measurement(name="class_shift_p_value", value=shift.p_value, unit="ratio"))
    yield Finding(
        Measurement(name="class_shift", value=shift.proven, unit="ratio", limit=constraints.minimum_shift),
        _shift_violation(summary, shift, gainer=labels[shift.gainer], baseline=baseline, constraints=constraints),
    )


def _shift_violation(
    summary: Summary,
    shift: Shift,
    *,
    gainer: str,
    baseline: Mapping[str, int],
    constraints: ClassSkewConstraints,
) -> Violation:
    now, before = summary.class_counts.get(gainer, 0), baseline.get(gainer, 0)
    total = sum(baseline.values())
    sentence = (
        f"Predicted classes moved by {percent(shift.proven)} from the baseline, above the "
        f"{percent(constraints.minimum_shift)} limit (p = {shift.p_value:.2g}). "
        f"{_predicted(gainer, now, summary.predictions)}, "
        f"in the baseline {percent(before / total)} ({before} of {total})"
    )
    return Violation(
        feature_name=FEATURE,
        constraint_check_type="class_shift_check",
        description=sentence,
        offending_records=_offending(summary.recent.get(gainer, ()), f"class {gainer}"),
    )


def _remark(summary: Summary, constraints: ClassSkewConstraints) -> str:
    if summary.predictions >= constraints.judged_from:
        return ""
    if not summary.predictions:
        return f"No verdict: {_counted(summary.records, 'record')}{' without a prediction' if summary.records else ''}"
    seen = _counted(summary.predictions, "prediction")
    return f"No verdict: {seen}, fewer than the {constraints.judged_from} that skew is judged from"


def _predicted(label: str, count: int, total: int) -> str:
    return f"Class {label} predicted {percent(count / total)} of the time ({count} of {total})"


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _offending(records: Iterable[RecordRef], detail: str) -> tuple[OffendingRecord, ...]:
    return tuple(_offender(record, detail) for record in records)


def _offender(record: RecordRef, detail: str) -> OffendingRecord:
    time, object_key, line, event_id, inference_id = record
    return OffendingRecord(
        event_id=event_id,
        object_key=object_key,
        line=line,
        inference_id=inference_id or None,
        detail=f"{detail} at {format_timestamp(datetime.fromtimestamp(time, UTC))}",
    )
