"""One run of a monitor: settings, files, the fleet that reads them, and what is left behind."""

import argparse
import atexit
import math
import os
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial, reduce
from pathlib import Path
from typing import NoReturn, TypeVar

from monitor_jobs.contract.container import ContainerPaths, StatisticValues, cloudwatch_line, completion_message
from monitor_jobs.contract.errors import SextantError
from monitor_jobs.contract.report import (
    CONSTRAINTS_FILE,
    PAGE_FILE,
    REPORT_FILE,
    STATISTICS_FILE,
    VIOLATIONS_FILE,
    VIOLATIONS_FILE_ALIAS,
    Measurement,
    Report,
    UnreadableLines,
    violations_json,
)
from monitor_jobs.contract.window import Window
from monitor_jobs.fleet import LocalFleet
from monitor_jobs.job.completeness import with_completeness
from monitor_jobs.job.files import (
    dataset_files,
    read_baseline,
    read_capture_proof,
    read_merge_counts,
    write_cloudwatch_metrics,
    write_message,
    write_outputs,
)
from monitor_jobs.job.ground_truth import with_ground_truth
from monitor_jobs.job.scripts import postprocessor_of, preprocessor_of
from monitor_jobs.job.settings import JobSettings, parse_settings
from monitor_jobs.monitor import Baseline, CaptureFile, Monitor, SettingsT, Summary, SummaryT, Verdict
from monitor_jobs.record_scripts import RecordScript, run_postprocessor

ResultT = TypeVar("ResultT")

WORTH_A_FLEET_BYTES = 64 * 2**20  # below it, workers take longer to start than one process to read
SECOND = timedelta(seconds=1)


def run(monitor: Monitor[SettingsT, SummaryT], argv: Sequence[str]) -> int:
    """The exit code of one run: 0 with or without violations, 1 where there is no verdict to be had.

    What goes wrong on purpose is one sentence on stderr and in the exit message; a bug leaves its traceback there too.
    Developer guide, "Container contract outputs"; proved on real processes by tests/contract/test_container_contract.py
    """
    return run_chosen(monitor.name, lambda _environment: monitor, argv)


def run_chosen(
    name: str, choose: Callable[[Mapping[str, str]], Monitor[SettingsT, SummaryT]], argv: Sequence[str]
) -> int:
    """The exit code of one run of the monitor that the environment asks for, as `run` has it; `choose` may refuse."""
    return run_job(name, lambda paths, environment: perform_monitor(choose(environment), paths, environment), argv)


def run_job(name: str, perform: Callable[[ContainerPaths, Mapping[str, str]], None], argv: Sequence[str]) -> int:
    """The exit code of one run of any job, as `run` has it; `perform` is given its paths and its environment."""
    paths = ContainerPaths(_arguments(name, argv))
    try:
        perform(paths, os.environ)
    except SextantError as error:
        sentence = "; ".join([str(error), *getattr(error, "__notes__", [])])
        write_message(paths, sentence)
        sys.stderr.write(f"{sentence}\n")
        return 1
    except Exception as error:
        write_message(paths, f"{name} failed unexpectedly, its log says where: {error!r}")
        raise
    return 0


def leave(code: int) -> NoReturn:
    """End this process with an exit code, without the end of its libraries.

    pyarrow may be starting threads still, for a file that was read in no time, and C++ aborts a process that ends
    meanwhile: one run of a hundred then failed by SIGABRT.
    """
    atexit._run_exitfuncs()  # those of Python's own, as its end would
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def perform_monitor(
    monitor: Monitor[SettingsT, SummaryT],
    paths: ContainerPaths,
    environment: Mapping[str, str],
    find: Callable[[JobSettings, RecordScript | None], list[CaptureFile]] = dataset_files,
) -> None:
    """One run of a monitor within `run_job`, for one that is made of the run's own paths. Raises SextantError.

    `find` tells the files of the dataset, for a monitor whose dataset is neither captures nor rows.
    """
    job = parse_settings(environment, paths)
    baseline = read_baseline(job)
    settings = monitor.settings(environment, baseline)
    files = find(job, preprocessor_of(job, environment, paths))
    size = sum(file.path.stat().st_size for file in files)
    fleet = LocalFleet(_workers(job, size))
    say(f"{monitor.name}: {len(files)} files of {size / 1e6:.1f} MB in all, {job.window or 'all times'}")
    results = fleet.map(partial(monitor.summarise_file, settings=settings), files)
    summary = reduce(monitor.merge, _with_progress(results, files), monitor.empty())
    read = _read(monitor.name, job, summary)
    if job.suggests_baseline:
        _leave_baseline(monitor.suggest_baseline(summary), read, job, paths)
    else:
        verdict = with_completeness(monitor.judge(summary, settings), read_capture_proof(job))
        verdict = with_ground_truth(verdict, read_merge_counts(job))
        _leave_verdict(verdict, _judged(read, verdict), baseline, job, paths)
    postprocessor = postprocessor_of(job, environment, paths)
    if postprocessor is not None:
        run_postprocessor(postprocessor, _print)


