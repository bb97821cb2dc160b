"""A curve in the unit square, such as a receiver operating characteristic."""

import math
from collections.abc import Iterator, Sequence

from markupsafe import Markup

from monitor_jobs.report_page.drawing.element import element, label, line, picture, upright
from monitor_jobs.report_page.drawing.scale import Scale

WIDTH, HEIGHT = 300, 270
LEFT, RIGHT, TOP, BOTTOM = 44, 290, 10, 232
MOST_POINTS = 200  # more than can be told apart at this width


def curve(title: str, description: str, xs: Sequence[float], ys: Sequence[float], *, across: str, up: str) -> Markup:
    """The line through (xs, ys), both 0..1, with names for its axes; points that are no numbers are left out."""
    horizontal, vertical = Scale(0.0, 1.0, LEFT, RIGHT), Scale(0.0, 1.0, BOTTOM, TOP)
    points = [f"{horizontal.at(x):.1f},{vertical.at(y):.1f}" for x, y in thinned(xs, ys, most=MOST_POINTS)]
    return picture(
        *_grid(horizontal, vertical),
        element("polyline", class_="curve", points=" ".join(points)),
        label(across, x=(LEFT + RIGHT) / 2, y=BOTTOM + 32, kind="tick", anchor="middle"),
        upright(up, x=10, y=(TOP + BOTTOM) / 2),
        title=title,
        description=description,
        width=WIDTH,
        height=HEIGHT,
    )


def thinned(xs: Sequence[float], ys: Sequence[float], *, most: int) -> list[tuple[float, float]]:
    """At most so many of the points that are numbers, evenly, with the first and the last."""
    points = [(x, y) for x, y in zip(xs, ys, strict=False) if math.isfinite(x) and math.isfinite(y)]
    if len(points) <= most:
        return points
    step = (len(points) - 1) / (most - 1)
    return [points[round(index * step)] for index in range(most)]


def _grid(horizontal: Scale, vertical: Scale) -> Iterator[Markup]:
    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        yield line(x1=LEFT, x2=RIGHT, y1=vertical.at(share), y2=vertical.at(share), kind="grid")
        yield line(x1=horizontal.at(share), x2=horizontal.at(share), y1=TOP, y2=BOTTOM, kind="grid")
        yield label(f"{share:g}", x=LEFT - 4, y=vertical.at(share) + 3, kind="tick", anchor="end")
        yield label(f"{share:g}", x=horizontal.at(share), y=BOTTOM + 14, kind="tick", anchor="middle")
