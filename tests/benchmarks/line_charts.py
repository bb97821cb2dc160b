"""Small charts of lines side by side, as one SVG file with a legend: what a page of documentation needs of plotting.

What lives here: drawing. What does not: what is drawn (saliency_curves).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from itertools import cycle
from typing import Final

WIDTH, HEIGHT, GAP, TOP, LEFT, LEGEND = 250, 220, 62, 46, 52, 190  # of a chart, between two, around, of the legend
COLOURS: Final = ("#0b5cad", "#5aa0e0", "#c4501b", "#9a6700", "#2f8f5b", "#8250df", "#bf3989", "#57606a", "#8c959f")
STYLE: Final = "text{fill:#24292f}.title{font-weight:600}.axis{stroke:#8c959f;fill:none}"


@dataclass(frozen=True, slots=True)
class Chart:
    """Lines over the same places, 0 at the bottom unless some value is below it."""

    title: str
    across: str
    places: Sequence[float]
    lines: Mapping[str, Sequence[float]]

    @property
    def range(self) -> tuple[float, float]:
        """The least and the largest value that it shows, which differ."""
        values = [value for line in self.lines.values() for value in line]
        low = min(0.0, *values)
        return low, max(values) if max(values) > low else low + 1


def svg_of(charts: Sequence[Chart], *, description: str) -> str:
    """The charts as one SVG document; a line has the colour that it has in the first one."""
    names = list(charts[0].lines)
    width = LEFT + len(charts) * (WIDTH + GAP) + LEGEND
    colours = dict(zip(names, cycle(COLOURS), strict=False))
    parts = [part for at, chart in enumerate(charts) for part in _chart(chart, LEFT + at * (WIDTH + GAP), colours)]
    parts += _legend(colours, LEFT + len(charts) * (WIDTH + GAP) - GAP / 2)
    size = f'viewBox="0 0 {width} {TOP + HEIGHT + 52}" font-family="system-ui, sans-serif" font-size="12"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" aria-label="{escape(description)}">'
    ground = f'<rect width="{width}" height="{TOP + HEIGHT + 52}" fill="#fff" rx="8"/>'
    return "\n".join([head, f"<style>{STYLE}</style>", ground, *parts, "</svg>\n"])


def _chart(chart: Chart, left: float, colours: Mapping[str, str]) -> Iterator[str]:
    low, high = chart.range
    first, last = chart.places[0], chart.places[-1]

    def across(place: float) -> float:
        return left + WIDTH * (place - first) / (last - first)

    def up(value: float) -> float:
        return TOP + HEIGHT * (1 - (value - low) / (high - low))

    yield f'<text class="title" x="{left}" y="{TOP - 18}">{escape(chart.title)}</text>'
    yield f'<path class="axis" d="M{left} {TOP}V{TOP + HEIGHT}H{left + WIDTH}"/>'
    for value in (low, (low + high) / 2, high):
        yield f'<text x="{left - 6}" y="{up(value) + 4:.1f}" text-anchor="end">{value:.2f}</text>'
    for place in (first, (first + last) / 2, last):
        yield f'<text x="{across(place):.1f}" y="{TOP + HEIGHT + 18}" text-anchor="middle">{place:g}</text>'
    yield f'<text x="{left + WIDTH / 2}" y="{TOP + HEIGHT + 38}" text-anchor="middle">{escape(chart.across)}</text>'
    for name, line in chart.lines.items():
        corners = " ".join(f"{across(x):.1f},{up(y):.1f}" for x, y in zip(chart.places, line, strict=True))
        yield f'<polyline points="{corners}" {_stroke(colours[name])}/>'


def _legend(colours: Mapping[str, str], left: float) -> Iterator[str]:
    for row, (name, colour) in enumerate(colours.items()):
        y = TOP + 10 + 22 * row
        yield f'<path d="M{left} {y}h24" {_stroke(colour)}/><text x="{left + 32}" y="{y + 4}">{escape(name)}</text>'


def _stroke(colour: str) -> str:
    dashes = ' stroke-dasharray="5 4"' if colour in COLOURS[-2:] else ""
    return f'fill="none" stroke="{colour}" stroke-width="1.8"{dashes}'
