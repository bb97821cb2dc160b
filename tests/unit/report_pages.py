"""Reports, statistics and baselines to draw pages of, and a reader of pages."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from html.parser import HTMLParser
from itertools import pairwise
from typing import Any

import numpy as np

from monitor_jobs.contract.report import (
    Constraints,
    Dataset,
    FeatureStatistics,
    Measurement,
    OffendingRecord,
    Report,
    Statistics,
    UnreadableLines,
    Violation,
)
from monitor_jobs.monitor import Verdict

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


class Page(HTMLParser):
    """A page as a browser takes it apart: its tags in order, with their attributes, and its text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self._texts: list[str] = []
        self.feed(html)
        self.text = "".join(self._texts)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        if self.tags[-1:] != [("style", {})]:
            self._texts.append(data)

    @property
    def names(self) -> list[str]:
        return [name for name, _ in self.tags]

    def attributes(self, name: str) -> list[dict[str, str | None]]:
        return [attributes for tag, attributes in self.tags if tag == name]


def report(measurements: Iterable[Measurement] = (), violations: Iterable[Violation] = (), **fields: Any) -> Report:
    known: dict[str, Any] = {
        "monitor": "data_quality",
        "endpoint": "loans",
        "window_start": NOON,
        "window_end": NOON.replace(hour=13),
        "records": 400,
        "predictions": 400,
        "unreadable": UnreadableLines(),
    }
    return Report(**{**known, **fields}, measurements=tuple(measurements), violations=tuple(violations))


def violation(feature: str = "age", check: str = "baseline_drift_check", records: int = 0, **fields: str) -> Violation:
    known = {"event_id": "event", "object_key": "loans/AllTraffic/2026/11/20/12/a.jsonl", **fields}
    rows = [OffendingRecord.model_validate({**known, "line": line}) for line in range(1, records + 1)]
    return Violation(
        feature_name=feature, constraint_check_type=check, description="0.4 exceeds 0.1", offending_records=tuple(rows)
    )


def numbers(name: str, values: Sequence[float], *, missing: int = 0, kind: str = "Fractional") -> FeatureStatistics:
    """A numeric feature whose sketch holds every value."""
    counts, edges = np.histogram(values, 10)
    buckets = [
        {"lower_bound": low, "upper_bound": high, "count": int(count)}
        for (low, high), count in zip(pairwise(edges), counts, strict=True)
    ]
    told = {
        "common": {"num_present": len(values), "num_missing": missing},
        "mean": float(np.mean(values)),
        "std_dev": float(np.std(values)),
        "min": float(np.min(values)),
        "max": float(np.max(values)),
        "distribution": {"kll": {"buckets": buckets, "sketch": {"data": [[float(value) for value in values]]}}},
    }
    return FeatureStatistics.model_validate({"name": name, "inferred_type": kind, "numerical_statistics": told})


def texts(name: str, counts: Mapping[str, int], *, missing: int = 0, present: int | None = None) -> FeatureStatistics:
    told = {
        "common": {"num_present": sum(counts.values()) if present is None else present, "num_missing": missing},
        "distinct_count": len(counts),
        "distribution": {"categorical": {"buckets": [{"value": each, "count": n} for each, n in counts.items()]}},
    }
    return FeatureStatistics.model_validate({"name": name, "inferred_type": "String", "string_statistics": told})


def statistics(*features: FeatureStatistics, **sections: Any) -> Statistics:
    return Statistics(dataset=Dataset(item_count=400), features=list(features), **sections)


def verdict(measured: Statistics, suggested: Constraints | None = None) -> Verdict:
    """A verdict as pages need it beside its report."""
    return Verdict(measurements=(), violations=(), statistics=measured, constraints=suggested)
