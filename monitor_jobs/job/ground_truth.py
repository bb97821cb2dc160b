"""What a verdict says of ground truth: of how many captures it is known, and of what became of the rest.

What lives here: the measurements that a verdict on labelled captures gets. What does not: merging
(monitor_jobs.ground_truth).
"""

from dataclasses import replace

from monitor_jobs.contract.ground_truth import MergeCounts
from monitor_jobs.contract.report import Measurement
from monitor_jobs.monitor import Verdict


def with_ground_truth(verdict: Verdict, counts: MergeCounts | None) -> Verdict:
    """The verdict with the shares of captures without a label and of labels without a capture; none has a limit.

    Labels of other windows are without a capture in this one. As it was where nothing was merged.
    """
    if counts is None:
        return verdict
    unreadable = sum(counts.unreadable_labels.values())
    lost = sum(counts.unreadable_captures.values())
    shares = {
        "unreadable_capture_share": (lost, counts.captures + lost),
        "unlabelled_share": (counts.unlabelled, counts.captures),
        "unmatched_label_share": (counts.unmatched, counts.labels),
        "repeated_label_share": (counts.repeated, counts.labels + counts.repeated),
        "conflicting_label_share": (counts.conflicting, counts.labels + counts.repeated),
        "unreadable_label_share": (unreadable, counts.labels + counts.repeated + unreadable),
    }
    measured = [Measurement(name=name, value=_share(*of), unit="ratio") for name, of in shares.items()]
    return replace(verdict, measurements=(*verdict.measurements, *measured))


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0
