"""Data quality of twenty columns: what it finds, how often it errs, how fast and how small it is beside its peers.

`python -m tests.benchmarks.data_quality [--quick] [--json]`. Evidently and whylogs run in environments of their own, on
the same files, as their guides say; all three must count the same rows and means, and find the columns that moved.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import pyarrow.csv

from monitor_jobs.data_quality.checks.judging import judge
from monitor_jobs.data_quality.checks.numeric_distance import sample_of
from monitor_jobs.data_quality.monitor import DataQuality
from monitor_jobs.monitor import Baseline
from tests.benchmarks.figures import SEED, Figure, Pairs, publish
from tests.benchmarks.quality_checks import checks_found
from tests.benchmarks.quality_dataset import (
    COLUMNS,
    FULL_ROWS,
    MOVED,
    PARTS,
    QUICK_ROWS,
    baseline_file,
    window_file,
)
from tests.benchmarks.quality_peers.sextant_quality import file_of
from tests.benchmarks.quality_windows import settings_of, sketch_pool, twenty_sources, window
from tests.e2e.sdk_environment import sdk_python

OURS: Final = "tests.benchmarks.quality_peers.sextant_quality"
PEERS: Final = Path(__file__).parent / "quality_peers"
SIZES: Final = (500, 5_000, 50_000, 5_000_000)
BASELINES: Final = (500, 20_000, 1_000_000)
WINDOWS: Final = 100  # of each size and baseline, ten to a baseline job
PAIRS: Final = 20


class Program:
    """One of the three, running and warm."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self.process = process
        self.ask(baseline_file())

    def ask(self, path: Path) -> dict[str, Any]:
        assert self.process.stdin
        assert self.process.stdout
        print(path, file=self.process.stdin, flush=True)
        line = self.process.stdout.readline()
        assert line, f"{self.process.args} ended with {self.process.wait()}"
        return dict(json.loads(line))


