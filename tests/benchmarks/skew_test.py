"""Error rates of the class shift test: false alarms on independent draws without drift, and power at five points.

`python -m tests.benchmarks.skew_test [--quick] [--json]`. All draws come from one seed.
"""

import argparse
from collections.abc import Iterator
from itertools import product
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.special import betaincinv

from monitor_jobs.class_skew.constraints import ClassSkewConstraints
from monitor_jobs.class_skew.shift_test import shift_between
from tests.benchmarks.figures import Figure, publish

SIZES = (500, 5_000, 50_000, 500_000, 5_000_000)
CLASSES = (10, 45, 1000)
MIXES = ("uniform", "skewed")
ANOTHER_BASELINE = 10_000
POWER_SIZE = 10_000
SHIFT = 0.05
FULL_DRAWS, QUICK_DRAWS = 4000, 200
LIMITS = ClassSkewConstraints()

Shares = npt.NDArray[np.float64]
Generator = np.random.Generator


class Cell(NamedTuple):
    """One kind of window, and how often it alarmed."""

    classes: int
    mix: str
    size: int
    baseline: int
    kind: str
    alarms: int
    draws: int

    @property
    def rate(self) -> float:
        return self.alarms / self.draws

    def __str__(self) -> str:
        return f"{self.classes} classes, {self.mix}, {self.size} predictions against {self.baseline}, {self.kind}"


def false_alarm_cells(draws: int, generator: Generator) -> Iterator[Cell]:
    """Windows from their baseline's own mix, with a baseline of their own size and one of 10,000."""
    for classes, mix, size in product(CLASSES, MIXES, SIZES):
        for baseline in (size, ANOTHER_BASELINE):
            alarms = sum(
                alarms_on(shares, shares, size, baseline, generator) for shares in mixes(classes, mix, draws, generator)
            )
            yield Cell(classes, mix, size, baseline, "no drift", alarms, draws)


def power_cells(draws: int, generator: Generator) -> Iterator[Cell]:
    """Windows of 10,000 that are five points of total variation from their baseline's mix."""
    kinds = {
        "any class gains": any_class_gains,
        "top class gains": top_class_gains,
        "all classes move": all_classes_move,
    }
    for classes, mix, baseline in product(CLASSES, MIXES, (POWER_SIZE, 10 * POWER_SIZE)):
        for kind, shifted in kinds.items():
            alarms = sum(
                alarms_on(shifted(shares, generator), shares, POWER_SIZE, baseline, generator)
                for shares in mixes(classes, mix, draws, generator)
            )
            yield Cell(classes, mix, POWER_SIZE, baseline, kind, alarms, draws)


def mixes(classes: int, mix: str, draws: int, generator: Generator) -> Iterator[Shares]:
    """The shares of each draw: all equal, or from a Dirichlet law that gives few frequent and many rare classes.

    A mix whose top class could not gain five points is drawn again.
    """
    for _ in range(draws):
        shares = np.full(classes, 1 / classes)
        while mix == "skewed":
            shares = generator.dirichlet(np.full(classes, 0.3))
            if shares.max() < 1 - 2 * SHIFT:
                break
        yield shares


def any_class_gains(shares: Shares, generator: Generator) -> Shares:
    """Five points more for a class drawn at random, taken from the others by their shares."""
    return _gains(shares, int(generator.integers(shares.size)))


def top_class_gains(shares: Shares, _: Generator) -> Shares:
    """Five points more for the most frequent class: the largest variance, hence the hardest of its kind."""
    return _gains(shares, int(shares.argmax()))


def all_classes_move(shares: Shares, generator: Generator) -> Shares:
    """Five points from one half of the classes to the other, by their shares."""
    order = generator.permutation(shares.size)
    gaining, losing = order[::2], order[1::2]
    if shares[losing].sum() < SHIFT:
        gaining, losing = losing, gaining
    shifted = shares.copy()
    shifted[gaining] *= 1 + SHIFT / max(shares[gaining].sum(), 1e-12)
    shifted[losing] *= 1 - SHIFT / shares[losing].sum()
    return shifted / shifted.sum()


