"""Statistics of values: merged, put into periods, and read as CloudWatch's five."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum


class Statistic(StrEnum):
    """CloudWatch's words for what is said of many values."""

    SAMPLE_COUNT = "SampleCount"
    AVERAGE = "Average"
    SUM = "Sum"
    MINIMUM = "Minimum"
    MAXIMUM = "Maximum"


@dataclass(frozen=True, slots=True)
class StatisticSet:
    """How many values, their sum, the least and the greatest."""

    sample_count: float
    total: float
    minimum: float
    maximum: float

    def __add__(self, other: "StatisticSet") -> "StatisticSet":
        """Both together."""
        return StatisticSet(
            self.sample_count + other.sample_count,
            self.total + other.total,
            min(self.minimum, other.minimum),
            max(self.maximum, other.maximum),
        )

    def value(self, statistic: Statistic) -> float:
        """One of the five."""
        return {
            Statistic.SAMPLE_COUNT: self.sample_count,
            Statistic.AVERAGE: self.total / self.sample_count,
            Statistic.SUM: self.total,
            Statistic.MINIMUM: self.minimum,
            Statistic.MAXIMUM: self.maximum,
        }[statistic]


@dataclass(frozen=True, slots=True)
class Datapoint:
    """Statistics of one moment, in one unit."""

    at: datetime
    unit: str
    statistics: StatisticSet


def of_values(values: Iterable[tuple[float, float]]) -> StatisticSet:
    """The statistics of (value, how often) pairs, of which there is one at least."""
    pairs = list(values)
    return StatisticSet(
        sample_count=sum(count for _, count in pairs),
        total=sum(value * count for value, count in pairs),
        minimum=min(value for value, _ in pairs),
        maximum=max(value for value, _ in pairs),
    )


def by_period(datapoints: Iterable[Datapoint], *, seconds: int) -> Mapping[tuple[datetime, str], StatisticSet]:
    """The statistics of each period and unit that has any, in order of time; periods begin at multiples of theirs."""
    found: dict[tuple[datetime, str], StatisticSet] = {}
    for point in sorted(datapoints, key=lambda point: point.at):
        begins = datetime.fromtimestamp(point.at.timestamp() // seconds * seconds, UTC)
        key = (begins, point.unit)
        found[key] = found[key] + point.statistics if key in found else point.statistics
    return found