@contextmanager
def program(*command: str | Path) -> Iterator[Program]:
    with subprocess.Popen(
        list(map(str, command)), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        try:
            yield Program(process)
        finally:
            process.terminate()


def peer(name: str) -> tuple[Path, Path]:
    return sdk_python(name, pins=PEERS), PEERS / f"{name}_quality.py"


class Beside(NamedTuple):
    """The monitor beside a peer: pairs on parts, the ratio on all rows at once, what only the peer holds for moved."""

    pairs: Pairs
    whole: float
    wrong: set[str]

    @property
    def speedup(self) -> float:
        """The one that is worse for us."""
        return min(self.pairs.at_least, self.whole)


def measure_beside(name: str) -> Beside:
    """Processor time of both on parts, in turn, and then on a million rows. AssertionError where they differ."""
    parts = [window_file(FULL_ROWS // PARTS, part) for part in range(PARTS)]
    paths = [*parts * (PAIRS // PARTS), window_file(FULL_ROWS)]
    ours: list[dict[str, Any]] = []
    theirs: list[dict[str, Any]] = []
    with program(sys.executable, "-m", OURS) as us, program(*peer(name)) as them:
        for pair, path in enumerate(paths):
            turns = [(us, ours), (them, theirs)]
            for asked, answers in turns if pair % 2 else reversed(turns):
                answers.append(asked.ask(path))
    for our, their in zip(ours, theirs, strict=True):
        _assert_same(our, their)
    spent = [[answer["seconds"] for answer in answers] for answers in (ours, theirs)]
    ratios = [their / our for our, their in zip(*spent, strict=True)]
    pairs = Pairs(tuple(ratios[:-1]), sum(spent[0][:-1]), sum(spent[1][:-1]))
    return Beside(pairs, ratios[-1], set(theirs[-1]["drifted"]) - MOVED)


def _assert_same(our: dict[str, Any], their: dict[str, Any]) -> None:
    assert our["rows"] == their["rows"], "they count rows differently"
    assert our["means"].keys() == their["means"].keys(), "they hold other columns for numbers"
    assert np.allclose([our["means"][name] for name in their["means"]], list(their["means"].values()), rtol=1e-6)
    assert set(our["drifted"]) == MOVED <= set(their["drifted"]), "they find other columns moved"


def peak_megabytes(path: Path) -> float:
    """The highest resident memory of the monitor's process over baseline and window."""
    with program(sys.executable, "-m", OURS) as us:
        us.ask(path)
        # not its ru_maxrss, which begins with what this process had when it started it
        lines = Path(f"/proc/{us.process.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) * 1024 / 1e6 for line in lines if line.startswith("VmHWM"))


def rank_error(path: Path) -> float:
    """The largest distance of a rank in a merged sketch from the rank among all numbers, as a share of them."""
    monitor = DataQuality()
    summary = monitor.summarise_file(file_of(str(path)), monitor.settings({}, Baseline()))
    table = pyarrow.csv.read_csv(path)
    worst = 0.0
    for name, column in summary.columns.items():
        sample = sample_of(column.quantiles)
        if sample is not None:
            exact = np.searchsorted(np.sort(table[name].to_numpy()), sample.values, side="right") / table.num_rows
            worst = max(worst, float(np.abs(sample.share_at_or_below(sample.values) - exact).max()))
    return worst


def false_alarm_rates(windows: int) -> dict[tuple[int, int], float]:
    """Of each size of window and of baseline, the share of windows from the baseline's source that alarm."""
    generator = np.random.default_rng(SEED)
    sources, rates = twenty_sources(), {}
    pools = {size: sketch_pool(size, generator) for size in {*SIZES, *BASELINES}}
    for rows, before in ((rows, before) for rows in SIZES for before in BASELINES):
        alarms = 0
        for _ in range(max(1, windows // 10)):
            known, limits = settings_of(window(sources, before, pools[before], generator))
            drawn = (window(sources, rows, pools[rows], generator) for _ in range(min(10, windows)))
            alarms += sum(bool(judge(one, known, limits).violations) for one in drawn)
        rates[rows, before] = alarms / windows
    return rates


def measure(quick: bool) -> tuple[dict[str, Figure], dict[str, str]]:
    rows = QUICK_ROWS if quick else FULL_ROWS
    path = window_file(rows)
    with tempfile.TemporaryDirectory() as folder:
        found = checks_found(Path(folder))
    figures = {
        "checks_of_section_5_share": Figure(sum(found.values()) / len(found), "ratio", ">= 1", ", ".join(found)),
        "sketch_rank_error": Figure(rank_error(path), "ratio", "<= 0.01", f"worst of all ranks, {rows:,} rows, merged"),
        "peak_rss_mb": Figure(peak_megabytes(path), "MB", "<= 500", f"{rows:,} rows of {COLUMNS} columns, one process"),
    }
    if quick:
        reason = f"needs {FULL_ROWS:,} rows: run it without --quick"
        return figures, dict.fromkeys(("vs_evidently_speedup", "vs_whylogs_speedup", "false_alarm_rate"), reason)
    rates = false_alarm_rates(WINDOWS)
    worst = max(rates.values())
    note = f"worst of {len(rates)} sizes of window and baseline, {SIZES[0]} to {SIZES[-1]:,}, {WINDOWS} windows each"
    figures["false_alarm_rate"] = Figure(worst, "ratio", "<= 0.01", note)
    for name, goal in (("evidently", ">= 5"), ("whylogs", ">= 1")):
        beside = measure_beside(name)
        note = (
            f"processor time on {PARTS} CSV files of {FULL_ROWS // PARTS:,} rows: {beside.pairs}; on {rows:,} rows "
            f"{beside.whole:.2f}; it holds {len(beside.wrong)} of {COLUMNS - len(MOVED)} good columns for moved"
        )
        figures[f"vs_{name}_speedup"] = Figure(beside.speedup, "x", goal, note)
    return figures, {}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help=f"{QUICK_ROWS:,} rows instead of {FULL_ROWS:,}")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    figures, missing = measure(options.quick)
    publish("data_quality", figures, missing, options.json)


if __name__ == "__main__":
    main()
