"""What a capture monitor is to the shell that runs it: three pure functions, and their settings.

What lives here: the protocol and the values that cross it. What does not: any monitor (one folder each), and the shell
(job), which knows nothing of a monitor beyond this page.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeVar

from monitor_jobs.contract.container import StatisticValues
from monitor_jobs.contract.dataset_format import CAPTURE_FORMAT, DatasetFormat
from monitor_jobs.contract.model_package import ModelCard
from monitor_jobs.contract.report import Constraints, Measurement, Statistics, Violation
from monitor_jobs.contract.window import Window
from monitor_jobs.record_scripts.script import RecordScript


@dataclass(frozen=True, slots=True)
class CaptureFile:
    """One file of a dataset: where it lies, its path below the dataset, the times that count, the model's card.

    It is a capture file unless `dataset_format` says otherwise, and then it has no times, and no window counts. Where
    the user brought a `script`, that makes rows of its records.
    A folder stands for the many files that the side index in it covers (monitor_jobs.side_index), all of their lines in
    the window. Only a monitor that the catalogue says so of is given one.
    """

    path: Path
    object_key: str
    window: Window | None
    card: ModelCard
    dataset_format: DatasetFormat = CAPTURE_FORMAT
    script: RecordScript | None = None

    def __str__(self) -> str:
        return self.object_key


@dataclass(frozen=True, slots=True)
class Baseline:
    """What earlier data taught: either file may be absent."""

    statistics: Statistics | None = None
    constraints: Constraints | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a monitor concludes from a window; `remark` says in one sentence why it withheld a verdict.

    `constraints` are those that the window itself suggests, of monitors that leave them. `metrics` are published in
    place of the measurements, by name.
    """

    measurements: tuple[Measurement, ...]
    violations: tuple[Violation, ...]
    statistics: Statistics
    remark: str = ""
    constraints: Constraints | None = None
    metrics: Mapping[str, float | StatisticValues] | None = None

    @property
    def published(self) -> Mapping[str, float | StatisticValues]:
        """What is published of the window."""
        measured = {measurement.name: measurement.value for measurement in self.measurements}
        return measured if self.metrics is None else self.metrics


class Summary(Protocol):
    """What every monitor's summary can say of the data that it stands for; times are epoch seconds."""

    @property
    def records(self) -> int:
        """Readable records."""

    @property
    def predictions(self) -> int:
        """Predictions in them; a batch holds several."""

    @property
    def unreadable(self) -> Mapping[str, int]:
        """Unreadable lines by reason."""

    @property
    def earliest(self) -> int | None:
        """The first prediction's time; None where there is none."""

    @property
    def latest(self) -> int | None:
        """The last prediction's time; None where there is none."""


SettingsT = TypeVar("SettingsT")
SummaryT = TypeVar("SummaryT", bound=Summary)


class Monitor(Protocol[SettingsT, SummaryT]):
    """One monitor. It is sent to worker processes with its settings, so all of it can be pickled.

    `merge` is associative and commutative, and `empty()` is its identity: any sharding gives the same verdict.
    """

    @property
    def name(self) -> str:
        """The monitor's module name below monitor_jobs."""

    def settings(self, environment: Mapping[str, str], baseline: Baseline) -> SettingsT:
        """The settings for a run; raises BadInput naming the variable or field that does not fit."""

    def empty(self) -> SummaryT:
        """The summary of nothing."""

    def summarise_file(self, file: CaptureFile, settings: SettingsT) -> SummaryT:
        """What is kept of one capture file; may read that file and nothing else."""

    def merge(self, left: SummaryT, right: SummaryT) -> SummaryT:
        """The summary of two disjoint parts together."""

    def judge(self, summary: SummaryT, settings: SettingsT) -> Verdict:
        """The verdict on a whole window."""

    def suggest_baseline(self, summary: SummaryT) -> Baseline:
        """Statistics and suggested limits from data known to be good; raises BadInput where there is too little."""
