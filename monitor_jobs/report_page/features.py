"""The features of a page: a card with pictures for those that differ most, a table row for every one."""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from markupsafe import Markup

from monitor_jobs.contract.report import Measurement
from monitor_jobs.report_page.column import FIGURES, Column
from monitor_jobs.report_page.comparison import Comparison, top_categories
from monitor_jobs.report_page.distribution import Histogram, histogram_of, whole_histogram_of
from monitor_jobs.report_page.drawing.categories import categories
from monitor_jobs.report_page.drawing.completeness import completeness
from monitor_jobs.report_page.drawing.histogram import histogram
from monitor_jobs.report_page.drawing.wording import clipped, percent, shown, shown_range
from monitor_jobs.report_page.rendering import render, within

CARDS_ROOM, ROWS_ROOM = 700_000, 400_000  # bytes
MOST_CATEGORIES = 6


class Sentence(NamedTuple):
    """A remark on a feature, and its class in the style sheet."""

    words: str
    kind: str = "faint"


class Row(NamedTuple):
    """A line of a feature's own table: a cell a side."""

    title: str
    cells: list[str]


def feature_cards(features: Iterable[Comparison]) -> list[Markup]:
    """A card for each feature, as many as there is room for."""
    return within(map(_card, features), room=CARDS_ROOM)


def feature_rows(features: Iterable[Comparison]) -> list[Markup]:
    """A table row for each feature, as many as there is room for."""
    return within(map(_table_row, features), room=ROWS_ROOM)


def _card(feature: Comparison) -> Markup:
    sides = {"window": feature.window, "baseline": feature.baseline}
    there = {name: side for name, side in sides.items() if side is not None}
    bins = _histogram(feature)
    return render(
        "feature",
        name=clipped(feature.name),
        type=clipped(feature.inferred_type),
        broken=feature.broken,
        sentences=list(_sentences(feature)),
        picture=_picture(feature, bins),
        completeness=_completeness(feature),
        sides=[*there],
        table=[*_numbers(list(there.values())), *_category_rows(feature), *_bin_rows(bins)],
    )


def _sentences(feature: Comparison) -> Iterator[Sentence]:
    if feature.broken:
        yield Sentence(f"✕ {', '.join(clipped(check) for check in dict.fromkeys(feature.broken))}", "state broken")
    if feature.absent_from:
        yield Sentence(f"Not in the {feature.absent_from}")
    if feature.distance is not None:
        yield Sentence(f"Largest difference from the baseline: {percent(feature.distance)}{_judged(feature.judged)}")


def _judged(measured: Measurement | None) -> str:
    if measured is None or measured.limit is None:
        return ""
    return f"; judged as {shown(measured.value)}, limit {shown(measured.limit)}"


def _histogram(feature: Comparison) -> Histogram | None:
    sides = [side for side in (feature.window, feature.baseline) if side is not None]
    draw = whole_histogram_of if all(side.inferred_type == "Integral" for side in sides) else histogram_of
    return draw(
        feature.window.distribution if feature.window else None,
        feature.baseline.distribution if feature.baseline else None,
    )


def _picture(feature: Comparison, bins: Histogram | None) -> Markup:
    if bins is not None:
        return histogram(clipped(feature.name), bins)
    top = top_categories(feature.window, feature.baseline, most=MOST_CATEGORIES)
    if not top:
        return Markup()
    return categories(clipped(feature.name), top, _shares(feature.window), _shares(feature.baseline))


def _shares(side: Column | None) -> dict[str, float] | None:
    return side.category_shares if side is not None and side.categories else None


def _completeness(feature: Comparison) -> Markup:
    sides = {"window": feature.window, "baseline": feature.baseline}
    shares = {name: side.completeness if side else None for name, side in sides.items()}
    return completeness(clipped(feature.name), least=feature.expected_completeness, **shares)


def _numbers(sides: Sequence[Column]) -> Iterator[Row]:
    yield Row("Type", [clipped(side.inferred_type) for side in sides])
    yield Row("Values there", [shown(side.present) for side in sides])
    yield Row("Missing", [shown(side.missing) for side in sides])
    for title in FIGURES.values():
        if any(title in side.figures for side in sides):
            yield Row(title, [shown(side.figures[title]) if title in side.figures else "" for side in sides])
    if any(side.distribution for side in sides):
        yield Row("Median", [shown(side.distribution.quantile(0.5)) if side.distribution else "" for side in sides])
    if any(side.distinct for side in sides):
        yield Row("Different values", [shown(side.distinct) if side.distinct else "" for side in sides])


def _category_rows(feature: Comparison) -> Iterator[Row]:
    sides = [side.category_shares for side in (feature.window, feature.baseline) if side is not None]
    for category in top_categories(feature.window, feature.baseline, most=MOST_CATEGORIES):
        yield Row(clipped(category), [percent(shares.get(category, 0.0)) for shares in sides])


def _bin_rows(bins: Histogram | None) -> Iterator[Row]:
    if bins is None:
        return
    sides = [side for side in (bins.window, bins.baseline) if side]
    for number, ends in enumerate(bins.ends):
        yield Row(shown_range(*ends), [percent(side[number]) for side in sides])


def _table_row(feature: Comparison) -> Markup:
    sides = (feature.window, feature.baseline)
    complete = ["" if side is None or side.completeness is None else percent(side.completeness) for side in sides]
    means = ["" if side is None or "Mean" not in side.figures else shown(side.figures["Mean"]) for side in sides]
    difference = "" if feature.distance is None else percent(feature.distance)
    return render(
        "feature_row",
        name=clipped(feature.name),
        type=clipped(feature.inferred_type),
        cells=[*complete, *means, difference],
        broken=clipped(", ".join(dict.fromkeys(feature.broken)), 200),
    )
