"""The rules as the shell runs them: reads steps, and hands their arrays to the pure functions.

What lives here: the meeting of steps and analysis. What does not: either of them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from monitor_jobs.contract.container import ContainerPaths
from monitor_jobs.contract.dataset_format import CaptureFormat
from monitor_jobs.contract.errors import BadInput, NotFound
from monitor_jobs.contract.model_package import ModelCard
from monitor_jobs.contract.tensor_files import SUFFIX, hour_of_step
from monitor_jobs.job import perform_monitor, run_job
from monitor_jobs.job.settings import JobSettings
from monitor_jobs.monitor import Baseline, CaptureFile, Verdict
from monitor_jobs.record_scripts import RecordScript
from monitor_jobs.tensor_rules import analysis
from monitor_jobs.tensor_rules.analysis import Summary, empty, merge, usual_magnitudes
from monitor_jobs.tensor_rules.parameters import Rules, rules_from
from monitor_jobs.tensor_rules.reading import read_step

NAME: Final = "tensor_rules"
DAMAGED, ALONE = "damaged", "without its hook.json"


@dataclass(frozen=True, slots=True)
class TensorRulesSettings:
    """The rules, and the largest magnitude that each tensor had in the baseline; none without a baseline."""

    rules: Rules
    usual: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class TensorRules:
    """The monitor of kept tensors; see monitor_jobs.monitor.Monitor. Its files are steps."""

    name: str = NAME

    def settings(self, environment: Mapping[str, str], baseline: Baseline) -> TensorRulesSettings:
        """Rules and magnitudes; raises BadInput naming the variable or field that does not fit."""
        return TensorRulesSettings(rules_from(environment, baseline.constraints), usual_magnitudes(baseline.statistics))

    def empty(self) -> Summary:
        """The summary of nothing."""
        return empty()

    def summarise_file(self, file: CaptureFile, settings: TensorRulesSettings) -> Summary:
        """The summary of one step, where it is of the window; one that cannot be read counts by reason."""
        try:
            step, facts = read_step(file.path, file.object_key)
        except BadInput:
            return Summary(unreadable={DAMAGED: 1})
        except NotFound:
            return Summary(unreadable={ALONE: 1})
        if file.window is not None and facts.answered_at not in file.window:
            return empty()
        return analysis.summarise(step, settings.rules, settings.usual)

    def merge(self, left: Summary, right: Summary) -> Summary:
        """The summary of two disjoint parts together."""
        return merge(left, right)

    def judge(self, summary: Summary, settings: TensorRulesSettings) -> Verdict:
        """The verdict on a whole window."""
        return analysis.judge(summary, settings.rules, settings.usual)

    def suggest_baseline(self, summary: Summary) -> Baseline:
        """Extents of tensors of traffic known to be good. Raises BadInput where there is too little."""
        return analysis.suggest_baseline(summary)


def step_files(job: JobSettings, preprocessor: RecordScript | None) -> list[CaptureFile]:
    """Every step below the dataset, by object key; links are passed over. Raises BadInput where there is no dataset."""
    if preprocessor is not None or not isinstance(job.dataset_format, CaptureFormat):
        raise BadInput(f"{NAME} reads tensors, not rows: leave out dataset_format and record_preprocessor_script")
    if not job.dataset.is_dir():
        raise BadInput(f"no folder {job.dataset}: set dataset_source to where the tensors are")
    paths = sorted(path for path in job.dataset.rglob(f"*{SUFFIX}") if _is_step(path, job.dataset))
    return [CaptureFile(path, path.relative_to(job.dataset).as_posix(), job.window, ModelCard()) for path in paths]


def run(argv: Sequence[str]) -> int:
    """The exit code of one run, as monitor_jobs.job.run has it; tests/integration/test_tensor_rules_job.py."""
    return run_job(NAME, perform, argv)


def perform(paths: ContainerPaths, environment: Mapping[str, str]) -> None:
    """Judge a window, or make a baseline, and leave its files. Raises SextantError where neither is to be had."""
    perform_monitor(TensorRules(), paths, environment, step_files)


def _is_step(path: Path, dataset: Path) -> bool:
    # below a load's folder, in which the load's own file is looked for
    below_load = hour_of_step(path.relative_to(dataset).as_posix()) is not None
    return below_load and path.is_file() and not path.is_symlink()
