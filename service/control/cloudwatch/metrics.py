"""Which metrics there are, and their data: those that jobs published and those that clients put, as one."""

import hashlib
import json
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from monitor_jobs.contract.container import CloudWatchMetric
from monitor_jobs.contract.window import parse_timestamp
from service.control.cloudwatch.statistics import Datapoint, StatisticSet
from service.core.ports import Database
from service.core.records import MetricRecord, ProcessingJobRecord, Query

LISTED_FOR: Final = timedelta(days=14)  # as long as AWS lists a metric after its last datapoint
# As AWS spells them, the slash in front of the first and none before the others included.
NAMESPACES: Final = {
    "DataQuality": "/aws/sagemaker/Endpoints/data-metrics",
    "ModelQuality": "aws/sagemaker/Endpoints/model-metrics",
    "ModelBias": "aws/sagemaker/Endpoints/bias-metrics",
    "ModelExplainability": "aws/sagemaker/Endpoints/explainability-metrics",
}
JOBS_NAMESPACE: Final = "/aws/sagemaker/ProcessingJobs"  # of jobs that no schedule started


class MetricKey(NamedTuple):
    """What tells a metric from all others: namespace, name, and dimensions in order of their names."""

    namespace: str
    name: str
    dimensions: tuple[tuple[str, str], ...]

    @property
    def id(self) -> str:
        """A text of fixed length that only this metric has."""
        return hashlib.sha256(json.dumps(self).encode()).hexdigest()


def key_of(namespace: str, name: str, dimensions: Iterable[dict[str, str]]) -> MetricKey:
    """The key of a metric as it is on the wire."""
    return MetricKey(namespace, name, tuple(sorted((row["Name"], row["Value"]) for row in dimensions)))


class Metrics:
    """All metrics of one installation."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def keys(self, *, since: datetime) -> set[MetricKey]:
        """The metrics that have data of this time or later."""
        kept = self._database.metrics.find(Query(at_least={"last_at": since}, order_by="last_at"))
        return {_key_of_record(row) for row in kept} | {
            key for key, point in self._published(since) if point.at >= since
        }

    def datapoints(self, key: MetricKey, start: datetime, end: datetime) -> Iterator[Datapoint]:
        """A metric's data of the times [start, end), in no order."""
        for found, point in self._published(start):
            if found == key and start <= point.at < end:
                yield point
        wanted = Query({"metric_id": key.id}, at_least={"minute": start}, below={"minute": end}, order_by="minute")
        for row in self._database.datapoints.find(wanted):
            numbers = StatisticSet(row.sample_count, row.total, row.minimum, row.maximum)
            yield Datapoint(row.minute, row.unit, numbers)

    def _published(self, since: datetime) -> Iterator[tuple[MetricKey, Datapoint]]:
        # What a job says of some time it says at its end, or earlier.
        jobs = self._database.processing_jobs.find(Query(at_least={"ended_at": since}))
        namespaces: dict[str | None, str] = {}
        for job in jobs:
            if job.schedule_name not in namespaces:
                namespaces[job.schedule_name] = self._namespace(job.schedule_name)
            yield from _published_by(job, namespaces[job.schedule_name])

    def _namespace(self, schedule_name: str | None) -> str:
        if schedule_name is None:
            return JOBS_NAMESPACE
        schedule = self._database.schedules.get(schedule_name)
        kind = None if schedule is None else schedule.request["MonitoringScheduleConfig"].get("MonitoringType")
        return NAMESPACES[kind or "DataQuality"]


def _published_by(job: ProcessingJobRecord, namespace: str) -> Iterator[tuple[MetricKey, Datapoint]]:
    for line in job.metric_data:
        metric = CloudWatchMetric.model_validate(line)
        numbers = metric.statistics
        statistics = StatisticSet(numbers.sample_count, numbers.sum, numbers.minimum, numbers.maximum)
        dimensions = [row.model_dump(by_alias=True) for row in metric.dimensions]
        key = key_of(namespace, metric.metric_name, dimensions)
        yield key, Datapoint(parse_timestamp(metric.timestamp), metric.unit, statistics)


def _key_of_record(row: MetricRecord) -> MetricKey:
    return key_of(row.namespace, row.name, row.dimensions)
