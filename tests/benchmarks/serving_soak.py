"""Whether an endpoint that answers and captures for a long while takes ever more memory.

`python -m tests.benchmarks.serving_soak [--quick] [--json] [--minutes N]`. Callers who never pause, everything
captured; captures are counted and thrown away as they are stored. The slope is that of the highest memory of each
half minute, once the first sixth of the time has passed.
"""

import argparse
import asyncio
import tempfile
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np
import torch
from scipy.stats import theilslopes

from monitor_jobs.contract.engines import Engine
from tests.benchmarks.closed_loop import Window, connected, window_of
from tests.benchmarks.figures import BENCH_FOLDER, Figure, publish
from tests.benchmarks.serving_load import run
from tests.benchmarks.serving_models import C8, LENET_C32, Workload
from tests.benchmarks.serving_peers.ours import Captures, sextant
from tests.benchmarks.serving_peers.running import Running, require_same_answers

MINUTES: Final = 30.0
QUICK_MINUTES: Final = 0.05
SAMPLE_SECONDS: Final = 1.0
BLOCK_SECONDS: Final = 30.0
WARM_UP_SHARE: Final = 1 / 6
KEPT_SECONDS: Final = 30.0  # so that whoever stored a file has long looked at it


@dataclass(frozen=True)
class Soaked:
    """Seconds since the start and megabytes of memory, sample by sample, and the answers of all callers."""

    seconds: list[float]
    rss_mb: list[float]
    window: Window

    def slope(self) -> tuple[float, float]:
        """Megabytes an hour: of the highest of each half minute, and the upper end of the slope's 95 % interval.

        Raises ValueError where fewer than three half minutes are left of the time.
        """
        seconds, rss = np.array(self.seconds), np.array(self.rss_mb)
        blocks = (seconds // BLOCK_SECONDS).astype(int)
        settled = [block for block in np.unique(blocks) if block * BLOCK_SECONDS >= WARM_UP_SHARE * seconds[-1]]
        if len(settled) < 3:
            raise ValueError(f"{seconds[-1]:.0f} s are too short for a slope")
        highest = [rss[blocks == block].max() for block in settled]
        found = theilslopes(highest, np.array(settled) * BLOCK_SECONDS / 3600, alpha=0.95)
        return float(found.slope), float(found.high_slope)


async def soak(ours: Running, load: Workload, folder: Path, captures: Captures, seconds: float) -> Soaked:
    """Load for so long, with the endpoint's memory beside it."""
    asked, started = ours.asked(load), time.perf_counter()
    soaked = Soaked([], [], Window(started))
    async with AsyncExitStack() as stack:
        callers = await connected(ours.port, load.callers, stack)
        loading = asyncio.create_task(window_of(callers, asked.request, seconds))
        while not loading.done():
            soaked.seconds.append(time.perf_counter() - started)
            soaked.rss_mb.append(sum(process.memory_info().rss for process in asked.processes) / 1e6)
            await asyncio.to_thread(captures.take, folder, older_than_seconds=KEPT_SECONDS)
            await asyncio.wait([loading], timeout=SAMPLE_SECONDS)
        return Soaked(soaked.seconds, soaked.rss_mb, await loading)


def measure(load: Workload, minutes: float, threads: int) -> tuple[Soaked, Captures]:
    """Raises AssertionError where an answer is not the network's own, or not 200."""
    captures = Captures()
    BENCH_FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=BENCH_FOLDER) as scratch:
        package, folder = load.model.package(Path(scratch) / "package"), Path(scratch) / "endpoint"
        folder.mkdir()
        with sextant(package, folder, Engine.AUTO, threads=threads, captures=captures) as ours:
            require_same_answers(ours, load)
            soaked = run(partial(soak, ours, load, folder, captures, 60 * minutes))
    return soaked, captures


def figures_of(load: Workload, soaked: Soaked, captures: Captures) -> tuple[dict[str, Figure], dict[str, str]]:
    """The slope where the time was long enough for one, and what was answered and captured meanwhile."""
    answers, minutes = len(soaked.window.seconds), soaked.seconds[-1] / 60
    asked = f"{load.name}: {answers:,} answers in {minutes:.1f} minutes"
    lost = captures.answered - captures.stored
    figures = {
        "soak_rss_mb": Figure(max(soaked.rss_mb), "MB", "none", f"the highest; {asked}"),
        "soak_captures_lost": Figure(lost, "records", "<= 0", f"of {captures.answered:,} answers"),
    }
    try:
        slope, at_most = soaked.slope()
    except ValueError as short:
        return figures, {"soak_rss_slope_mb_per_h": f"{short}: {MINUTES:g} minutes are meant"}
    note = (
        f"95 % upper bound; {slope:.2f}; {asked}; {soaked.rss_mb[0]:.0f} MB at first, {soaked.rss_mb[-1]:.0f} at last"
    )
    return figures | {"soak_rss_slope_mb_per_h": Figure(at_most, "MB/h", "<= 1", note)}, {}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help=f"{60 * QUICK_MINUTES:.0f} seconds, too short for a slope")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--minutes", type=float, default=MINUTES)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads(), help="that the network computes with")
    options = parser.parse_args()
    load, minutes = (LENET_C32, QUICK_MINUTES) if options.quick else (C8, options.minutes)
    publish("serving_soak", *figures_of(load, *measure(load, minutes, options.threads)), options.json)


if __name__ == "__main__":
    main()
