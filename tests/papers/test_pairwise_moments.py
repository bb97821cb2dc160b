"""Chan, Golub & LeVeque (1979): moments of parts, put together pairwise, are those of the whole, to rounding."""

from functools import reduce

import numpy as np
import pytest

from monitor_jobs.data_quality.summarising import merged_moments, summarise
from monitor_jobs.data_quality.summary import Moments
from tests.unit.feature_tables import table

SPREAD = np.random.default_rng(79).normal(size=100_000)


def moments(numbers) -> Moments:
    return summarise(table(x=numbers)).columns["x"].moments


def in_parts(numbers, parts: int) -> Moments:
    return reduce(merged_moments, map(moments, np.array_split(numbers, parts)), Moments())


@pytest.mark.parametrize("parts", [1, 2, 7, 1000])
@pytest.mark.parametrize("shift", [0.0, 1e9])
def test_parts_have_the_variance_of_the_whole_however_far_from_zero(parts, shift):
    numbers = SPREAD + shift
    found, exact = (
        in_parts(numbers, parts),
        np.sum((numbers.astype(np.longdouble) - numbers.mean(dtype=np.longdouble)) ** 2),
    )
    assert found.squares == pytest.approx(float(exact), rel=1e-9)
    assert found.mean == pytest.approx(float(numbers.mean(dtype=np.longdouble)), rel=1e-14, abs=1e-14)


def test_the_textbook_formula_does_not_keep_that():
    numbers = SPREAD + 1e9
    textbook = np.sum(numbers**2) - np.sum(numbers) ** 2 / numbers.size
    assert textbook != pytest.approx(in_parts(numbers, 7).squares, rel=0.01)


def test_parts_of_very_unlike_sizes_are_put_together_as_well():
    few, many = SPREAD[:3] + 100, SPREAD[3:]
    whole = moments(np.concatenate((few, many)))
    assert merged_moments(moments(few), moments(many)).squares == pytest.approx(whole.squares, rel=1e-12)
    assert merged_moments(moments(many), moments(few)).mean == pytest.approx(whole.mean, rel=1e-12)
