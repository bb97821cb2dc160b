"""The part of a page about model quality: confusion matrix, curves, and metrics with their intervals."""

import math
from collections.abc import Iterator
from typing import NamedTuple

from markupsafe import Markup

from monitor_jobs.contract.report import Statistics
from monitor_jobs.report_page.drawing.curve import curve, thinned
from monitor_jobs.report_page.drawing.heat_map import heat_map
from monitor_jobs.report_page.drawing.interval import interval
from monitor_jobs.report_page.drawing.wording import clipped, shown
from monitor_jobs.report_page.metrics import Curve, Metric, Quality, qualities_of
from monitor_jobs.report_page.rendering import joined, render, within

ROOM = 200_000  # bytes of the table of metrics
MOST_MISTAKES = 10
POINTS_IN_TABLE = 21


class CurveTable(NamedTuple):
    """Some points of a curve, as texts."""

    curve: Curve
    points: list[tuple[str, str]]


class Figure(NamedTuple):
    """A picture with its title."""

    title: str
    picture: Markup


def quality_sections(statistics: Statistics | None, baseline: Statistics | None) -> Markup:
    """A section for each kind of problem that the statistics hold metrics of, beside the baseline's metrics."""
    before = {quality.title: quality for quality in qualities_of(baseline)}
    return joined(_section(quality, before.get(quality.title)) for quality in qualities_of(statistics))


def _section(quality: Quality, before: Quality | None) -> Markup:
    earlier = {metric.name: metric for metric in (before.metrics if before else ())}
    rows = (_row(metric, earlier.get(metric.name), quality) for metric in quality.metrics)
    return render(
        "quality",
        title=quality.title,
        figures=list(_figures(quality)),
        confusion=quality.confusion,
        mistakes=quality.confusion.mistakes[:MOST_MISTAKES] if quality.confusion else (),
        curves=[_points(each) for each in quality.curves],
        rows=joined(within(rows, room=ROOM)),
    )


def _figures(quality: Quality) -> Iterator[Figure]:
    if quality.confusion is not None:
        yield Figure(
            "Confusion matrix",
            heat_map(quality.confusion.classes, quality.confusion.counts, totals=quality.confusion.totals),
        )
    for each in quality.curves:
        told = f"{each.up} against {each.across.lower()}, {len(each.points[0])} points"
        yield Figure(each.title, curve(each.title, told, *each.points, across=each.across, up=each.up))


def _points(each: Curve) -> CurveTable:
    return CurveTable(each, [(shown(x), shown(y)) for x, y in thinned(*each.points, most=POINTS_IN_TABLE)])


def _row(metric: Metric, before: Metric | None, quality: Quality) -> Markup:
    return render(
        "metric",
        name=clipped(metric.name),
        value=_with_deviation(metric),
        before="" if before is None else _with_deviation(before),
        constant="" if metric.constant is None else shown(metric.constant),
        picture=_picture(metric) if quality.are_shares else Markup(),
    )


def _picture(metric: Metric) -> Markup:
    around = metric.deviation or 0.0
    low, high = metric.value - around, metric.value + around
    return interval(clipped(metric.name), metric.value, low=low, high=high, constant=metric.constant)


def _with_deviation(metric: Metric) -> str:
    if metric.deviation is None or math.isnan(metric.deviation):
        return shown(metric.value)
    return f"{shown(metric.value)} ± {shown(metric.deviation)}"
