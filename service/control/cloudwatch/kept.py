"""What clients put: statistics by the minute, kept for fifteen days and at most a million rows, the oldest go first."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from service.control.cloudwatch.metrics import LISTED_FOR, MetricKey
from service.control.cloudwatch.statistics import Datapoint, StatisticSet
from service.core.ports import Database
from service.core.records import DatapointRecord, MetricRecord, Query

KEPT_FOR: Final = timedelta(days=15)  # as long as AWS keeps minutes
MOST_ROWS: Final = 1_000_000
FORGOTTEN_AT_ONCE: Final = 2_000  # more than one request can add


def by_minute(points: Iterable[tuple[MetricKey, Datapoint]]) -> list[tuple[MetricKey, Datapoint]]:
    """The same data as one datapoint for each metric, minute and unit."""
    found: dict[tuple[MetricKey, datetime, str], StatisticSet] = {}
    for key, point in points:
        place = (key, point.at.replace(second=0, microsecond=0), point.unit)
        found[place] = found[place] + point.statistics if place in found else point.statistics
    return [(key, Datapoint(minute, unit, numbers)) for (key, minute, unit), numbers in found.items()]


def keep(database: Database, key: MetricKey, point: Datapoint) -> None:
    """Add a datapoint of a minute to what is kept of it; call it inside a transaction."""
    _keep_metric(database, key, point.at)
    identity = f"{key.id}/{point.at:%Y%m%d%H%M}/{point.unit}"
    row = database.datapoints.get(identity)
    if row is None:
        database.datapoints.add(_record(identity, key, point))
        return
    both = StatisticSet(row.sample_count, row.total, row.minimum, row.maximum) + point.statistics
    database.datapoints.save(replace(_record(identity, key, replace(point, statistics=both)), version=row.version))


def forget(database: Database, now: datetime) -> None:
    """Remove what is too old or too much, a bounded number of rows at a time."""
    surplus = max(0, database.datapoints.count(Query()) - MOST_ROWS)
    if surplus:
        oldest = database.datapoints.find(Query(order_by="minute", limit=min(surplus, FORGOTTEN_AT_ONCE)))
    else:
        oldest = database.datapoints.find(
            Query(below={"minute": now - KEPT_FOR}, order_by="minute", limit=FORGOTTEN_AT_ONCE)
        )
    for row in oldest:
        database.datapoints.remove(row.id)
    unheard = Query(below={"last_at": now - LISTED_FOR}, order_by="last_at", limit=FORGOTTEN_AT_ONCE)
    for metric in database.metrics.find(unheard):
        database.metrics.remove(metric.id)


def _keep_metric(database: Database, key: MetricKey, at: datetime) -> None:
    row = database.metrics.get(key.id)
    dimensions = [{"Name": name, "Value": value} for name, value in key.dimensions]
    if row is None:
        database.metrics.add(MetricRecord(key.id, key.namespace, key.name, dimensions, at))
    elif at > row.last_at:
        database.metrics.save(replace(row, last_at=at))


def _record(identity: str, key: MetricKey, point: Datapoint) -> DatapointRecord:
    numbers = point.statistics
    return DatapointRecord(
        identity, key.id, point.at, point.unit, numbers.sample_count, numbers.total, numbers.minimum, numbers.maximum
    )
