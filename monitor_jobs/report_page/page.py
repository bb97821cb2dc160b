"""A whole page: of a verdict on a window, or of a baseline."""

from collections.abc import Iterator
from datetime import UTC
from typing import NamedTuple

from markupsafe import Markup

from monitor_jobs.contract.report import (
    CONSTRAINTS_FILE,
    REPORT_FILE,
    STATISTICS_FILE,
    VIOLATIONS_FILE,
    Report,
)
from monitor_jobs.monitor import Baseline, Verdict
from monitor_jobs.report_page.comparison import Comparison, compared
from monitor_jobs.report_page.drawing.wording import LONGEST_SENTENCE, clipped, counted
from monitor_jobs.report_page.features import feature_cards, feature_rows
from monitor_jobs.report_page.measurements import measurements_section
from monitor_jobs.report_page.quality import quality_sections
from monitor_jobs.report_page.rendering import joined, policy, render, style
from monitor_jobs.report_page.violations import violations_section

TIME = "%Y-%m-%d %H:%M:%S"


class Headline(NamedTuple):
    """A verdict in one line, and its class in the style sheet."""

    words: str
    kind: str = ""


class Fact(NamedTuple):
    """One thing that is known of what was judged."""

    title: str
    text: str


class _Page(NamedTuple):
    """Everything on a page; `sides` are those of window and baseline that are there."""

    heading: str
    verdict: Headline
    facts: list[Fact]
    violations: Markup
    quality: Markup
    measurements: Markup
    features: list[Comparison]
    sides: list[str]
    files: list[str]


def verdict_page(report: Report, verdict: Verdict, baseline: Baseline, *, schedule: str) -> str:
    """The page of a verdict: what was judged, what it breaks, and every feature beside the baseline's.

    Where there is no baseline and the monitor suggests constraints, these are what features are held to. At most 2 MB,
    whatever the number of features; the rest is in the files beside it. Proved by tests/unit/test_report_page.py.
    """
    statistics, suggested = verdict.statistics, verdict.constraints
    constraints = baseline.constraints or suggested
    features = compared(statistics, baseline.statistics, constraints, report)
    return _text(
        _Page(
            heading=_heading(report),
            verdict=_headline(report),
            facts=[*_facts(report, schedule)],
            violations=violations_section(report),
            quality=quality_sections(statistics, baseline.statistics),
            sides=["window"] if baseline.statistics is None else ["window", "baseline"],
            measurements=measurements_section(report.measurements),
            features=features,
            files=[REPORT_FILE, STATISTICS_FILE, VIOLATIONS_FILE, *([CONSTRAINTS_FILE] if suggested else [])],
        )
    )


def baseline_page(report: Report, baseline: Baseline) -> str:
    """The page of a suggested baseline: what it was made of, and every feature of it; `report` says what was read."""
    features = compared(None, baseline.statistics, baseline.constraints, report)
    words = f"Baseline of {counted(len(features), 'feature')} from {counted(report.predictions, 'row')}"
    return _text(
        _Page(
            heading=_heading(report),
            verdict=Headline(words),
            facts=[*_facts(report, "")],
            violations=Markup(),
            quality=quality_sections(baseline.statistics, None),
            sides=["baseline"],
            measurements=Markup(),
            features=features,
            files=[STATISTICS_FILE, CONSTRAINTS_FILE],
        )
    )


def _text(page: _Page) -> str:
    cards, rows = feature_cards(page.features), feature_rows(page.features)
    text = render(
        "page",
        **page._asdict(),
        policy=policy(),
        style=style(),
        legend=render("legend", sides=page.sides),
        cards=joined(cards),
        cards_left=len(page.features) - len(cards),
        rows=joined(rows),
        rows_left=len(page.features) - len(rows),
    )
    return f"{text}\n"  # no markup any more: who adds to it must not have it escaped


def _heading(report: Report) -> str:
    return f"{clipped(report.monitor)} on {clipped(report.endpoint)}" if report.endpoint else clipped(report.monitor)


def _headline(report: Report) -> Headline:
    if report.violations:
        checks = ", ".join(dict.fromkeys(row.constraint_check_type for row in report.violations))
        return Headline(
            clipped(f"{counted(len(report.violations), 'violation')}: {checks}", LONGEST_SENTENCE), "broken"
        )
    if report.remark:
        return Headline(clipped(report.remark, LONGEST_SENTENCE), "withheld")
    limits = sum(measured.limit is not None for measured in report.measurements)
    return Headline(f"No violations, {counted(limits, 'limit')} kept" if limits else "No violations")


def _facts(report: Report, schedule: str) -> Iterator[Fact]:
    if report.endpoint:
        yield Fact("Endpoint", clipped(report.endpoint))
    if schedule:
        yield Fact("Schedule", clipped(schedule))
    start, end = (moment.astimezone(UTC) for moment in (report.window_start, report.window_end))
    yield Fact("Window", f"{start:{TIME}} to {end:{TIME}} UTC")
    yield Fact("Records", f"{report.records:,}")
    yield Fact("Predictions", f"{report.predictions:,}")
    reasons = ", ".join(f"{count:,} {clipped(reason)}" for reason, count in sorted(report.unreadable.by_reason.items()))
    yield Fact("Unreadable lines", f"{report.unreadable.total:,}{f' ({reasons})' if reasons else ''}")
    if report.violations and report.remark:
        yield Fact("Remark", clipped(report.remark, LONGEST_SENTENCE))
