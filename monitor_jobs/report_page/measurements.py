"""The measurements of a page: broken limits first, then kept ones, nearest first, then what has no limit."""

import math
from collections.abc import Iterable, Iterator, Sequence

from markupsafe import Markup

from monitor_jobs.contract.report import Measurement
from monitor_jobs.report_page.drawing.limit import limit_bar
from monitor_jobs.report_page.rendering import joined, render, within

ROOM = 200_000  # bytes
KEPT_SHOWN = 8  # beside those that are broken; the others are folded away


def measurements_section(measurements: Sequence[Measurement]) -> Markup:
    """A table of all measurements, as many as there is room for; nothing where nothing was measured."""
    if not measurements:
        return Markup()
    ordered = sorted(measurements, key=_order)
    shown = sum(measured.violated for measured in ordered) + KEPT_SHOWN
    rows = within(_rows(ordered), room=ROOM)
    return render(
        "measurements",
        rows=joined(rows[:shown]),
        folded=joined(rows[shown:]),
        folded_count=len(rows[shown:]),
        left=len(ordered) - len(rows),
    )


def _order(measured: Measurement) -> tuple[int, float]:
    if measured.violated:
        return 0, 0.0
    if measured.limit is None:
        return 3, 0.0
    away = abs(measured.value - measured.limit) / (abs(measured.limit) or 1.0)
    return 2 if _at_best(measured) else 1, away if math.isfinite(away) else math.inf


def _at_best(measured: Measurement) -> bool:
    """True of all values of a share that must be large, and of none of what must be small: however near the limit."""
    if measured.keeps == "<=":
        return measured.value == 0.0
    return measured.unit == "ratio" and measured.value == 1.0


def _rows(measurements: Iterable[Measurement]) -> Iterator[Markup]:
    for measured in measurements:
        yield render("measurement", measured=measured, bar=limit_bar(measured))
