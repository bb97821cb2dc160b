"""A value against the limit that it must keep."""

import math
from collections.abc import Iterator

from markupsafe import Markup

from monitor_jobs.contract.report import Measurement
from monitor_jobs.report_page.drawing.element import line, picture, rectangle
from monitor_jobs.report_page.drawing.scale import Scale
from monitor_jobs.report_page.drawing.wording import clipped, shown

WIDTH, HEIGHT = 220, 18
SIGNS = {"<=": "≤", ">=": "≥"}
ROOM = 1.25  # so that a limit is not mistaken for the end of the picture


def limit_bar(measurement: Measurement) -> Markup:
    """A bar of the value with the limit as a line across; nothing but the line where the value is no finite number."""
    across = _scale(measurement)
    return picture(
        *_marks(measurement, across),
        title=f"{clipped(measurement.name)} against its limit",
        description=f"{shown(measurement.value)}, to keep {SIGNS[measurement.keeps]} {_limit(measurement)}",
        width=WIDTH,
        height=HEIGHT,
    )


def _scale(measurement: Measurement) -> Scale:
    finite = [each for each in (measurement.value, measurement.limit) if each is not None and math.isfinite(each)]
    low, high = min(0.0, *finite, 0.0), max(0.0, *finite, 0.0) * ROOM
    return Scale(low, high, 0.0, WIDTH) if low < high < math.inf and high - low < math.inf else Scale(0, 1, 0.0, WIDTH)


def _marks(measurement: Measurement, across: Scale) -> Iterator[Markup]:
    yield rectangle(x=0, y=5, width=WIDTH, height=8, kind="track")
    if not math.isnan(measurement.value):
        ends = sorted((across.at(0.0), across.at(measurement.value)))
        kind = "broken" if measurement.violated else "window"
        yield rectangle(x=ends[0], y=5, width=ends[1] - ends[0], height=8, kind=kind)
    if measurement.limit is not None and not math.isnan(measurement.limit):
        place = min(max(across.at(measurement.limit), 1.0), WIDTH - 1.0)
        yield line(x1=place, x2=place, y1=1, y2=17, kind="limit")


def _limit(measurement: Measurement) -> str:
    return "no limit" if measurement.limit is None else shown(measurement.limit)
