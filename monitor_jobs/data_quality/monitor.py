"""Data quality as the shell runs it: reads a file of a dataset, and hands its tables to the pure functions.

What lives here: the meeting of reading, summaries and checks. What does not: any of them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial, reduce

from monitor_jobs.contract.container import Variable
from monitor_jobs.contract.model_package import ModelCard
from monitor_jobs.data_quality.baseline import suggested_constraints
from monitor_jobs.data_quality.checks.baseline_columns import BaselineColumn, baseline_columns
from monitor_jobs.data_quality.checks.judging import Judgement, judge
from monitor_jobs.data_quality.checks.limits import Limits, limits_from
from monitor_jobs.data_quality.gathering import gathered
from monitor_jobs.data_quality.image_features import features_of_many
from monitor_jobs.data_quality.metrics import MetricValue, metrics_of
from monitor_jobs.data_quality.statistics import statistics_of
from monitor_jobs.data_quality.summarising import empty, merge, summarise
from monitor_jobs.data_quality.summary import DatasetSummary
from monitor_jobs.data_quality.witnesses import witnesses_of
from monitor_jobs.feature_table import FeatureTable, RowRules, read_table
from monitor_jobs.monitor import Baseline, CaptureFile, Verdict

NO_COMPARISON = "No comparison: no baseline was given. Statistics and suggested constraints are in the report."


@dataclass(frozen=True, slots=True)
class DataQualitySettings:
    """Limits, the baseline's columns, whether there is a baseline at all, and whether a schedule asks."""

    limits: Limits
    baseline: Mapping[str, BaselineColumn]
    compared: bool
    scheduled: bool

    def row_rules(self, card: ModelCard) -> RowRules:
        """How captured records become rows: columns without a name get those of the baseline, pictures are measured."""
        measures = partial(features_of_many, item_shape=card.input.shape if card.input else None)
        return RowRules(names=tuple(self.baseline or self.limits.columns), decode=measures)

    def emits(self, column: str) -> bool:
        """True where the metrics of a column are published."""
        own = self.limits.columns.get(column)
        return (own.config if own else self.limits.config).emitted


@dataclass(frozen=True, slots=True)
class DataQuality:
    """The data quality monitor; see monitor_jobs.monitor.Monitor."""

    name: str = "data_quality"

    def settings(self, environment: Mapping[str, str], baseline: Baseline) -> DataQualitySettings:
        """Limits and baseline; raises BadInput naming the variable or field that does not fit."""
        return DataQualitySettings(
            limits=limits_from(environment, baseline.constraints),
            baseline=baseline_columns(baseline.statistics),
            compared=bool(baseline.statistics or baseline.constraints),
            scheduled=bool(environment.get(Variable.SCHEDULE_NAME)),
        )

    def empty(self) -> DatasetSummary:
        """The summary of nothing."""
        return empty()

    def summarise_file(self, file: CaptureFile, settings: DataQualitySettings) -> DatasetSummary:
        """What is kept of one file."""
        tables = gathered(read_table(file, rules=settings.row_rules(file.card)))
        return reduce(merge, (_summary(table, settings.limits) for table in tables), empty())

    def merge(self, left: DatasetSummary, right: DatasetSummary) -> DatasetSummary:
        """The summary of two disjoint parts together."""
        return merge(left, right)

    def judge(self, summary: DatasetSummary, settings: DataQualitySettings) -> Verdict:
        """The verdict on a window.

        Without a baseline nothing is compared, and where no schedule asks, as the SDK's `suggest_baseline`, a baseline
        is what is wanted: raises BadInput where there is no row to make it of.
        """
        if settings.compared:
            judgement = judge(summary, settings.baseline, settings.limits)
        else:
            judgement = Judgement(remark=NO_COMPARISON)
        wanted = summary.rows or not (settings.compared or settings.scheduled)
        return Verdict(
            measurements=judgement.measurements,
            violations=judgement.violations,
            statistics=statistics_of(summary),
            remark=judgement.remark,
            constraints=suggested_constraints(summary) if wanted else None,
            metrics=_metrics(summary, judgement, settings),
        )

    def suggest_baseline(self, summary: DatasetSummary) -> Baseline:
        """Statistics and suggested constraints from data known to be good."""
        return Baseline(statistics=statistics_of(summary), constraints=suggested_constraints(summary))


def _summary(table: FeatureTable, limits: Limits) -> DatasetSummary:
    return replace(summarise(table), witnesses=witnesses_of(table, limits))


def _metrics(summary: DatasetSummary, judgement: Judgement, settings: DataQualitySettings) -> Mapping[str, MetricValue]:
    return metrics_of(summary, judgement.measurements, [name for name in summary.columns if settings.emits(name)])
