"""A confusion matrix: rows are true classes, columns predicted ones, darkness the share of the row."""

from collections.abc import Iterator, Sequence

from markupsafe import Markup

from monitor_jobs.report_page.drawing.element import element, label, picture, upright
from monitor_jobs.report_page.drawing.wording import clipped, counted, percent

LEFT, TOP = 104, 26
LEAST_SIDE, MOST_SIDE, CELL = 160, 400, 40  # of the whole picture, and of a cell where there is room
NUMBERED_UP_TO = 12  # classes: more leave no room for numbers
LABEL_CHARACTERS = 12


def heat_map(classes: Sequence[str], counts: Sequence[Sequence[int]], *, totals: Sequence[int]) -> Markup:
    """The matrix of counts[true][predicted], both in the order of `classes`; totals [true] of more than is drawn."""
    whole = min(MOST_SIDE, max(LEAST_SIDE, CELL * len(classes)))
    side = whole / max(1, len(classes))
    return picture(
        label("predicted", x=LEFT + whole / 2, y=10, kind="tick", anchor="middle"),
        upright("true", x=10, y=TOP + whole / 2),
        *(mark for number, row in enumerate(counts) for mark in _row(classes, number, row, totals[number], side)),
        *_names(classes, side),
        element("rect", class_="frame", x=LEFT, y=TOP, width=whole, height=whole),
        title="Confusion matrix",
        description=_description(counts, totals),
        width=LEFT + whole + 4,
        height=TOP + whole + 4,
    )


def _row(classes: Sequence[str], number: int, row: Sequence[int], total: int, side: float) -> Iterator[Markup]:
    for column, count in enumerate(row):
        if count:
            yield _cell(
                count, count / total, row=number, column=column, side=side, title=_title(classes, number, column)
            )
            if len(classes) <= NUMBERED_UP_TO:
                x, y = LEFT + (column + 0.5) * side, TOP + (number + 0.5) * side + 4
                yield label(f"{count:,}", x=x, y=y, kind=_ink(count / total), anchor="middle")


def _cell(count: int, share: float, *, row: int, column: int, side: float, title: str) -> Markup:
    return element(
        "rect",
        element("title", f"{title}: {count:,} ({percent(share)} of the row)"),
        class_="right" if row == column else "wrong",
        x=LEFT + column * side,
        y=TOP + row * side,
        width=side,
        height=side,
        fill_opacity=round(0.08 + 0.92 * share, 2),
    )


def _ink(share: float) -> str:
    return "label on-dark" if share > 0.5 else "label"


def _title(classes: Sequence[str], row: int, column: int) -> str:
    return f"true {clipped(classes[row], LABEL_CHARACTERS)}, predicted {clipped(classes[column], LABEL_CHARACTERS)}"


def _names(classes: Sequence[str], side: float) -> Iterator[Markup]:
    kind = "tick" if side > 9 else "tick small"
    for number, name in enumerate(classes):
        yield label(
            clipped(name, LABEL_CHARACTERS), x=LEFT - 4, y=TOP + (number + 0.5) * side + 3, kind=kind, anchor="end"
        )
        if len(classes) <= NUMBERED_UP_TO:
            x = LEFT + (number + 0.5) * side
            yield label(clipped(name, max(2, int(side / 6))), x=x, y=TOP - 4, kind="tick", anchor="middle")


def _description(counts: Sequence[Sequence[int]], totals: Sequence[int]) -> str:
    total = sum(totals)
    right = sum(row[number] for number, row in enumerate(counts))
    return f"{counted(right, 'answer')} of {total:,} right; the table below has every count."
