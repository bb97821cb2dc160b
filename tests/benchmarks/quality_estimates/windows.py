"""Baselines and windows drawn of scored images: ten kinds of shift, some of them in several strengths.

What lives here: drawing rows. What does not: estimates.
"""

import itertools
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

import numpy as np

from monitor_jobs.label_free_quality.calibration import LabelledScores
from tests.benchmarks.quality_estimates.corruptions import CORRUPTIONS, SEVERITIES
from tests.benchmarks.quality_estimates.scored import AS_THEY_ARE, Scored, damage

SIZES = (300, 1000)
BASELINE_SHARE = 0.4

Shares = np.ndarray
LabelShift = Callable[[Shares, np.random.Generator], Shares]


class Window(NamedTuple):
    """One window with the labels that a monitor would not see, and what kind of shift it is an example of."""

    kind: str
    rows: LabelledScores


def no_shift(shares: Shares, _: np.random.Generator) -> Shares:
    return shares


def dirichlet(shares: Shares, generator: np.random.Generator) -> Shares:
    return generator.dirichlet(np.full(len(shares), generator.choice([0.1, 0.5, 1.0, 10.0])))


def tweak_one(shares: Shares, generator: np.random.Generator) -> Shares:
    chosen, share = generator.integers(len(shares)), generator.choice([0.1, 0.3, 0.5, 0.7, 0.9])
    tweaked = shares * (1 - share) / (1 - shares[chosen])
    tweaked[chosen] = share
    return tweaked


def missing_classes(shares: Shares, generator: np.random.Generator) -> Shares:
    left = shares.copy()
    left[generator.permutation(len(shares))[: round(len(shares) * generator.choice([0.2, 0.5, 0.8]))]] = 0
    return left / left.sum()


LABEL_SHIFTS: Mapping[str, LabelShift] = {
    each.__name__: each for each in (no_shift, dirichlet, tweak_one, missing_classes)
}


def split(scored: Scored, generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Rows of a baseline and of the traffic that follows; no group is in both."""
    groups = generator.permutation(np.unique(scored.groups))
    baseline = np.isin(scored.groups, groups[: round(BASELINE_SHARE * len(groups))])
    return np.flatnonzero(baseline), np.flatnonzero(~baseline)


def baseline_of(scored: Scored, rows: np.ndarray) -> LabelledScores:
    return _labelled(scored, AS_THEY_ARE, rows)


def windows(
    scored: Scored, rows: np.ndarray, generator: np.random.Generator, *, of_each_label_shift: int
) -> Iterator[Window]:
    """Label shifts of clean images, and all severities of all damages with and without one."""
    for size in SIZES:
        for kind, shift in LABEL_SHIFTS.items():
            for _ in range(of_each_label_shift):
                yield Window(kind, _labelled(scored, AS_THEY_ARE, _drawn(scored, rows, shift, size, generator)))
        for kind in CORRUPTIONS:
            for severity in range(SEVERITIES):
                for shift in (no_shift, dirichlet):
                    drawn = _drawn(scored, rows, shift, size, generator)
                    yield Window(kind, _labelled(scored, damage(kind, severity), drawn))


def damaged(scored: Scored, rows: np.ndarray, generator: np.random.Generator) -> Iterator[Window]:
    """Windows of all kinds of damage, and of none, as a baseline's owner could make them."""
    for kind, shift in itertools.product(CORRUPTIONS, (no_shift, dirichlet)):
        for severity in range(SEVERITIES):
            drawn = _drawn(scored, rows, shift, max(SIZES), generator)
            yield Window(kind, _labelled(scored, damage(kind, severity), drawn))
            yield Window(shift.__name__, _labelled(scored, AS_THEY_ARE, drawn))


def _drawn(
    scored: Scored, rows: np.ndarray, shift: LabelShift, size: int, generator: np.random.Generator
) -> np.ndarray:
    labels = scored.labels[rows]
    counts = np.bincount(labels, minlength=scored.logits[AS_THEY_ARE].shape[1])
    wanted = shift(counts / counts.sum(), generator) * (counts > 0)
    chances = (wanted / np.maximum(counts, 1))[labels]
    return generator.choice(rows, size, p=chances / chances.sum())


def _labelled(scored: Scored, kind: str, rows: np.ndarray) -> LabelledScores:
    scores = scored.logits[kind][rows].astype(np.float64)
    names = tuple(map(str, range(scores.shape[1])))
    return LabelledScores(names, scores.argmax(axis=1), scored.labels[rows], scores=scores)
