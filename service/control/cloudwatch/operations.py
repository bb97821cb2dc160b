"""CloudWatch's metric operations. Alarms are not served: Prometheus's rules watch the same values on /metrics."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from monitor_jobs.contract.errors import BadInput, Conflict, SextantError
from service.control import api
from service.control.access.enforcement import Access
from service.control.access.logs_and_metrics import endpoints_of
from service.control.api import Api, Json, Table, UnknownOperationException
from service.control.cloudwatch.kept import by_minute, forget, keep
from service.control.cloudwatch.metrics import LISTED_FOR, MetricKey, Metrics, key_of
from service.control.cloudwatch.putting import parsed_datums
from service.control.cloudwatch.statistics import Datapoint, Statistic, StatisticSet, by_period
from service.control.moments import moment
from service.control.shapes import published_model
from service.core.access import Principal
from service.core.pagination import decode_token, encode_token
from service.core.ports import Database

MOST_METRICS: Final = 500  # in one answer of ListMetrics
MOST_DATAPOINTS: Final = 1440  # in one answer of GetMetricStatistics
MOST_RESULTS: Final = 100_800  # in one answer of GetMetricData
MINUTE_SECONDS: Final = 60
RECENT: Final = timedelta(hours=3)
TRIES: Final = 5  # where two clients put the same minute of a metric at once


@dataclass(frozen=True, slots=True)
class CloudWatchContext:
    """What the caller may do and where, and the moment of the request."""

    access: Access
    now: datetime

    @property
    def database(self) -> Database:
        """The installation's database."""
        return self.access.here.database

    @property
    def metrics(self) -> Metrics:
        """All metrics there are."""
        return Metrics(self.database)


def put_metric_data(request: Json, context: CloudWatchContext) -> Json:
    """Keep what a client measured, all of it or nothing; storage is by the minute, whatever resolution is asked for."""
    datums = by_minute(parsed_datums(request, context.now))
    for _ in range(TRIES - 1):
        try:
            return _kept(datums, context)
        except Conflict:
            continue
    return _kept(datums, context)


def list_metrics(request: Json, context: CloudWatchContext) -> Json:
    """Metrics with data of the last two weeks, or three hours, in order of their names; 500 a page."""
    recently = RECENT if request.get("RecentlyActive") else LISTED_FOR
    found = context.metrics.keys(since=context.now - recently)
    keys = sorted(key for key in found if _is_wanted(key, request) and _is_readable(key, context.access))
    if "NextToken" in request:
        after = decode_token(str(request["NextToken"]))
        keys = [key for key in keys if (key.namespace, key.name, key.id) > after]
    answer: Json = {"Metrics": [_metric(key) for key in keys[:MOST_METRICS]]}
    if len(keys) > MOST_METRICS:
        last = keys[MOST_METRICS - 1]
        answer["NextToken"] = encode_token((last.namespace, last.name, last.id))
    return answer


def get_metric_statistics(request: Json, context: CloudWatchContext) -> Json:
    """A metric's statistics by period, in order of time, of those periods that have data."""
    statistics = [Statistic(name) for name in request.get("Statistics") or ()]  # type: ignore[attr-defined]
    if not statistics or "ExtendedStatistics" in request:
        raise BadInput(f"ExtendedStatistics are not served: ask for Statistics of {', '.join(Statistic)}")
    periods = _by_period(request, request, context)
    if len(periods) > MOST_DATAPOINTS:
        raise BadInput(f"{len(periods)} datapoints are more than the {MOST_DATAPOINTS} of one answer: ask for less")
    rows = [
        {"Timestamp": at, "Unit": unit, **{str(statistic): numbers.value(statistic) for statistic in statistics}}
        for (at, unit), numbers in periods.items()
    ]
    return {"Label": request["MetricName"], "Datapoints": rows}


def get_metric_data(request: Json, context: CloudWatchContext) -> Json:
    """Series of metrics by period, the newest value first unless asked otherwise; no expressions, all in one page."""
    queries: list[dict[str, Any]] = request["MetricDataQueries"]  # type: ignore[assignment]
    results = [_series(query, request, context) for query in queries if query.get("ReturnData", True)]
    size = sum(len(result["Values"]) for result in results)  # type: ignore[arg-type, misc]
    if size > MOST_RESULTS:
        raise BadInput(f"{size} datapoints are more than the {MOST_RESULTS} of one answer: ask for less")
    return {"MetricDataResults": results, "Messages": []}


