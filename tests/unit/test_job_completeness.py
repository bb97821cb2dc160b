"""What a verdict says of captures that are missing, whichever monitor it is of."""

from datetime import UTC, datetime

import pytest

from monitor_jobs.contract.completeness import CaptureProof, Finding, FindingKind
from monitor_jobs.contract.report import Dataset, Report, Statistics
from monitor_jobs.job.completeness import with_completeness
from monitor_jobs.monitor import Verdict
from tests.unit.test_job import count_lines, message, report, root  # noqa: F401 -- a fixture

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
CLEAN = Verdict((), (), Statistics(dataset=Dataset(item_count=0), features=[]))


def proof_of(*findings: Finding) -> CaptureProof:
    return CaptureProof(endpoint="signs", start=NOON, end=NOON.replace(hour=13), findings=findings)


def gap(records: int, reason: str = "disk_full") -> Finding:
    return Finding(kind=FindingKind.GAP, detail="", reason=reason, records=records)


HOLE = Finding(kind=FindingKind.HOLE, detail="", producer="p", sequence=3)


def test_a_verdict_of_which_nothing_is_known_stays_as_it_was():
    assert with_completeness(CLEAN, None) is CLEAN


def test_a_complete_window_measures_zero_and_violates_nothing():
    verdict = with_completeness(CLEAN, proof_of())
    assert ([each.value for each in verdict.measurements], verdict.violations) == ([0], ())


def test_gaps_are_counted_by_reason_in_one_violation():
    verdict = with_completeness(CLEAN, proof_of(gap(2), gap(5), gap(1, "spool_full")))
    (row,) = verdict.violations
    assert row.constraint_check_type == "capture_completeness_check"
    assert row.description == ("Capture is incomplete: 2 gap (disk_full) of 7 records; 1 gap (spool_full) of 1 record.")
    assert (verdict.measurements[-1].value, verdict.measurements[-1].violated) == (8, True)


def test_a_hole_violates_although_its_records_cannot_be_counted():
    verdict = with_completeness(CLEAN, proof_of(HOLE))
    assert (len(verdict.violations), verdict.measurements[-1].value) == (1, 0)


def test_files_that_others_put_there_are_no_loss():
    foreign = Finding(kind=FindingKind.UNKNOWN_OBJECT, detail="", object_key="k")
    assert proof_of(foreign, HOLE).losses().findings == (HOLE,)


@pytest.fixture
def told(root, monkeypatch):  # noqa: F811
    (root / "completeness.json").write_text(proof_of(gap(7)).model_dump_json())
    monkeypatch.setenv("SEXTANT_CAPTURE_COMPLETENESS", "/completeness.json")
    return root


def test_a_job_that_is_told_of_a_gap_reports_it_in_every_file(told):
    assert count_lines(told, a="1 2") == 0
    assert message(told) == "CompletedWithViolations: Job completed successfully with 1 violation."
    assert [row.constraint_check_type for row in report(told).violations] == ["capture_completeness_check"]
    assert '"capture_completeness_check"' in (told / "out/constraint_violations.json").read_text()
    assert Report.model_validate_json((told / "out/report.json").read_text()).measurements[-1].value == 7


def test_a_window_of_which_everything_was_lost_is_not_without_a_verdict(told):
    count_lines(told)
    assert message(told).startswith("CompletedWithViolations")


@pytest.mark.parametrize("text", [None, "", "{}", "\0"])
def test_a_damaged_file_about_completeness_is_a_failure_and_not_a_clean_window(told, text):
    path = told / "completeness.json"
    path.unlink() if text is None else path.write_text(text)
    assert count_lines(told, a="1 2") == 1
    assert "completeness.json" in message(told)
