"""The two-sample test at its edges; what it claims of error rates stands in tests/papers/test_two_sample_shift.py."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chi2_contingency, hypergeom

from monitor_jobs.class_skew import shift_test
from monitor_jobs.class_skew.shift_test import Shift, shift_between
from monitor_jobs.contingency import well_filled

COUNTS = st.lists(st.tuples(st.integers(0, 5_000_000), st.integers(0, 5_000_000)), min_size=1, max_size=30).filter(
    lambda rows: all(sum(column) for column in zip(*rows, strict=True))
)


def shift(observed: list[int], baseline: list[int], *, floor: float = 0.02) -> Shift:
    return shift_between(
        np.array(observed, dtype=np.float64), np.array(baseline, dtype=np.float64), false_alarm_rate=0.005, floor=floor
    )


@given(COUNTS)
def test_any_two_samples_give_finite_shares(rows):
    observed, baseline = (list(column) for column in zip(*rows, strict=True))
    found = shift(observed, baseline)
    assert all(0 <= number <= 1 for number in (found.distance, found.proven, found.p_value))


@given(COUNTS)
def test_equal_samples_have_not_shifted(rows):
    counts = [x + y for x, y in rows]
    assert (shift(counts, counts).proven, shift(counts, counts).distance) == (0, 0)


@given(COUNTS, st.randoms())
def test_the_order_of_classes_does_not_matter(rows, random):
    mixed = random.sample(rows, len(rows))
    one, other = (shift(*map(list, zip(*order, strict=True))) for order in (rows, mixed))
    assert other.proven == pytest.approx(one.proven, abs=1e-9)


def test_one_class_only_has_not_shifted():
    assert shift([400], [5_000_000]).proven == 0


def test_a_class_unseen_in_the_baseline_has_shifted():
    found = shift([50, 50], [100, 0])
    assert (found.proven, found.gainer) == (0.5, 1)


def test_disjoint_samples_are_wholly_apart():
    assert shift([100, 0], [0, 100]).proven == 1


def test_a_huge_sample_does_not_alarm_for_what_does_not_matter():
    found = shift([2_550_000, 2_450_000], [2_500_000, 2_500_000])
    assert found.p_value < 1e-100
    assert found.proven == 0


def test_a_huge_sample_alarms_above_the_floor():
    assert shift([2_650_000, 2_350_000], [2_500_000, 2_500_000]).proven == pytest.approx(0.03)


def test_a_tiny_sample_proves_nothing():
    assert shift([3, 0], [50, 50]).proven == 0


def test_without_a_floor_certainty_is_enough():
    assert shift([2_550_000, 2_450_000], [2_500_000, 2_500_000], floor=0).proven == pytest.approx(0.01)


def test_many_small_moves_are_found_where_no_single_class_moves_enough():
    observed, baseline = [1100, 900] * 20, [1000, 1000] * 20
    assert shift(observed, baseline).proven == pytest.approx(0.05, abs=0.01)


@pytest.mark.parametrize(
    ("x", "t", "n", "m"), [(3, 5, 10, 20), (0, 4, 9, 9), (9, 9, 9, 9), (70, 400, 1000, 9000), (1, 1, 5, 5)]
)
def test_the_exact_tail_is_the_hypergeometric_one(x, t, n, m):
    exact = hypergeom.sf(x - 1, n + m, t, n)
    assert shift_test._upper_tail(x, t, n, m) == pytest.approx(exact, rel=1e-9)


def test_the_exact_tail_holds_at_millions():
    x, t, n, m = 1_253_000, 2_500_000, 5_000_000, 5_000_000
    assert shift_test._upper_tail(x, t, n, m) == pytest.approx(hypergeom.sf(x - 1, n + m, t, n), rel=1e-5)


def test_the_chi_square_is_the_textbooks_where_no_class_is_rare():
    table = np.array([[120.0, 80.0, 300.0], [100.0, 90.0, 410.0]])
    expected = chi2_contingency(table, correction=False).pvalue
    assert shift_test._all_classes(*table).p_value == pytest.approx(expected, rel=1e-12)


def test_rare_classes_are_pooled():
    x, y = well_filled(np.array([100.0, 3, 3, 4]), np.array([100.0, 4, 3, 3]))
    assert (x.tolist(), y.tolist()) == ([100, 10], [100, 10])


def test_a_pool_that_is_itself_rare_joins_the_rarest_other():
    x, y = well_filled(np.array([1.0, 100, 50]), np.array([0.0, 100, 50]))
    assert (x.tolist(), y.tolist()) == ([100, 51], [100, 50])


def test_classes_that_are_all_rare_leave_one_cell():
    x, y = well_filled(np.array([1.0, 1, 0]), np.array([1.0, 0, 1]))
    assert (x.tolist(), y.tolist()) == ([2], [2])


def test_classes_that_one_sample_lacks_are_compared_all_the_same():
    assert shift([0, 0, 15], [16, 16, 0]).proven == 1
