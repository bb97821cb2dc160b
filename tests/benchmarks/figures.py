"""What all benchmarks share: figures, the machine they were taken on, how they are printed, and timing in pairs."""

import importlib.metadata
import json
import platform
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import psutil

BENCH_FOLDER = Path(__file__).parents[2] / ".bench"
PACKAGES = ("msgspec", "numpy", "orjson", "pybase64", "scikit-learn", "scipy", "torch")
RESAMPLES = 10_000
SEED = 20261120


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured number, its unit, the goal it is held to (such as ">= 5", or "none"), and how it was taken."""

    value: float
    unit: str
    goal: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Pairs:
    """How many times as long as ours the other one took, pair by pair."""

    ratios: tuple[float, ...]
    our_seconds: float
    their_seconds: float

    @property
    def median(self) -> float:
        return statistics.median(self.ratios)

    @property
    def at_least(self) -> float:
        """The lower end of the 95 % bootstrap interval of the median ratio: the end that is worse for us."""
        draws = np.random.default_rng(SEED).choice(self.ratios, (RESAMPLES, len(self.ratios)))
        return float(np.quantile(np.median(draws, axis=1), 0.025))

    def times(self, factor: float) -> "Pairs":
        """The same pairs where theirs was given only one part in `factor` of the work."""
        return Pairs(tuple(factor * ratio for ratio in self.ratios), self.our_seconds, factor * self.their_seconds)

    def __str__(self) -> str:
        return f"median {self.median:.2f}, 95 % interval from {self.at_least:.2f}, {len(self.ratios)} interleaved pairs"


def interleaved(
    ours: Callable[[int], object],
    theirs: Callable[[int], object],
    pairs: int,
    *,
    clock: Callable[[], float] = time.perf_counter,
) -> Pairs:
    """Seconds of both, in turn, on inputs 0 to pairs - 1; who goes first changes from pair to pair.

    Wall time, unless `clock` is time.process_time: the processor time of this process, which other load hardly changes.
    """
    seconds: dict[Callable[[int], object], list[float]] = {ours: [], theirs: []}
    for pair in range(pairs):
        for run in (ours, theirs) if pair % 2 else (theirs, ours):
            started = clock()
            run(pair)
            seconds[run].append(clock() - started)
    ratios = tuple(their / our for our, their in zip(seconds[ours], seconds[theirs], strict=True))
    return Pairs(ratios, sum(seconds[ours]), sum(seconds[theirs]))


def median_at_most(values: Sequence[float]) -> float:
    """The upper end of the 95 % bootstrap interval of the median: the end that is worse where less is better."""
    draws = np.random.default_rng(SEED).choice(values, (RESAMPLES, len(values)))
    return float(np.quantile(np.median(draws, axis=1), 0.975))


def machine() -> dict[str, object]:
    """What the figures were taken on."""
    return {
        "cpu": _cpu_model(),
        "cores": psutil.cpu_count(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
        "system": platform.platform(),
        "python": platform.python_version(),
        "packages": {name: version for name in PACKAGES if (version := _version(name))},
        "load_average": [round(load, 2) for load in psutil.getloadavg()],
    }


def publish(name: str, figures: Mapping[str, Figure], missing: Mapping[str, str], as_json: bool) -> None:
    """Print exactly one JSON object, or a table; `missing` says why a figure could not be taken."""
    if as_json:
        rows = {figure: asdict(row) for figure, row in figures.items()}
        print(json.dumps({"benchmark": name, "machine": machine(), "figures": rows, "missing": dict(missing)}))
        return
    width = max(map(len, [*figures, *missing]), default=0)
    print(f"{name} on {_cpu_model()}, {psutil.cpu_count()} cores")
    for figure, row in figures.items():
        print(f"  {figure:{width}}  {row.value:>12,.4g} {row.unit:<14} goal {row.goal:<8} {row.note}")
    for figure, reason in missing.items():
        print(f"  {figure:{width}}  missing: {reason}")


def _cpu_model() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    models = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(models, platform.processor() or platform.machine())


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None
