"""The measurements of a page: broken limits first, then kept ones, then what has no limit."""

from collections.abc import Iterable, Iterator

from markupsafe import Markup

from monitor_jobs.contract.report import Measurement
from monitor_jobs.report_page.drawing.limit import limit_bar
from monitor_jobs.report_page.rendering import render, within

ROOM = 200_000  # bytes


def measurement_rows(measurements: Iterable[Measurement]) -> list[Markup]:
    """A table row for each, as many as there is room for."""
    return within(_rows(sorted(measurements, key=_order)), room=ROOM)


def _order(measured: Measurement) -> int:
    return 0 if measured.violated else 1 if measured.limit is not None else 2


def _rows(measurements: Iterable[Measurement]) -> Iterator[Markup]:
    for measured in measurements:
        yield render("measurement", measured=measured, bar=limit_bar(measured))
