"""PutMetricData's datums as datapoints; the refusal of what CloudWatch refuses beyond its published shapes."""

import math
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, Final

from monitor_jobs.contract.errors import BadInput
from service.control.api import ApiError, Json
from service.control.cloudwatch.metrics import MetricKey, key_of
from service.control.cloudwatch.statistics import Datapoint, StatisticSet, of_values
from service.control.moments import moment

MOST_DATUMS: Final = 1000
MOST_VALUES: Final = 150
LARGEST: Final = 2.0**360
EARLIEST, LATEST = timedelta(days=14), timedelta(hours=2)
VALUE_MEMBERS: Final = ("Value", "Values", "StatisticValues")


class InvalidParameterCombinationException(ApiError):
    """Members that exclude each other."""

    code = "InvalidParameterCombinationException"


def parsed_datums(request: Json, now: datetime) -> list[tuple[MetricKey, Datapoint]]:
    """What a request puts, in its order; a datum without a time is of now. Raises BadInput."""
    namespace = _plain("Namespace", str(request["Namespace"]))
    if namespace.startswith("AWS/"):
        raise BadInput(f"The value {namespace} for parameter Namespace is invalid: namespaces of AWS/ are AWS's own")
    datums = list(_datums(request))
    if len(datums) > MOST_DATUMS:
        raise BadInput(f"{len(datums)} datums are more than the {MOST_DATUMS} of one request: send several")
    return [(_key(namespace, datum), _datapoint(datum, now)) for datum in datums]


def _datums(request: Json) -> Iterator[dict[str, Any]]:
    yield from request.get("MetricData") or ()  # type: ignore[misc] # the published shape was checked
    for entity in request.get("EntityMetricData") or ():  # type: ignore[attr-defined]
        yield from entity.get("MetricData") or ()


def _key(namespace: str, datum: dict[str, Any]) -> MetricKey:
    key = key_of(namespace, _plain("MetricName", datum["MetricName"]), datum.get("Dimensions") or ())
    for name, value in key.dimensions:
        _plain("Dimensions", name + value)
    return key


def _datapoint(datum: dict[str, Any], now: datetime) -> Datapoint:
    at = moment(datum["Timestamp"]) if datum.get("Timestamp") is not None else now
    if not now - EARLIEST <= at <= now + LATEST:
        raise BadInput(
            f"The parameter Timestamp is invalid: {at.isoformat()} is not within two weeks back and two hours"
        )
    return Datapoint(at, datum.get("Unit") or "None", _statistics(datum))


def _statistics(datum: dict[str, Any]) -> StatisticSet:
    given = [name for name in VALUE_MEMBERS if datum.get(name) is not None]
    if len(given) != 1:
        raise InvalidParameterCombinationException(f"Send one of {', '.join(VALUE_MEMBERS)}, not {given or 'none'}")
    found = {"Value": _of_value, "Values": _of_values, "StatisticValues": _of_statistics}[given[0]](datum)
    for number in (found.sample_count, found.total, found.minimum, found.maximum):
        if not math.isfinite(number) or abs(number) > LARGEST:
            raise BadInput(
                f"The value {number} of {datum['MetricName']} is invalid: it must be within -2^360 and 2^360"
            )
    if found.sample_count <= 0:
        raise BadInput(f"{datum['MetricName']} has a sample count of {found.sample_count}: it must be above 0")
    return found


def _of_value(datum: dict[str, Any]) -> StatisticSet:
    return of_values([(datum["Value"], 1)])


def _of_values(datum: dict[str, Any]) -> StatisticSet:
    values = datum["Values"]
    counts = datum.get("Counts") or [1] * len(values)
    if not values or len(values) > MOST_VALUES or len(values) != len(counts):
        raise BadInput(f"{len(values)} Values with {len(counts)} Counts: send 1 to {MOST_VALUES}, as many of each")
    if not all(count > 0 for count in counts):
        raise BadInput(f"{datum['MetricName']} has a count that is not above 0")
    return of_values(zip(values, counts, strict=True))


def _of_statistics(datum: dict[str, Any]) -> StatisticSet:
    numbers = datum["StatisticValues"]
    return StatisticSet(numbers["SampleCount"], numbers["Sum"], numbers["Minimum"], numbers["Maximum"])


def _plain(member: str, text: str) -> str:
    if not text.strip() or not text.isascii() or not text.isprintable():
        raise BadInput(f"The value {text[:80]!r} for parameter {member} is invalid: use printable ASCII")
    return text
