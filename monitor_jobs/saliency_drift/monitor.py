"""Saliency drift as the shell runs it: reads captures, asks the model again, and hands signals to the pure functions.

What lives here: the meeting of captures, model and analysis. What does not: any of them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from monitor_jobs.capture_io import read_records
from monitor_jobs.contract.container import ContainerPaths
from monitor_jobs.contract.dataset_format import CaptureFormat
from monitor_jobs.contract.errors import BadInput
from monitor_jobs.job import perform_monitor, run_job
from monitor_jobs.monitor import Baseline, CaptureFile, Verdict
from monitor_jobs.replay.models import MODEL_FOLDER, replayed
from monitor_jobs.saliency_drift import analysis
from monitor_jobs.saliency_drift.asking import ask
from monitor_jobs.saliency_drift.baseline import CleanSignals, clean_signals
from monitor_jobs.saliency_drift.constraints import Limits, limits_from, records_from
from monitor_jobs.saliency_drift.observed import Observed
from monitor_jobs.saliency_drift.sample import Summary, empty, merge, summarise

NAME = "saliency_drift"


@dataclass(frozen=True, slots=True)
class SaliencyDriftSettings:
    """Limits, and what was usual in the baseline; None where there is no baseline."""

    limits: Limits
    baseline: CleanSignals | None


@dataclass(frozen=True, slots=True)
class SaliencyDrift:
    """The saliency monitor; see monitor_jobs.monitor.Monitor.

    `model_folder` holds the package of the model that is asked again, `environment` is what it is loaded with,
    `records` how many of a window are asked again at most.
    """

    model_folder: Path
    environment: Mapping[str, str]
    records: int
    name: str = NAME

    def settings(self, environment: Mapping[str, str], baseline: Baseline) -> SaliencyDriftSettings:
        """Limits and the baseline's signals; raises BadInput naming the variable or field that does not fit."""
        return SaliencyDriftSettings(limits_from(environment, baseline.constraints), clean_signals(baseline))

    def empty(self) -> Summary:
        """The summary of nothing."""
        return empty()

    def summarise_file(self, file: CaptureFile, settings: SaliencyDriftSettings) -> Summary:
        """The records of one capture file that are asked again if no others of the window come before them."""
        del settings
        if not isinstance(file.dataset_format, CaptureFormat):
            raise BadInput(f"{NAME} reads captures only: set dataset_format to sagemakerCaptureJson, or leave it out")
        lines = read_records(file.path)
        return summarise(lines, object_key=file.object_key, window=file.window, most=self.records)

    def merge(self, left: Summary, right: Summary) -> Summary:
        """The summary of two disjoint parts together."""
        return merge(left, right, most=self.records)

    def judge(self, summary: Summary, settings: SaliencyDriftSettings) -> Verdict:
        """The verdict on a whole window; asks the model again."""
        return analysis.judge(summary, self._observed(summary), settings.limits, settings.baseline)

    def suggest_baseline(self, summary: Summary) -> Baseline:
        """Signals of data known to be good; asks the model again. Raises BadInput where there is too little."""
        return analysis.suggest_baseline(self._observed(summary))

    def _observed(self, summary: Summary) -> Observed:
        with replayed(self.model_folder, self.environment) as model:
            return ask(model, summary.sample)


def run(argv: Sequence[str]) -> int:
    """The exit code of one run, as monitor_jobs.job.run has it; tests/integration/test_saliency_drift_job.py."""
    return run_job(NAME, perform, argv)


def perform(paths: ContainerPaths, environment: Mapping[str, str]) -> None:
    """Judge a window, or make a baseline, and leave its files. Raises SextantError where neither is to be had."""
    model_folder = paths.below_root(MODEL_FOLDER)
    perform_monitor(SaliencyDrift(model_folder, dict(environment), records_from(environment)), paths, environment)
