"""How many of a feature's values are there, window above baseline, and how many must be."""

from collections.abc import Iterator

from markupsafe import Markup

from monitor_jobs.report_page.drawing.element import label, line, picture, rectangle
from monitor_jobs.report_page.drawing.scale import Scale
from monitor_jobs.report_page.drawing.wording import percent

WIDTH, HEIGHT = 460, 26
LEFT, RIGHT = 130, 400


def completeness(name: str, *, window: float | None, baseline: float | None, least: float | None) -> Markup:
    """Shares of values that are there, 0..1, of one or both of window and baseline."""
    across = Scale(0.0, 1.0, LEFT, RIGHT)
    return picture(
        label("Completeness", x=LEFT - 6, y=15, anchor="end"),
        *_bar(window, across, y=2, height=10, kind="window"),
        *_bar(baseline, across, y=14, height=7, kind="baseline-bar"),
        *([] if least is None else [line(x1=across.at(least), x2=across.at(least), y1=0, y2=24, kind="limit")]),
        title=f"Completeness of {name}",
        description=_description(window, baseline, least),
        width=WIDTH,
        height=HEIGHT,
    )


def _bar(share: float | None, across: Scale, *, y: int, height: int, kind: str) -> Iterator[Markup]:
    if share is not None:
        yield rectangle(x=LEFT, y=y, width=RIGHT - LEFT, height=height, kind="track")
        yield rectangle(x=LEFT, y=y, width=across.at(share) - LEFT, height=height, kind=kind)
        yield label(percent(share), x=RIGHT + 6, y=y + height - 1, kind="tick")


def _description(window: float | None, baseline: float | None, least: float | None) -> str:
    sides = (("in the window", window), ("in the baseline", baseline), ("at least to be", least))
    return ", ".join(f"{percent(share)} {where}" for where, share in sides if share is not None) or "no rows"
