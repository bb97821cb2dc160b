"""Model quality as the shell runs it: reads a file, and hands its labelled rows to the pure functions.

What lives here: the meeting of reading and the analysis. What does not: either of them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import reduce

from monitor_jobs.model_quality import analysis
from monitor_jobs.model_quality.estimating import with_calibration, with_estimate
from monitor_jobs.model_quality.problems import BinarySummary
from monitor_jobs.model_quality.reading import read_labelled
from monitor_jobs.model_quality.settings import QualitySettings, quality_settings
from monitor_jobs.model_quality.summary import Summary
from monitor_jobs.monitor import Baseline, CaptureFile, Verdict

NO_COMPARISON = "No comparison: no constraints were given. Metrics and suggested constraints are in the report."


@dataclass(frozen=True, slots=True)
class ModelQuality:
    """The model quality monitor; see monitor_jobs.monitor.Monitor."""

    name: str = "model_quality"

    def settings(self, environment: Mapping[str, str], baseline: Baseline) -> QualitySettings:
        """Kind of problem, attributes and limits; raises BadInput naming the variable or field that does not fit."""
        return quality_settings(environment, baseline.constraints)

    def empty(self) -> Summary:
        """The summary of nothing."""
        return Summary()

    def summarise_file(self, file: CaptureFile, settings: QualitySettings) -> Summary:
        """What is kept of one file of merged captures, or of a dataset with predictions and labels in its columns."""
        return reduce(analysis.merge, read_labelled(file, settings), Summary())

    def merge(self, left: Summary, right: Summary) -> Summary:
        """The summary of two disjoint parts together."""
        return analysis.merge(left, right)

    def judge(self, summary: Summary, settings: QualitySettings) -> Verdict:
        """The verdict on a window: on its labelled predictions, and on the estimate of all of them.

        Without constraints there is none, and the limits that it suggests are left: where no schedule asks, as the
        SDK's `suggest_baseline`, they are what is wanted, and BadInput is raised where there is no row to make them of.
        """
        verdict = analysis.judge(summary, settings.limits or {}, settings.judged_from)
        if settings.limits is not None:
            return with_estimate(verdict, summary.seen, settings.label_free, summary.measured)
        if settings.scheduled and summary.measured is None:
            return verdict
        return replace(verdict, constraints=self.suggest_baseline(summary).constraints, remark=NO_COMPARISON)

    def suggest_baseline(self, summary: Summary) -> Baseline:
        """Metrics and suggested limits from predictions known to be good."""
        strays = summary.measured.stray_names if isinstance(summary.measured, BinarySummary) else frozenset()
        return Baseline(*with_calibration(analysis.suggest_baseline(summary), summary.seen, strays))
