"""The shares of categories, window above baseline, one pair a category."""

from collections.abc import Iterator, Mapping, Sequence

from markupsafe import Markup

from monitor_jobs.report_page.drawing.element import label, line, picture, rectangle
from monitor_jobs.report_page.drawing.scale import Scale
from monitor_jobs.report_page.drawing.wording import clipped, percent

WIDTH, ROW = 460, 26
LEFT, RIGHT = 130, 400
LABEL_CHARACTERS = 20

Shares = Mapping[str, float]


def categories(name: str, shown: Sequence[str], window: Shares | None, baseline: Shares | None) -> Markup:
    """The shares of the categories `shown`, of one or both of window and baseline, and of all others together."""
    rows = [(clipped(category, LABEL_CHARACTERS), _of(window, category), _of(baseline, category)) for category in shown]
    rows += _others(shown, window, baseline)
    across = Scale(0.0, max((share or 0.0 for _, *shares in rows for share in shares), default=0.0) or 1.0, LEFT, RIGHT)
    return picture(
        *(mark for number, row in enumerate(rows) for mark in _row(4 + ROW * number, *row, across)),
        line(x1=LEFT, x2=LEFT, y1=0, y2=ROW * len(rows) + 4, kind="axis"),
        title=f"Categories of {name}",
        description="; ".join(_said(*row) for row in rows) + ".",
        width=WIDTH,
        height=ROW * len(rows) + 4,
    )


def _of(shares: Shares | None, category: str) -> float | None:
    return None if shares is None else shares.get(category, 0.0)


def _others(shown: Sequence[str], *sides: Shares | None) -> list[tuple[str, float | None, float | None]]:
    rest = [None if side is None else max(0.0, 1.0 - sum(side.get(each, 0.0) for each in shown)) for side in sides]
    # what is left of adding shares up is no category
    return [("all others", rest[0], rest[1])] if max(share or 0.0 for share in rest) > 1e-9 else []


def _row(y: float, name: str, window: float | None, baseline: float | None, across: Scale) -> Iterator[Markup]:
    yield label(name, x=LEFT - 6, y=y + 13, anchor="end")
    if window is not None:
        yield rectangle(x=LEFT, y=y, width=across.at(window) - LEFT, height=10, kind="window")
        yield label(percent(window), x=across.at(window) + 4, y=y + 9, kind="tick")
    if baseline is not None:
        yield rectangle(x=LEFT, y=y + 11, width=across.at(baseline) - LEFT, height=7, kind="baseline-bar")
        yield label(percent(baseline), x=across.at(baseline) + 4, y=y + 19, kind="tick faint")


def _said(name: str, window: float | None, baseline: float | None) -> str:
    sides = (("in the window", window), ("in the baseline", baseline))
    return f"{name} {', '.join(f'{percent(share)} {where}' for where, share in sides if share is not None)}"
