"""Numbers and foreign texts as a page shows them."""

import math

LONGEST_NAME = 80
LONGEST_SENTENCE = 600
_ROUNDED_FROM = 1e3
_WHOLE_BELOW = 1e15  # above it a float has no ones any more


def shown(value: float) -> str:
    """A number for people: whole ones with thousands apart, others with four digits."""
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else "∞" if value > 0 else "-∞"
    if abs(value) < _WHOLE_BELOW and (value == int(value) or abs(value) >= _ROUNDED_FROM):
        return f"{value:,.0f}"
    return f"{value:.4g}"


def shown_range(low: float, high: float) -> str:
    """A range of numbers, or the one that it is."""
    return shown(low) if low == high else f"{shown(low)} to {shown(high)}"


def percent(share: float) -> str:
    """A share of one in per cent, with as many digits as tell it apart from none and from all."""
    if not math.isfinite(share):
        return shown(share)
    digits = next((digits for digits in range(4) if round(share, digits + 2) not in (0.0, 1.0)), 3)
    return f"{100 * share:.0f} %" if share in (0.0, 1.0) else f"{100 * share:.{max(1, digits)}f} %"


def counted(count: int, noun: str) -> str:
    """A count with its noun, which takes an s in the plural."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def clipped(text: str, length: int = LONGEST_NAME) -> str:
    """A foreign text on one line and at most so long; what does not print, or would turn the line round, is replaced.

    Proved by tests/unit/test_report_page_drawing.py.
    """
    short = text if len(text) <= length else f"{text[: length - 1]}…"
    return "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in short)
