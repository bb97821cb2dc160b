"""Mahalanobis 1936: the distance from what is usual, in whichever direction, and in what way signals go together."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.distance import mahalanobis
from scipy.stats import chi, kstest

from monitor_jobs.contract.errors import BadInput
from monitor_jobs.saliency.adversarial import SCORED, Usual, unusualness, usual_of
from monitor_jobs.saliency.signals import SIGNALS

PLACES = [SIGNALS.index(name) for name in SCORED]
MIXING = np.random.default_rng(1).normal(size=(len(SIGNALS), len(SIGNALS)))


def clean(count: int = 500, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(count, len(SIGNALS))) @ MIXING + 3


def test_it_is_mahalanobis_distance_from_the_median():
    signals, others = clean(), clean(20, seed=1)
    scored = signals[:, PLACES]
    inverse = np.linalg.inv(np.cov(scored, rowvar=False, ddof=0))
    centre = np.median(scored, axis=0)
    expected = [mahalanobis(each[PLACES], centre, inverse) for each in others]
    assert unusualness(usual_of(signals), others) == pytest.approx(expected, rel=1e-4)


def test_of_normal_signals_it_is_chi_distributed():
    scores = unusualness(usual_of(clean(20_000)), clean(2_000, seed=2))
    assert kstest(scores, chi(len(SCORED)).cdf).pvalue > 0.001


@given(st.integers(0, len(SCORED) - 1), st.floats(-50, 50))
def test_both_directions_count_alike(index, step):
    usual = usual_of(clean())
    either = np.zeros((2, len(SIGNALS)))
    either[:, PLACES] = usual.centre
    either[:, PLACES[index]] += [step, -step]
    scores = unusualness(usual, either)
    assert scores[0] == pytest.approx(scores[1], rel=1e-6, abs=1e-9)


@given(st.lists(st.floats(1e-3, 1e3), min_size=len(SIGNALS), max_size=len(SIGNALS)))
def test_units_have_no_part_in_it(units):
    scaled = np.array(units)
    found = unusualness(usual_of(clean() * scaled), clean(9, seed=3) * scaled)
    assert found == pytest.approx(unusualness(usual_of(clean()), clean(9, seed=3)), rel=1e-6)


def test_what_goes_together_is_unusual_apart():
    signals = clean()
    signals[:, PLACES[1]] = signals[:, PLACES[0]] + 0.01 * signals[:, PLACES[1]]
    usual = usual_of(signals)
    together, apart = np.tile(np.median(signals, axis=0), (2, 1))
    together[PLACES[:2]] += 1
    apart[PLACES[:2]] += [1, -1]
    assert unusualness(usual, apart[None])[0] > 20 * unusualness(usual, together[None])[0]


def test_signals_that_do_not_count_do_not_change_it():
    others = [place for place in range(len(SIGNALS)) if place not in PLACES]
    moved = clean(5, seed=4)
    moved[:, others] += 100
    assert np.array_equal(unusualness(usual_of(clean()), moved), unusualness(usual_of(clean()), clean(5, seed=4)))


def test_it_survives_being_written_down():
    usual = usual_of(clean())
    again = Usual.model_validate_json(usual.model_dump_json())
    assert np.array_equal(unusualness(again, clean(9)), unusualness(usual, clean(9)))


def test_nan_is_no_distance_and_a_signal_that_never_changes_is_refused():
    signals = clean()
    signals[0, PLACES[0]] = np.nan
    assert np.isnan(unusualness(usual_of(clean()), signals)[0])
    signals[:, PLACES[2]] = 0.5
    with pytest.raises(BadInput, match="outside_centre is the same for all 499 inputs"):
        usual_of(signals[1:])
