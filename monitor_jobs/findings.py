"""What monitors of captures find alike: measurements with their violations, and the lines that nobody can read.

What lives here: pure values. What does not: what a monitor finds by itself (its analysis).
"""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from monitor_jobs.contract.report import Measurement, Violation


class Finding(NamedTuple):
    """A measurement, and the violation that it is where its limit is not kept."""

    measurement: Measurement
    violation: Violation | None = None


def percent(share: float) -> str:
    """A share from 0 to 1 in words: four digits, as few as say the same."""
    return f"{100 * share:.4g} %"


def unreadable_lines(reasons: Mapping[str, int], records: int, limit: float) -> Iterator[Finding]:
    """The share of captured lines that cannot be read, of which `reasons` counts each; nothing of no lines.

    Checked in tests/unit/test_class_skew_analysis.py.
    """
    unreadable = sum(reasons.values())
    lines = records + unreadable
    if not lines:
        return
    counted = ", ".join(f"{count} {reason}" for reason, count in sorted(reasons.items()))
    sentence = (
        f"{percent(unreadable / lines)} of captured lines cannot be read ({unreadable} of {lines}: {counted}), "
        f"above the {percent(limit)} limit"
    )
    yield Finding(
        Measurement(name="unreadable_share", value=unreadable / lines, unit="ratio", limit=limit),
        Violation(feature_name="capture", constraint_check_type="unreadable_check", description=sentence),
    )
