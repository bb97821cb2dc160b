"""A metric between 0 and 1 with its interval, and what the best constant answer would reach."""

import math
from collections.abc import Iterator

from markupsafe import Markup

from monitor_jobs.report_page.drawing.element import element, line, picture, rectangle
from monitor_jobs.report_page.drawing.scale import Scale
from monitor_jobs.report_page.drawing.wording import shown

WIDTH, HEIGHT = 220, 18


def interval(name: str, value: float, *, low: float, high: float, constant: float | None) -> Markup:
    """A point at the value with a line from low to high; `constant` is a line across where there is one."""
    across = Scale(0.0, 1.0, 4.0, WIDTH - 4.0)
    told = f"{shown(value)}, from {shown(low)} to {shown(high)}"
    return picture(
        *_marks(value, low, high, constant, across),
        title=name,
        description=told if constant is None else f"{told}; the best constant answer reaches {shown(constant)}",
        width=WIDTH,
        height=HEIGHT,
    )


def _marks(value: float, low: float, high: float, constant: float | None, across: Scale) -> Iterator[Markup]:
    yield rectangle(x=0, y=8, width=WIDTH, height=2, kind="track")
    if constant is not None and math.isfinite(constant):
        yield line(x1=across.at(constant), x2=across.at(constant), y1=2, y2=16, kind="limit faint")
    if math.isfinite(low) and math.isfinite(high):
        yield line(x1=across.at(low), x2=across.at(high), y1=9, y2=9, kind="whisker")
    if math.isfinite(value):
        yield element("circle", class_="window", cx=across.at(value), cy=9, r=4)
