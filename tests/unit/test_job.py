"""The shell around a monitor, run with the smallest monitor there can be: it counts the lines of a file."""

import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from monitor_jobs.contract.container import StatisticValues
from monitor_jobs.contract.errors import BadInput
from monitor_jobs.contract.report import Constraints, Dataset, Measurement, Report, Statistics, Violation
from monitor_jobs.job import run, run_chosen
from monitor_jobs.monitor import Baseline, CaptureFile, Verdict

NO_STATISTICS = Statistics(dataset=Dataset(item_count=0), features=[])


@dataclass(frozen=True)
class Lines:
    records: int = 0
    earliest: int | None = None
    latest: int | None = None
    unreadable: Mapping[str, int] = field(default_factory=dict)

    @property
    def predictions(self) -> int:
        return self.records


class LineCounter:
    name = "line_counter"

    def __init__(self, **more: object) -> None:
        self.more = more  # of its verdicts

    def settings(self, environment: Mapping[str, str], _baseline: Baseline) -> int:
        return int(environment.get("MOST", "3"))

    def empty(self) -> Lines:
        return Lines()

    def summarise_file(self, file: CaptureFile, settings: int) -> Lines:  # noqa: ARG002 - passed by name
        text = file.path.read_text()
        if "refuse" in text:
            raise BadInput("a line asks to be refused")
        return Lines(len(text.split()) // (0 if "divide" in text else 1))

    def merge(self, left: Lines, right: Lines) -> Lines:
        return Lines(left.records + right.records)

    def judge(self, summary: Lines, settings: int) -> Verdict:
        measured = Measurement(name="lines", value=summary.records, unit="count", limit=settings)
        odd = Measurement(name="odd", value=float("nan"), unit="ratio")
        row = Violation(feature_name="lines", constraint_check_type="line_check", description="too many")
        remark = "" if summary.records else "No verdict: 0 records"
        return Verdict((measured, odd), (row,) if measured.violated else (), NO_STATISTICS, remark, **self.more)

    def suggest_baseline(self, summary: Lines) -> Baseline:
        return Baseline(NO_STATISTICS, Constraints(monitoring_config={"lines": {"most": summary.records}}))


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "captures").mkdir()
    monkeypatch.setenv("dataset_source", "/captures")
    monkeypatch.setenv("output_path", "/out")
    return tmp_path


def count_lines(root: Path, monitor: LineCounter | None = None, **files: str) -> int:
    for name, text in files.items():
        (root / "captures" / f"{name}.jsonl").write_text(text)
    return run(monitor or LineCounter(), ["--root", str(root)])


def message(root: Path) -> str:
    return (root / "opt/ml/output/message").read_text()


def report(root: Path) -> Report:
    return Report.model_validate_json((root / "out/report.json").read_text())


def metric_lines(root: Path) -> list[str]:
    return (root / "opt/ml/output/metrics/cloudwatch/cloudwatch_metrics.jsonl").read_text().splitlines()


def test_a_clean_run_leaves_every_file(root):
    assert count_lines(root, a="1 2", b="3") == 0
    left = {path.name for path in (root / "out").iterdir()}
    violations = {"constraint_violations.json", "constraints_violations.json"}
    assert left == {"statistics.json", *violations, "report.html", "report.json"}
    assert message(root) == "Completed: Job completed successfully with no violations."


def test_all_files_are_merged(root):
    count_lines(root, a="1 2", b="3")
    assert (report(root).records, report(root).monitor) == (3, "line_counter")


def test_a_violation_is_not_an_error(root):
    assert count_lines(root, a="1 2 3 4") == 0
    assert message(root) == "CompletedWithViolations: Job completed successfully with 1 violation."


def test_both_violation_files_say_the_same(root):
    count_lines(root, a="1 2 3 4")
    texts = {
        (root / "out" / name).read_text() for name in ("constraint_violations.json", "constraints_violations.json")
    }
    assert len(texts) == 1
    assert '"line_check"' in texts.pop()


def test_no_capture_is_no_verdict_and_no_error(root):
    assert count_lines(root) == 0
    assert (message(root), report(root).records) == ("No verdict: 0 records", 0)


def test_the_report_comes_last(root):
    (root / "out/constraints_violations.json").mkdir(parents=True)
    with pytest.raises(IsADirectoryError):
        count_lines(root, a="1")
    assert not (root / "out/report.json").exists()


def test_a_page_that_cannot_be_drawn_costs_no_verdict(root, monkeypatch, capsys):
    def broken(*_arguments, **_options):
        raise ZeroDivisionError

    monkeypatch.setattr("monitor_jobs.report_page.verdict_page", broken)
    assert count_lines(root, one="a b") == 0
    assert not (root / "out/report.html").exists()
    assert Report.model_validate_json((root / "out/report.json").read_text()).records == 2
    said = capsys.readouterr().err
    assert said.startswith("report.html could not be drawn, the other files are complete:")
    assert "ZeroDivisionError" in said


