"""One process's metrics as a value, and the sum of several such values.

What lives here: reading a registry, adding up, writing what Prometheus reads. What does not: where pages of other
processes come from (published), which gauges are no sums (service.metrics).
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import Metric as Family
from prometheus_client.registry import Collector

from service.metrics import Across, Kind, Metric, spec_of

Key = tuple[str, tuple[tuple[str, str], ...]]  # a sample's name, and its labels


@dataclass(slots=True)
class Values:
    """All samples of one family; `name` without the _total of counters."""

    name: str
    kind: str
    help: str
    samples: dict[Key, float] = field(default_factory=dict)


Page = dict[str, Values]  # by name of the family


def page_of(registry: CollectorRegistry) -> Page:
    """What a scrape of the registry would say now."""
    return {family.name: _values_of(family) for family in registry.collect()}


def merged(pages: Iterable[Page]) -> Page:
    """All of them as one: counters, histograms and most gauges are summed up, of some gauges the largest is taken."""
    whole: Page = {}
    for page in pages:
        for name, values in page.items():
            known = whole.setdefault(name, Values(name, values.kind, values.help))
            largest = _is_largest(values)
            for key, value in values.samples.items():
                before = known.samples.get(key)
                known.samples[key] = value if before is None else max(before, value) if largest else before + value
    return whole


def lasting(page: Page) -> Page:
    """What stays of a worker that is no more: what it counted, and what it left for others to deliver.

    Records that wait are in nobody's backlog then, until somebody adopts them, and counts them as captured once more.
    """
    counted = {name: values for name, values in page.items() if values.kind != Kind.GAUGE}
    backlog, left = page.get(Metric.BACKLOG_RECORDS), counted.get(Metric.LEFT.removesuffix("_total"))
    if backlog is None or left is None:
        return counted
    found = {(str(Metric.LEFT), labels): value for (_, labels), value in backlog.samples.items()}
    return merged([counted, {left.name: Values(left.name, left.kind, left.help, found)}])


def exposition(page: Page) -> bytes:
    """The page as Prometheus scrapes it."""
    registry = CollectorRegistry()
    registry.register(_Shown(page))
    return generate_latest(registry)


def to_json(page: Page) -> str:
    """The page as text; what `from_json` makes of it equals it."""
    return json.dumps([[one.name, one.kind, one.help, list(one.samples.items())] for one in page.values()])


def from_json(text: str) -> Page:
    """The page of a text that `to_json` made."""
    families = json.loads(text)
    return {name: Values(name, kind, said, dict(map(_sample, samples))) for name, kind, said, samples in families}


class _Shown(Collector):
    """Shows a page to prometheus_client, which writes it."""

    def __init__(self, page: Page) -> None:
        self._page = page

    def collect(self) -> Iterator[Family]:
        """Every family."""
        for values in self._page.values():
            family = Family(values.name, values.help, values.kind)
            for (name, labels), value in values.samples.items():
                family.add_sample(name, dict(labels), value)
            yield family


def _values_of(family: Family) -> Values:
    samples = {(sample.name, tuple(sample.labels.items())): sample.value for sample in family.samples}
    return Values(family.name, family.type, family.documentation, samples)


def _sample(item: tuple[tuple[str, list[tuple[str, str]]], float]) -> tuple[Key, float]:
    (name, labels), value = item
    return (name, tuple((label, text) for label, text in labels)), value


def _is_largest(values: Values) -> bool:
    return values.kind == Kind.GAUGE and spec_of(Metric(values.name)).across is Across.LARGEST
