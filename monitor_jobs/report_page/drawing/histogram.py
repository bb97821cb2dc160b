"""A histogram of the window, with the baseline's as a stepped line over it."""

from collections.abc import Iterator, Sequence
from itertools import pairwise

from markupsafe import Markup

from monitor_jobs.report_page.distribution import Histogram
from monitor_jobs.report_page.drawing.element import element, label, line, picture, rectangle
from monitor_jobs.report_page.drawing.scale import Scale, ticks
from monitor_jobs.report_page.drawing.wording import percent, shown, shown_range

WIDTH, HEIGHT = 460, 150
LEFT, RIGHT, TOP, BOTTOM = 40, 452, 8, 128
LABELLED_BINS = 12  # there is no room to name each of more
CHARACTER = 7  # the width of one, at most


def histogram(name: str, histogram: Histogram) -> Markup:
    """The shares of a feature's values in each bin, of one or both of window and baseline."""
    most = max((*histogram.window, *histogram.baseline, 1e-9))
    across = Scale(histogram.edges[0], histogram.edges[-1], LEFT, RIGHT)
    up = Scale(0.0, most, BOTTOM, TOP)
    return picture(
        *_grid(up),
        *_bars(histogram, across, up),
        *_steps(histogram, across, up),
        *_axis(histogram, across),
        title=f"Distribution of {name}",
        description=_description(histogram),
        width=WIDTH,
        height=HEIGHT,
    )


def _grid(up: Scale) -> Iterator[Markup]:
    for share in ticks(up.low, up.high, most=3):
        yield line(x1=LEFT, x2=RIGHT, y1=up.at(share), y2=up.at(share), kind="grid")
        yield label(f"{100 * share:g} %", x=LEFT - 4, y=up.at(share) + 3, kind="tick", anchor="end")


def _bars(histogram: Histogram, across: Scale, up: Scale) -> Iterator[Markup]:
    for (low, high), share in zip(pairwise(histogram.edges), histogram.window, strict=False):
        if share > 0:
            left, top = across.at(low) + 0.5, up.at(share)
            yield rectangle(x=left, y=top, width=across.at(high) - left - 0.5, height=BOTTOM - top, kind="window")


def _steps(histogram: Histogram, across: Scale, up: Scale) -> Iterator[Markup]:
    if not histogram.baseline:
        return
    rights, heights = map(across.at, histogram.edges[1:]), map(up.at, histogram.baseline)
    steps = (f"V{height:.1f}H{right:.1f}" for right, height in zip(rights, heights, strict=True))
    yield element("path", class_="baseline", d=f"M{LEFT} {BOTTOM}{''.join(steps)}V{BOTTOM}")


def _axis(histogram: Histogram, across: Scale) -> Iterator[Markup]:
    yield line(x1=LEFT, x2=RIGHT, y1=BOTTOM, y2=BOTTOM, kind="axis")
    yield from _bin_labels(histogram, across) if _labels_each(histogram) else _tick_labels(histogram, across)


def _labels_each(histogram: Histogram) -> bool:
    return len(histogram.ends) <= LABELLED_BINS and all(low == high for low, high in histogram.ends)


def _bin_labels(histogram: Histogram, across: Scale) -> Iterator[Markup]:
    first, last = _end_labels(histogram)
    names = [first, *(shown(low) for low, _ in histogram.ends[1:-1]), last]
    for name, (low, _) in zip(names, histogram.ends, strict=False):
        yield label(name, x=across.at(low), y=BOTTOM + 14, kind="tick", anchor="middle")


def _tick_labels(histogram: Histogram, across: Scale) -> Iterator[Markup]:
    first, last = _end_labels(histogram)
    room = (LEFT + CHARACTER * len(first), RIGHT - CHARACTER * len(last))
    for value in ticks(across.low, across.high):
        half = CHARACTER * len(shown(value)) / 2
        if room[0] < across.at(value) - half and across.at(value) + half < room[1]:
            yield label(shown(value), x=across.at(value), y=BOTTOM + 14, kind="tick", anchor="middle")
    yield label(first, x=LEFT, y=BOTTOM + 14, kind="tick")
    yield label(last, x=RIGHT, y=BOTTOM + 14, kind="tick", anchor="end")


def _end_labels(histogram: Histogram) -> tuple[str, str]:
    """What the first and the last bin begin and end with, or that they hold all beyond as well."""
    (low, inner_low), *_, (inner_high, high) = [*histogram.ends, histogram.ends[-1]]
    return (
        f"≤ {shown(inner_low)}" if histogram.below else shown(low),
        f"≥ {shown(inner_high)}" if histogram.above else shown(high),
    )


def _description(histogram: Histogram) -> str:
    told = [
        f"{who} most often {_fullest(histogram, shares)}, {percent(max(shares))} of values"
        for who, shares in (("window", histogram.window), ("baseline", histogram.baseline))
        if shares
    ]
    return f"Shares of values in {len(histogram.edges) - 1} bins: {'; '.join(told)}."


def _fullest(histogram: Histogram, shares: Sequence[float]) -> str:
    return shown_range(*histogram.ends[max(range(len(shares)), key=shares.__getitem__)])
