"""Class skew over a day of captures by their side index: 1,440 files of a minute each, a million predictions.

`python -m tests.benchmarks.side_index [--quick] [--json]`. From index files on the disk to a verdict, by the functions
that the job runs; the summary must equal that of the captures themselves, whose reading is timed beside it.
"""

import argparse
import shutil
import time
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import reduce
from pathlib import Path

import numpy as np

from monitor_jobs.class_skew.monitor import ClassSkew
from monitor_jobs.class_skew.summary import Summary
from monitor_jobs.contract.capture import capture_file_path
from monitor_jobs.monitor import CaptureFile
from monitor_jobs.side_index import index_capture, index_file
from tests.benchmarks.class_skew import CARD, FULL_LINES, QUICK_LINES, SETTINGS
from tests.benchmarks.figures import SEED, Figure, publish
from tests.benchmarks.skew_captures import skew_captures

MINUTES = 60
QUICK_RUNS, FULL_RUNS = 10, 60
WARM_UP_RUNS = 5
RESAMPLES = 10_000
DAY = datetime(2026, 11, 20, tzinfo=UTC)


def minute_files(lines: int) -> list[CaptureFile]:
    """The day's captures as an endpoint leaves them that seals once a minute."""
    hours = skew_captures(lines)
    folder = hours[0].parent.with_suffix(".minutes")
    if not folder.exists():
        made = folder.with_suffix(".part")
        shutil.rmtree(made, ignore_errors=True)
        for hour, path in enumerate(hours):
            _split(path, DAY + timedelta(hours=hour), made)
        made.rename(folder)
    paths = sorted(folder.rglob("*.jsonl"))
    return [CaptureFile(path, path.relative_to(folder).as_posix(), None, CARD) for path in paths]


def _split(path: Path, hour: datetime, folder: Path) -> None:
    lines = path.read_bytes().splitlines(keepends=True)
    edges = np.linspace(0, len(lines), MINUTES + 1).astype(int)
    for minute in range(MINUTES):
        opened_at = hour + timedelta(minutes=minute)
        file = folder / "signs/AllTraffic" / capture_file_path(opened_at, uuid.UUID(int=minute, version=4))
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"".join(lines[edges[minute] : edges[minute + 1]]))


def written_index(files: list[CaptureFile], folder: Path) -> float:
    """Seconds of processor time that it takes to index all files, an index an hour."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    started = time.process_time()
    for hour in range(len(files) // MINUTES):
        indexes = (index_capture(file.path, file.object_key) for file in files[hour * MINUTES : (hour + 1) * MINUTES])
        whole = [index for index in indexes if index is not None]
        assert len(whole) == MINUTES, "a capture was not indexed"
        (folder / f"{hour:02}.parquet").write_bytes(index_file(whole))
    return time.process_time() - started


def summarise(files: list[CaptureFile]) -> Summary:
    monitor = ClassSkew()
    return reduce(monitor.merge, (monitor.summarise_file(file, SETTINGS) for file in files), monitor.empty())


def milliseconds(act: Callable[[], object], runs: int) -> Iterator[float]:
    for _ in range(runs):
        started = time.perf_counter()
        act()
        yield (time.perf_counter() - started) * 1e3


def upper_bound(times: list[float]) -> float:
    """The upper end of the 95 % bootstrap interval of the median."""
    draws = np.random.default_rng(SEED).choice(times, (RESAMPLES, len(times)))
    return float(np.quantile(np.median(draws, axis=1), 0.975))


def size_of(paths: list[Path]) -> int:
    return sum(path.stat().st_size for path in paths)


def measure(lines: int, runs: int) -> dict[str, Figure]:
    """Every figure. Raises AssertionError where index and captures do not give the same."""
    files = minute_files(lines)
    folder = files[0].path.parents[6] / "index"
    index_seconds = written_index(files, folder)
    index = [CaptureFile(folder, "side index", None, CARD)]
    monitor = ClassSkew()
    started = time.perf_counter()
    from_raw = summarise(files)
    raw_ms = (time.perf_counter() - started) * 1e3
    assert summarise(index) == from_raw, "the side index and the captures count differently"
    list(milliseconds(lambda: summarise(index), WARM_UP_RUNS))
    times = list(milliseconds(lambda: monitor.judge(summarise(index), SETTINGS), runs))
    raw_bytes, index_bytes = size_of([file.path for file in files]), size_of(list(folder.iterdir()))
    note = f"{from_raw.predictions:,} predictions of {len(files):,} files in {len(files) // MINUTES} of the index"
    taken = f"95 % upper bound; median {np.median(times):.1f} of {runs} runs in one warm process, page cache warm"
    lines_read = from_raw.records + sum(from_raw.unreadable.values())
    return {
        "skew_1m_ms": Figure(upper_bound(times), "ms", "<= 50", f"{note}: {taken}"),
        "raw_ms": Figure(raw_ms, "ms", "none", "the captures themselves, once, one process; the same summary"),
        "bytes_ratio": Figure(raw_bytes / index_bytes, "x", "none", "bytes of captures for one of the index"),
        "index_cpu_us_per_record": Figure(index_seconds / lines_read * 1e6, "us", "none", "making it, at capture time"),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help=f"{QUICK_LINES:,} lines instead of {FULL_LINES:,}")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    figures = measure(*((QUICK_LINES, QUICK_RUNS) if options.quick else (FULL_LINES, FULL_RUNS)))
    missing = {}
    if options.quick:
        del figures["skew_1m_ms"]
        missing = {"skew_1m_ms": f"needs {FULL_LINES:,} lines: run it without --quick"}
    publish("side_index", figures, missing, options.json)


if __name__ == "__main__":
    main()
