"""What requests for logs and metrics concern: the endpoint or job that a log is of, the endpoint of a dimension."""

from collections.abc import Iterable, Iterator
from typing import Final

from monitor_jobs.contract.container import ENDPOINT_DIMENSIONS
from monitor_jobs.contract.errors import BadInput
from service.control.access.resources import Concern, Installation, Json, Target, job
from service.core.names import ENDPOINT_LOG_GROUPS, JOBS_LOG_GROUP


def group_of(request: Json) -> str:
    """The log group that a request names, by its name or its ARN. Raises BadInput where it names none."""
    name = request.get("logGroupName") or request.get("logGroupIdentifier")
    if name is None:
        raise BadInput("Either logGroupName or logGroupIdentifier must be given")
    return str(name).partition(":log-group:")[2].removesuffix(":*") if str(name).startswith("arn:") else str(name)


def endpoints_of(dimensions: Iterable[Json]) -> set[str | None]:
    """The endpoints that a metric's dimensions name; None in the place of them where there is none."""
    return {row.get("Value") for row in dimensions if row.get("Name") in ENDPOINT_DIMENSIONS} or {None}


def _one_stream(request: Json, here: Installation) -> Iterator[Target]:
    yield _stream(group_of(request), request["logStreamName"], here)


def _streams(request: Json, here: Installation) -> Iterator[Target]:
    group, names = group_of(request), request.get("logStreamNames")
    if group == JOBS_LOG_GROUP:
        yield from (_stream(group, name, here) for name in names or ())
    else:
        yield _group(group, here)


def _stream(group: str, stream: str, here: Installation) -> Target:
    if group != JOBS_LOG_GROUP:
        return _group(group, here)
    return job(stream.partition("/")[0], here)._replace(arn=f"{_group(group, here).arn}:log-stream:{stream}")


def _group(group: str, here: Installation) -> Target:
    endpoint = group.removeprefix(ENDPOINT_LOG_GROUPS) if group.startswith(ENDPOINT_LOG_GROUPS) else None
    return Target(endpoint, f"arn:aws:logs:{here.region}:{here.account}:log-group:{group}")


def _put_metrics(request: Json, _here: Installation) -> Iterator[Target]:
    entities = request.get("EntityMetricData") or ()
    rows = [*(request.get("MetricData") or ()), *(row for each in entities for row in each.get("MetricData") or ())]
    yield from _of_metrics(rows)


def _one_metric(request: Json, _here: Installation) -> Iterator[Target]:
    yield from _of_metrics([request])


def _queried_metrics(request: Json, _here: Installation) -> Iterator[Target]:
    yield from _of_metrics(
        [(query.get("MetricStat") or {}).get("Metric") or {} for query in request["MetricDataQueries"]]
    )


def _of_metrics(metrics: Iterable[Json]) -> Iterator[Target]:
    found = {name for metric in metrics for name in endpoints_of(metric.get("Dimensions") or ())}
    yield from (Target(name, "*") for name in found)  # CloudWatch's metrics have no ARNs


LOG_STREAM: Final = Concern("the endpoint or job whose log it is", _one_stream)
LOG_STREAMS: Final = Concern("the endpoint whose log it is; of the jobs' logs, each: others are left out", _streams)
PUT_METRICS: Final = Concern(
    "the endpoint in each metric's dimensions; where there is none, grants of `*` only", _put_metrics
)
ONE_METRIC: Final = Concern(PUT_METRICS.words, _one_metric)
QUERIED_METRICS: Final = Concern(PUT_METRICS.words, _queried_metrics)