def cloudwatch_api(new_context: Callable[[Principal], CloudWatchContext]) -> Api:
    """CloudWatch's metrics; each request gets a context of its caller and moment."""

    def answered(operation: str, request: Json, caller: Principal) -> Json:
        if "Alarm" in operation:
            raise UnknownOperationException(
                f"{operation} is not served: alarms are Prometheus rules here, over the gauges of /metrics"
            )
        return api.call(operation, request, new_context(caller), table=OPERATIONS, model=published_model("cloudwatch"))

    codes: Mapping[type[SextantError], str] = {SextantError: "InvalidParameterValueException"}
    return Api("cloudwatch", "GraniteServiceVersion20100801", "monitoring", frozenset(OPERATIONS), answered, codes)


OPERATIONS: Final[Table[CloudWatchContext]] = {
    "PutMetricData": put_metric_data,
    "ListMetrics": list_metrics,
    "GetMetricStatistics": get_metric_statistics,
    "GetMetricData": get_metric_data,
}


def _kept(datums: Sequence[tuple[MetricKey, Datapoint]], context: CloudWatchContext) -> Json:
    with context.database.transaction():
        for key, point in datums:
            keep(context.database, key, point)
        forget(context.database, context.now)
    return {}


def _is_readable(key: MetricKey, access: Access) -> bool:
    endpoints = endpoints_of({"Name": name, "Value": value} for name, value in key.dimensions)
    return all(map(access.may_read, endpoints))


def _is_wanted(key: MetricKey, request: Json) -> bool:
    filters: list[dict[str, str]] = request.get("Dimensions") or []  # type: ignore[assignment]
    return (
        request.get("Namespace", key.namespace) == key.namespace
        and request.get("MetricName", key.name) == key.name
        and all(_has_dimension(key, row["Name"], row.get("Value")) for row in filters)
    )


def _has_dimension(key: MetricKey, name: str, value: str | None) -> bool:
    return any(found == name and value in (None, of) for found, of in key.dimensions)


def _metric(key: MetricKey) -> Json:
    dimensions = [{"Name": name, "Value": value} for name, value in key.dimensions]
    return {"Namespace": key.namespace, "MetricName": key.name, "Dimensions": dimensions}


def _series(query: dict[str, Any], request: Json, context: CloudWatchContext) -> Json:
    stat = query.get("MetricStat")
    if stat is None or "Expression" in query:
        raise BadInput(f"query {query['Id']} has no MetricStat: expressions are not served")
    if stat["Stat"] not in list(Statistic):
        raise BadInput(f"Stat {stat['Stat'][:40]} is not served: ask for one of {', '.join(Statistic)}")
    members = {**stat["Metric"], "Period": stat["Period"], **({"Unit": stat["Unit"]} if "Unit" in stat else {})}
    periods = _by_period(members, request, context).items()
    points = [(at, numbers.value(Statistic(stat["Stat"]))) for (at, _), numbers in periods]
    if request.get("ScanBy") != "TimestampAscending":
        points.reverse()
    return {
        "Id": query["Id"],
        "Label": query.get("Label") or stat["Metric"]["MetricName"],
        "Timestamps": [at for at, _ in points],
        "Values": [value for _, value in points],
        "StatusCode": "Complete",
    }


def _by_period(metric: Json, request: Json, context: CloudWatchContext) -> Mapping[tuple[datetime, str], StatisticSet]:
    """A metric's statistics by period and unit, within the times of a request."""
    # What was put is kept by the minute: a start within one has all of it, as at AWS.
    start, end = moment(request["StartTime"]).replace(second=0, microsecond=0), moment(request["EndTime"])
    period = int(str(metric["Period"]))
    if not start < end:
        raise BadInput("The parameter StartTime must be less than the parameter EndTime.")
    if period % MINUTE_SECONDS:
        raise BadInput(f"The parameter Period must be a multiple of {MINUTE_SECONDS}, not {period}")
    dimensions: list[dict[str, str]] = metric.get("Dimensions") or []  # type: ignore[assignment]
    key = key_of(str(metric.get("Namespace", "")), str(metric.get("MetricName", "")), dimensions)
    points = context.metrics.datapoints(key, start, end)
    unit = metric.get("Unit")
    return by_period((point for point in points if unit in (None, point.unit)), seconds=period)
