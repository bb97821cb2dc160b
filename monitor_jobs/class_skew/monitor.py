"""Class skew as the shell runs it: reads a capture file, and hands its columns to the pure functions.

What lives here: the meeting of capture_io and the analysis. What does not: either of them.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import reduce

from monitor_jobs.capture_io import PredictionColumns, read_predictions
from monitor_jobs.class_skew import analysis
from monitor_jobs.class_skew.constraints import FEATURE, ClassSkewConstraints, constraints_from
from monitor_jobs.class_skew.summary import Summary
from monitor_jobs.contract.dataset_format import CaptureFormat
from monitor_jobs.contract.errors import BadInput
from monitor_jobs.contract.report import class_counts
from monitor_jobs.monitor import Baseline, CaptureFile, Verdict


@dataclass(frozen=True, slots=True)
class ClassSkewSettings:
    """Limits, and how often the baseline predicted each class; None where there is no baseline."""

    constraints: ClassSkewConstraints
    baseline_counts: Mapping[str, int] | None


@dataclass(frozen=True, slots=True)
class ClassSkew:
    """The class skew monitor; see monitor_jobs.monitor.Monitor."""

    name: str = "class_skew"

    def settings(self, environment: Mapping[str, str], baseline: Baseline) -> ClassSkewSettings:
        """Limits and baseline counts; raises BadInput naming the variable or field that does not fit."""
        counts = class_counts(baseline.statistics, FEATURE) if baseline.statistics else None
        return ClassSkewSettings(constraints_from(environment, baseline.constraints), counts)

    def empty(self) -> Summary:
        """The summary of nothing."""
        return analysis.empty()

    def summarise_file(self, file: CaptureFile, settings: ClassSkewSettings) -> Summary:
        """What is kept of one capture file, or of all that a side index stands for."""
        chunks = _predictions_in(file)
        bar = settings.constraints.low_confidence_below
        return reduce(
            analysis.merge, (analysis.summarise(chunk, low_confidence_below=bar) for chunk in chunks), analysis.empty()
        )

    def merge(self, left: Summary, right: Summary) -> Summary:
        """The summary of two disjoint parts together."""
        return analysis.merge(left, right)

    def judge(self, summary: Summary, settings: ClassSkewSettings) -> Verdict:
        """The verdict on a whole window."""
        return analysis.judge(summary, settings.constraints, settings.baseline_counts)

    def suggest_baseline(self, summary: Summary) -> Baseline:
        """Class counts and suggested limits from data known to be good."""
        statistics, constraints = analysis.suggest_baseline(summary)
        return Baseline(statistics, constraints)


def _predictions_in(file: CaptureFile) -> Iterator[PredictionColumns]:
    if not isinstance(file.dataset_format, CaptureFormat):
        raise BadInput("class skew reads captures only: set dataset_format to sagemakerCaptureJson, or leave it out")
    if file.path.is_dir():
        from monitor_jobs.side_index import read_index  # Parquet takes a while to import, and most jobs need none

        return read_index(file.path, file.card)
    return read_predictions(file.path, object_key=file.object_key, window=file.window, card=file.card)
