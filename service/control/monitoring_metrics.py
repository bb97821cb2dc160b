"""The monitoring side of /metrics, read from the database at each scrape, so that a restart forgets nothing."""

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from typing import Final

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.core import Metric as Family
from prometheus_client.registry import Collector

from service.alerting import alert_of
from service.core.cron import parse_expression, period
from service.core.monitoring import ScheduleConfig
from service.core.ports import Database
from service.core.records import EndpointRecord, ExecutionRecord, Query, ScheduleRecord, SortOrder
from service.core.states import (
    FINAL_EXECUTION_STATUSES,
    VERDICTS,
    AlertStatus,
    EndpointStatus,
    ExecutionStatus,
    ScheduleStatus,
)
from service.metrics import METRICS, PUBLISHED_MAX, SERIES_MAX, Kind, Metric, spec_of

MOST_OF_A_SCHEDULE: Final = 2 * len(ExecutionStatus) + len(METRICS) + PUBLISHED_MAX


class MonitoringCollector(Collector):
    """Schedules, executions and endpoints as Prometheus families."""

    def __init__(self, database: Database, clock: Callable[[], datetime], *, most_series: int = SERIES_MAX) -> None:
        self._database = database
        self._clock = clock
        self._most_series = most_series

    def describe(self) -> Iterable[Family]:
        """Nothing: registering must not read the database."""
        return ()

    def collect(self) -> Iterator[Family]:
        """Every family, with one sample a schedule or endpoint; of the oldest, where all are too many."""
        families = _Families()
        most_endpoints = self._most_series // 2
        endpoints = self._database.endpoints.find(Query(limit=most_endpoints + 1))
        for endpoint in endpoints[:most_endpoints]:
            _add_endpoint(families, endpoint)
        schedules = self._database.schedules.find(Query(limit=self._most_series))
        told = [schedule for schedule in schedules if self._told(families, schedule)]
        families.add(Metric.LEFT_OUT, [], len(told) < len(schedules) or most_endpoints < len(endpoints))
        yield from families.all()

    def _told(self, families: "_Families", schedule: ScheduleRecord) -> bool:
        """True where there was room for all that a schedule may have to tell."""
        if families.series + MOST_OF_A_SCHEDULE >= self._most_series:
            return False
        self._add_schedule(families, schedule)
        return True

    def _add_schedule(self, families: "_Families", schedule: ScheduleRecord) -> None:
        labels = [schedule.name, schedule.endpoint_name]
        now = self._clock()
        families.add(Metric.MISSED_SLOTS, labels, schedule.missed_slots)
        if schedule.status is ScheduleStatus.SCHEDULED:
            families.add(Metric.SCHEDULE_PERIOD, labels, _period_seconds(schedule, now))
        self._add_totals(families, schedule, labels)
        finished = self._last(schedule, VERDICTS)
        # A schedule that was stopped for long is not late at the moment of its start.
        since = max(finished.modified_at, schedule.modified_at) if finished else schedule.modified_at
        families.add(Metric.REPORT_AGE, labels, max(0.0, (now - since).total_seconds()))
        if finished is not None:
            _add_finished(families, finished, labels)
            in_alert = alert_of(self._database, schedule).status is AlertStatus.IN_ALERT
            families.add(Metric.IN_ALERT, labels, in_alert)
            self._add_published(families, finished, labels)

    def _add_totals(self, families: "_Families", schedule: ScheduleRecord, labels: list[str]) -> None:
        last = self._last(schedule, tuple(ExecutionStatus))
        for status in ExecutionStatus:
            families.add(Metric.EXECUTION_STATE, [*labels, status], last is not None and last.status is status)
            if status in FINAL_EXECUTION_STATUSES:
                count = self._database.executions.count(Query(equal={"schedule_name": schedule.name, "status": status}))
                families.add(Metric.EXECUTIONS, [*labels, status], count)

    def _add_published(self, families: "_Families", execution: ExecutionRecord, labels: list[str]) -> None:
        name = execution.processing_job_name
        job = self._database.processing_jobs.get(name) if name else None
        for metric, value in (job.metrics if job else {}).items():
            families.add(Metric.MONITOR_VALUE, [*labels, metric], value)

    def _last(self, schedule: ScheduleRecord, statuses: tuple[ExecutionStatus, ...]) -> ExecutionRecord | None:
        query = Query(
            equal={"schedule_name": schedule.name},
            any_of={"status": statuses},
            order_by="scheduled_at",
            order=SortOrder.DESCENDING,
            limit=1,
        )
        return next(iter(self._database.executions.find(query)), None)


class _Families:
    def __init__(self) -> None:
        self.series = 0
        self._families: dict[Metric, CounterMetricFamily | GaugeMetricFamily] = {}

    def add(self, metric: Metric, labels: list[str], value: float | None) -> None:
        if value is None:
            return
        family = self._families.get(metric)
        if family is None:
            family = self._families[metric] = _new_family(metric)
        self.series += 1
        family.add_metric(labels, float(value))

    def all(self) -> Iterable[Family]:
        return self._families.values()


def _new_family(metric: Metric) -> CounterMetricFamily | GaugeMetricFamily:
    spec = spec_of(metric)
    kind = CounterMetricFamily if spec.kind is Kind.COUNTER else GaugeMetricFamily
    return kind(spec.name, spec.help, labels=spec.labels)


def _add_endpoint(families: _Families, endpoint: EndpointRecord) -> None:
    families.add(Metric.ENDPOINT_IN_SERVICE, [endpoint.name], endpoint.status is EndpointStatus.IN_SERVICE)


def _add_finished(families: _Families, execution: ExecutionRecord, labels: list[str]) -> None:
    families.add(Metric.LAST_VIOLATIONS, labels, execution.violations)
    families.add(Metric.WINDOW_RECORDS, labels, execution.window_records)


def _period_seconds(schedule: ScheduleRecord, now: datetime) -> float | None:
    times = ScheduleConfig.model_validate(schedule.request["MonitoringScheduleConfig"].get("ScheduleConfig", {}))
    expression = parse_expression(times.schedule_expression, schedule_name=schedule.name)
    distance = period(expression, now)
    return None if distance is None else distance.total_seconds()
