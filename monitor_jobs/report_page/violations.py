"""The violations of a page, and their replacement where records that they name are erased."""

from collections.abc import Iterator

from markupsafe import Markup

from monitor_jobs.contract.report import Report, Violation
from monitor_jobs.report_page.drawing.wording import LONGEST_SENTENCE, clipped, counted
from monitor_jobs.report_page.rendering import joined, render, within

ROOM = 400_000  # bytes
BEGIN, END = "<!-- violations -->", "<!-- end of violations -->"


def violations_section(report: Report) -> Markup:
    """All violations with the records that show them, as many as there is room for."""
    rows = within(_rows(report.violations), room=ROOM)
    return render("violations", rows=joined(rows), left=len(report.violations) - len(rows))


def with_violations_of(page: str, report: Report) -> str:
    """A page with the violations of an amended report in place of its own; as it was where it is no page of ours.

    Nothing foreign can be taken for the marks around them, for what is foreign is escaped. Proved by
    tests/integration/test_erasure.py.
    """
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    return f"{before}{violations_section(report).strip()}{after}" if begin and end else page


def _rows(violations: tuple[Violation, ...]) -> Iterator[Markup]:
    for violation in violations:
        records = violation.offending_records
        yield render(
            "violation",
            feature=clipped(violation.feature_name),
            check=clipped(violation.constraint_check_type),
            description=clipped(violation.description, LONGEST_SENTENCE),
            records=records,
            summary=f"{counted(len(records), 'record')} that show{'s' if len(records) == 1 else ''} it",
        )
