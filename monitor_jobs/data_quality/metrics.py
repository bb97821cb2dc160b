"""The CloudWatch metrics of data quality, by AWS's names: what a column holds, how full it is, how far it drifted.

What lives here: `metrics_of`. What does not: writing their lines (job), whether they are asked for (monitor).
"""

from collections.abc import Collection, Iterator, Mapping

from monitor_jobs.contract.container import StatisticValues
from monitor_jobs.contract.report import Measurement
from monitor_jobs.data_quality.checks.column_case import metric_name
from monitor_jobs.data_quality.summary import ColumnSummary, DatasetSummary

MetricValue = float | StatisticValues


def metrics_of(
    summary: DatasetSummary, measurements: Collection[Measurement], chosen: Collection[str]
) -> Mapping[str, MetricValue]:
    """The metrics of the chosen columns: feature_data_{f} of numbers, feature_non_null_{f}, feature_baseline_drift_{f}.

    feature_non_null_{f} has a one for a value and a zero for a missing one, so that its average is the completeness.
    Drifts come first, the largest before others: of very many metrics a platform may keep the first ones only.
    """
    columns = [column for name, column in summary.columns.items() if name in chosen]
    names = {metric_name("baseline_drift", column.name) for column in columns}
    drifts = sorted((-measured.value, measured.name) for measured in measurements if measured.name in names)
    return {
        **{name: -value for value, name in drifts},
        **dict(pair for column in columns for pair in _of_column(column)),
    }


def _of_column(column: ColumnSummary) -> Iterator[tuple[str, StatisticValues]]:
    moments, rows = column.moments, column.present + column.missing
    if moments.count:
        numbers = StatisticValues(
            sample_count=moments.count,
            sum=moments.mean * moments.count,
            minimum=moments.minimum,
            maximum=moments.maximum,
        )
        yield metric_name("data", column.name), numbers
    if rows:
        there = StatisticValues(
            sample_count=rows,
            sum=column.present,
            minimum=0 if column.missing else 1,
            maximum=1 if column.present else 0,
        )
        yield metric_name("non_null", column.name), there