def _gains(shares: Shares, gainer: int) -> Shares:
    shifted = shares * (1 - SHIFT / (1 - shares[gainer]))
    shifted[gainer] = shares[gainer] + SHIFT
    return shifted


def alarms_on(now: Shares, before: Shares, size: int, baseline: int, generator: Generator) -> bool:
    """True where one draw of a window alarms against one draw of a baseline, at the shipped limits."""
    window, earlier = (generator.multinomial(n, p).astype(np.float64) for n, p in ((size, now), (baseline, before)))
    shift = shift_between(window, earlier, false_alarm_rate=LIMITS.shift_false_alarm_rate, floor=LIMITS.minimum_shift)
    return shift.proven > LIMITS.minimum_shift


def upper_bound(alarms: int, draws: int) -> float:
    """The end of the one-sided 95 % interval of a rate (Clopper and Pearson, 1934)."""
    return 1.0 if alarms == draws else float(betaincinv(alarms + 1, draws - alarms, 0.95))


def false_alarm_figures(cells: list[Cell]) -> dict[str, Figure]:
    """The worst size over all mixes, its bound, and the worst single cell."""
    by_size = {size: [cell for cell in cells if cell.size == size] for size in SIZES}
    worst_size = max(SIZES, key=lambda size: sum(cell.alarms for cell in by_size[size]))
    alarms, draws = totals(by_size[worst_size])
    all_alarms, all_draws = totals(cells)
    worst = max(cells, key=lambda cell: cell.rate)
    overall = f"over all sizes {all_alarms} of {all_draws}, 95 % bound {upper_bound(all_alarms, all_draws):.4f}"
    return {
        "false_alarm_rate": figure(
            alarms / draws, "<= 0.01", f"worst size, {worst_size}: {alarms} of {draws}; {overall}"
        ),
        "false_alarm_rate_bound": figure(upper_bound(alarms, draws), "<= 0.01", "95 % upper bound at the worst size"),
        "false_alarm_rate_worst_cell": figure(
            worst.rate,
            "<= 0.01",
            f"{worst}: {worst.alarms} of {worst.draws}, 95 % bound {upper_bound(worst.alarms, worst.draws):.4f}",
        ),
    }


def power_figures(cells: list[Cell]) -> dict[str, Figure]:
    """The worst cell where one class gains; and, without a goal, where all classes move a little."""
    one = [cell for cell in cells if cell.kind != "all classes move"]
    worst = min(one, key=lambda cell: cell.rate)
    bound = 1 - upper_bound(worst.draws - worst.alarms, worst.draws)
    found = {"power": figure(worst.rate, ">= 0.99", f"worst of {len(one)} cells, {worst}: 95 % bound {bound:.4f}")}
    for classes in CLASSES:
        spread = [cell for cell in cells if cell.kind == "all classes move" and cell.classes == classes]
        least, best = (choose(spread, key=lambda cell: cell.rate) for choose in (min, max))
        note = f"five points over all classes; {least}; best {best.rate:.3f}: {best}"
        found[f"power_all_classes_move_{classes}"] = figure(least.rate, "none", note)
    return found


def totals(cells: list[Cell]) -> tuple[int, int]:
    return sum(cell.alarms for cell in cells), sum(cell.draws for cell in cells)


def figure(value: float, goal: str, note: str) -> Figure:
    return Figure(round(value, 5), "ratio", goal, note)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help=f"{QUICK_DRAWS} draws a cell instead of {FULL_DRAWS}")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    draws = QUICK_DRAWS if options.quick else FULL_DRAWS
    generator = np.random.default_rng(20261120)
    figures = false_alarm_figures(list(false_alarm_cells(draws, generator)))
    figures |= power_figures(list(power_cells(max(draws // 4, QUICK_DRAWS), generator)))
    missing = {}
    if options.quick:
        few = f"{draws} draws a cell bound no rate this low: run it without --quick"
        missing = {name: few for name in ("false_alarm_rate_bound", "false_alarm_rate_worst_cell") if figures.pop(name)}
    publish("skew_test", figures, missing, options.json)


if __name__ == "__main__":
    main()