def _arguments(name: str, argv: Sequence[str]) -> Path:
    parser = argparse.ArgumentParser(prog=f"python -m monitor_jobs.{name}", description=f"Run the {name} job.")
    parser.add_argument("--root", type=Path, default=Path("/"), help="where the container's / lies (default: /)")
    root: Path = parser.parse_args(argv).root
    return root


def _workers(job: JobSettings, size: int) -> int:
    if job.workers is not None:
        return job.workers
    return min(2, os.cpu_count() or 1) if size >= WORTH_A_FLEET_BYTES else 1


def _with_progress(results: Iterable[ResultT], files: Sequence[CaptureFile]) -> Iterator[ResultT]:
    step = math.ceil(len(files) / 10)
    for number, result in enumerate(results, start=1):
        yield result
        if number % step == 0 or number == len(files):
            say(f"read {number} of {len(files)} files")


def _leave_verdict(
    verdict: Verdict, report: Report, baseline: Baseline, job: JobSettings, paths: ContainerPaths
) -> None:
    # only who leaves a report needs templates: no worker does
    from monitor_jobs.report_page import verdict_page

    for line in _summary_lines(verdict, report):
        say(line)
    if job.publishes_metrics:
        write_cloudwatch_metrics(paths, _metric_lines(verdict, report, job.schedule))
    write_message(paths, _message(verdict))
    violations = violations_json(verdict.violations)
    files = {
        STATISTICS_FILE: verdict.statistics.to_json(),
        **({CONSTRAINTS_FILE: verdict.constraints.to_json()} if verdict.constraints else {}),
        VIOLATIONS_FILE: violations,
        VIOLATIONS_FILE_ALIAS: violations,
        **_page(lambda: verdict_page(report, verdict, baseline, schedule=job.schedule)),
        REPORT_FILE: report.to_json(),  # last: who finds it finds the others complete
    }
    write_outputs(job.output, files)


def _leave_baseline(baseline: Baseline, read: Report, job: JobSettings, paths: ContainerPaths) -> None:
    from monitor_jobs.report_page import baseline_page

    message = f"Completed: Baseline suggested from {read.predictions} predictions in {read.records} records."
    write_message(paths, message)
    files = {STATISTICS_FILE: baseline.statistics, CONSTRAINTS_FILE: baseline.constraints}
    texts = {name: file.to_json() for name, file in files.items() if file}
    write_outputs(job.output, {**texts, **_page(lambda: baseline_page(read, baseline))})
    say(message)


def _page(render: Callable[[], str]) -> dict[str, str]:
    """The page by its file's name; nothing where it cannot be drawn, which the log says: a verdict is worth more."""
    try:
        return {PAGE_FILE: render()}
    except Exception:  # noqa: BLE001 -- logged with its traceback
        sys.stderr.write(f"{PAGE_FILE} could not be drawn, the other files are complete:\n{traceback.format_exc()}")
        return {}


def _read(name: str, job: JobSettings, summary: Summary) -> Report:
    """What was read, with nothing concluded from it yet."""
    window = job.window or _span(summary)
    return Report(
        monitor=name,
        endpoint=job.endpoint,
        window_start=window.start,
        window_end=window.end,
        records=summary.records,
        predictions=summary.predictions,
        unreadable=UnreadableLines(by_reason=dict(summary.unreadable)),
        measurements=(),
        violations=(),
    )


def _judged(read: Report, verdict: Verdict) -> Report:
    concluded = {"measurements": verdict.measurements, "violations": verdict.violations, "remark": verdict.remark}
    return read.model_copy(update=concluded)


def _span(summary: Summary) -> Window:
    """The times that were seen; the second before now where there were none."""
    if summary.earliest is None or summary.latest is None:
        now = datetime.now(UTC)
        return Window(now - SECOND, now)
    return Window(datetime.fromtimestamp(summary.earliest, UTC), datetime.fromtimestamp(summary.latest, UTC) + SECOND)


def _message(verdict: Verdict) -> str:
    if verdict.remark and not verdict.violations:
        return verdict.remark
    return completion_message(len(verdict.violations))


def _summary_lines(verdict: Verdict, report: Report) -> Iterator[str]:
    yield f"{report.predictions} predictions in {report.records} records, {report.unreadable.total} lines unreadable"
    yield from (_measurement_line(measurement) for measurement in report.measurements)
    yield from (f"VIOLATION {row.constraint_check_type}: {row.description}" for row in report.violations)
    yield _message(verdict)


def _measurement_line(measurement: Measurement) -> str:
    limit = "" if measurement.limit is None else f" (limit {measurement.keeps} {measurement.limit:g})"
    return f"{measurement.name} = {measurement.value:.6g} {measurement.unit}{limit}"


def _metric_lines(verdict: Verdict, report: Report, schedule: str) -> list[str]:
    # CloudWatch takes no NaN: such a value is in the report, and a violation where it has a limit.
    return [
        cloudwatch_line(name=name, value=value, at=report.window_end, endpoint=report.endpoint, schedule=schedule)
        for name, value in verdict.published.items()
        if (value.finite if isinstance(value, StatisticValues) else math.isfinite(value))
    ]


def say(line: str) -> None:
    """Print a line to the job's log at once."""
    _print(f"{line}\n")


def _print(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()