def test_what_goes_wrong_on_purpose_is_one_sentence(root, capsys):
    assert count_lines(root, a="1", b="refuse") == 1
    assert message(root) == "a line asks to be refused; while working on b.jsonl"
    assert capsys.readouterr().err == "a line asks to be refused; while working on b.jsonl\n"


def test_a_bug_is_not_hidden(root):
    with pytest.raises(ZeroDivisionError):
        count_lines(root, a="divide")
    assert message(root).startswith("line_counter failed unexpectedly, its log says where: ZeroDivisionError")


def test_a_failed_run_leaves_no_report(root):
    count_lines(root, a="refuse")
    assert not (root / "out").exists()


def test_the_log_says_what_was_measured_against_what(root, capsys):
    count_lines(root, a="1 2 3 4")
    log = capsys.readouterr().out
    assert "lines = 4 count (limit <= 3)\n" in log
    assert "VIOLATION line_check: too many\n" in log


def test_the_log_stays_short_with_many_files(root, capsys):
    count_lines(root, **{f"f{number}": "1" for number in range(95)})
    progress = [line for line in capsys.readouterr().out.splitlines() if line.startswith("read ")]
    assert (len(progress), progress[-1]) == (10, "read 95 of 95 files")


def test_metrics_are_left_only_where_they_are_asked_for(root):
    count_lines(root, a="1")
    assert not (root / "opt/ml/output/metrics").exists()


def test_metrics_that_are_no_number_are_left_out(root, monkeypatch):
    monkeypatch.setenv("publish_cloudwatch_metrics", "Enabled")
    count_lines(root, a="1")
    (line,) = metric_lines(root)
    assert '"MetricName":"lines"' in line


def test_a_verdict_may_publish_other_metrics_than_its_measurements(root, monkeypatch):
    monkeypatch.setenv("publish_cloudwatch_metrics", "Enabled")
    many = StatisticValues(sample_count=2, sum=3, minimum=1, maximum=2)
    metrics = {"one": 0.5, "many": many, "endless": many.model_copy(update={"sum": float("inf")})}
    count_lines(root, LineCounter(metrics=metrics), a="1")
    first, second = map(json.loads, metric_lines(root))
    assert (first["MetricName"], first["Value"]) == ("one", 0.5)
    assert (second["MetricName"], "Value" in second) == ("many", False)
    assert second["StatisticValues"] == {"SampleCount": 2, "Sum": 3, "Minimum": 1, "Maximum": 2}


def test_constraints_that_a_window_suggests_are_left_with_its_verdict(root):
    count_lines(root, LineCounter(constraints=Constraints(monitoring_config={"lines": {"most": 1}})), a="1")
    assert json.loads((root / "out/constraints.json").read_text())["monitoring_config"] == {"lines": {"most": 1}}


def test_the_environment_may_choose_the_monitor_or_refuse(root, monkeypatch):
    def choose(environment):
        if environment.get("analysis_type"):
            raise BadInput("analysis_type is set")
        return LineCounter()

    assert run_chosen("chooser", choose, ["--root", str(root)]) == 0
    assert report(root).monitor == "line_counter"
    monkeypatch.setenv("analysis_type", "OTHER")
    assert run_chosen("chooser", choose, ["--root", str(root)]) == 1
    assert message(root) == "analysis_type is set"


def test_the_window_is_the_one_that_was_given(root, monkeypatch):
    monkeypatch.setenv("start_time", "2026-11-20T12:00:00Z")
    monkeypatch.setenv("end_time", "2026-11-20T13:00:00Z")
    count_lines(root, a="1")
    assert report(root).window_start.isoformat() == "2026-11-20T12:00:00+00:00"


def test_a_baseline_run_leaves_constraints_and_no_verdict(root, monkeypatch):
    monkeypatch.setenv("SEXTANT_ANALYSIS", "suggest_baseline")
    assert count_lines(root, a="1 2") == 0
    assert {path.name for path in (root / "out").iterdir()} == {"statistics.json", "constraints.json", "report.html"}
    assert "from 2 rows" in (root / "out/report.html").read_text()
    assert message(root) == "Completed: Baseline suggested from 2 predictions in 2 records."


def test_an_environment_that_cannot_be_used_is_one_sentence_too(root, monkeypatch):
    monkeypatch.setenv("SEXTANT_JOB_WORKERS", "many")
    assert count_lines(root) == 1
    assert message(root) == "SEXTANT_JOB_WORKERS is 'many': give a whole number from 1 to 256"


def test_workers_give_the_same_report(root, monkeypatch):
    count_lines(root, a="1 2", b="3", c="4")
    alone = report(root)
    monkeypatch.setenv("SEXTANT_JOB_WORKERS", "2")
    count_lines(root)
    assert report(root).records == alone.records


def test_a_job_leaves_with_its_code_and_all_that_it_said_and_registered():
    program = "import atexit, sys; from monitor_jobs.job import leave; atexit.register(print, 'at the end')"
    program += "; sys.stdout.write('said\\n'); sys.stderr.write('warned'); leave(3)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (3, "said\nat the end\n", "warned")
