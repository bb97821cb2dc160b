"""Class skew over a day of captures, against the loop that parses each line's JSON and then the JSON within it.

`python -m tests.benchmarks.class_skew [--quick] [--json]`. Both count classes, unsure predictions and unreadable lines,
and must agree to the last one. The monitor's own functions run end to end, from files to a merged summary.
"""

import argparse
import json
import math
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial, reduce
from pathlib import Path
from typing import NamedTuple

import psutil

from monitor_jobs.class_skew.constraints import ClassSkewConstraints
from monitor_jobs.class_skew.monitor import ClassSkew, ClassSkewSettings
from monitor_jobs.class_skew.summary import Summary
from monitor_jobs.contract.model_package import ModelCard
from monitor_jobs.fleet import LocalFleet
from monitor_jobs.monitor import CaptureFile
from tests.benchmarks.figures import Figure, Pairs, interleaved, publish
from tests.benchmarks.skew_captures import CLASSES, HOURS, KINDS, skew_captures

FULL_LINES, QUICK_LINES = 1_000_000, 120_000
WORKERS = 2
SAMPLE_SECONDS = 0.01
UNSURE_BELOW = 0.5
CARD = ModelCard(classes=tuple(map(str, range(CLASSES))))
SETTINGS = ClassSkewSettings(ClassSkewConstraints(low_confidence_below=UNSURE_BELOW), None)


class Counts(NamedTuple):
    """What both must agree on."""

    classes: Counter[str]
    unsure: int
    unreadable: int


class Memory:
    """The highest sum of resident memory of this process and all below it."""

    peak_bytes = 0


def naive_counts(path: Path) -> Counts:
    """The peer: json twice, with the checks without which the counts would differ."""
    classes: Counter[str] = Counter()
    unsure = unreadable = 0
    with path.open("rb") as file:
        for line in file:
            try:
                record = json.loads(line)
                scores = json.loads(record["captureData"]["endpointOutput"]["data"])[0]
            except (ValueError, KeyError):
                unreadable += 1
                continue
            if not math.isfinite(sum(scores)):
                unreadable += 1
                continue
            best = max(scores)
            classes[str(scores.index(best))] += 1
            unsure += best < UNSURE_BELOW
    return Counts(classes, unsure, unreadable)


def summarise(path: Path) -> Summary:
    return ClassSkew().summarise_file(CaptureFile(path, path.name, None, CARD), SETTINGS)


def summarise_all(paths: list[Path], workers: int) -> Summary:
    monitor = ClassSkew()
    return reduce(monitor.merge, LocalFleet(workers).map(summarise, paths), monitor.empty())


def counts_of(summary: Summary) -> Counts:
    return Counts(Counter(summary.class_counts), summary.low_confidence, sum(summary.unreadable.values()))


def added(left: Counts, right: Counts) -> Counts:
    return Counts(left.classes + right.classes, left.unsure + right.unsure, left.unreadable + right.unreadable)


def measure_pairs(paths: list[Path]) -> tuple[Pairs, Counts]:
    """Both on each hour's file in turn, in processor time. Raises AssertionError where they count differently."""
    ours: dict[int, Counts] = {}
    theirs: dict[int, Counts] = {}
    pairs = interleaved(
        lambda hour: ours.update({hour: counts_of(summarise(paths[hour]))}),
        lambda hour: theirs.update({hour: naive_counts(paths[hour])}),
        len(paths),
        clock=time.process_time,
    )
    assert ours == theirs, "the monitor and the naive loop count differently"
    return pairs, reduce(added, theirs.values())


def measure_whole_day(paths: list[Path], expected: Counts) -> Pairs:
    """All files with two workers, their start included, in turn with the naive loop on one; all files are of one size.

    Raises AssertionError where the counts differ.
    """
    ours: list[Summary] = []
    pairs = interleaved(
        lambda _: ours.append(summarise_all(paths, WORKERS)), lambda hour: naive_counts(paths[hour]), len(paths)
    )
    assert all(counts_of(summary) == expected for summary in ours), "two workers count differently"
    assert set(ours[0].unreadable) == set(KINDS), f"damage was not told apart: {ours[0].unreadable}"
    return pairs.times(len(paths))


@contextmanager
def watched_memory() -> Iterator[Memory]:
    memory, ended = Memory(), threading.Event()
    watcher = threading.Thread(target=partial(_watch, memory, ended))
    watcher.start()
    try:
        yield memory
    finally:
        ended.set()
        watcher.join()


def _watch(memory: Memory, ended: threading.Event) -> None:
    while not ended.wait(SAMPLE_SECONDS):
        this = psutil.Process()
        memory.peak_bytes = max(memory.peak_bytes, sum(map(_resident, [this, *this.children(recursive=True)])))


def _resident(process: psutil.Process) -> int:
    try:
        return process.memory_info().rss
    except psutil.NoSuchProcess:
        return 0


def peak_megabytes(paths: list[Path]) -> float:
    with watched_memory() as memory:
        summarise_all(paths, WORKERS)
    return memory.peak_bytes / 1e6


def measure(paths: list[Path], quick: bool) -> tuple[dict[str, Figure], dict[str, str]]:
    pairs, counts = measure_pairs(paths)
    lines = counts.classes.total() + counts.unreadable
    per_file = f"processor time of one process, a file of {lines // HOURS:,} lines each, page cache warm: {pairs}"
    figures = {
        "cpu_speedup_one_process": Figure(pairs.at_least, "x", "none", per_file),
        "lines_per_cpu_second": Figure(lines / pairs.our_seconds, "lines/s", "none"),
        "lines_per_cpu_second_double_json": Figure(lines / pairs.their_seconds, "lines/s", "none"),
        "unreadable_lines": Figure(counts.unreadable, "count", "none", f"the same in both, of {', '.join(KINDS)}"),
    }
    whole = ("speedup_vs_double_json", "lines_per_second", "peak_rss_mb")
    if quick:
        return figures, dict.fromkeys(whole, f"needs {FULL_LINES:,} lines: run it without --quick")
    day = measure_whole_day(paths, counts)
    note = f"{lines:,} lines, {WORKERS} workers, their start included: {day}"
    figures["speedup_vs_double_json"] = Figure(day.at_least, "x", ">= 5", note)
    figures["lines_per_second"] = Figure(lines * len(day.ratios) / day.our_seconds, "lines/s", "none", "as above, mean")
    memory = f"all our processes, sampled every {1000 * SAMPLE_SECONDS:.0f} ms"
    figures["peak_rss_mb"] = Figure(peak_megabytes(paths), "MB", "<= 300", memory)
    return figures, {}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help=f"{QUICK_LINES:,} lines instead of {FULL_LINES:,}")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    figures, missing = measure(skew_captures(QUICK_LINES if options.quick else FULL_LINES), options.quick)
    publish("class_skew", figures, missing, options.json)


if __name__ == "__main__":
    main()
