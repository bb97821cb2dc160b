import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor_jobs.label_free_quality.window import ConfidenceCounts, TopPredictions, count_confidences, merge

EDGES = (0.5, 0.9)
rows = st.lists(st.tuples(st.integers(0, 2), st.floats(0, 1) | st.just(float("nan"))), max_size=30)


def counts_of(pairs):
    labels = np.array([label for label, _ in pairs], dtype=np.int64)
    confidences = np.array([confidence for _, confidence in pairs], dtype=np.float64)
    return count_confidences(TopPredictions(("a", "b", "a"), labels, confidences), EDGES)


def test_predictions_are_counted_by_label_and_level():
    assert counts_of([(0, 0.2), (0, 0.6), (1, 0.95)]).by_label == {"a": (1, 1, 0), "b": (0, 0, 1)}


def test_a_confidence_at_an_edge_counts_above_it():
    assert counts_of([(1, 0.5), (1, 0.9)]).by_label == {"b": (0, 1, 1)}


def test_two_classes_of_one_name_are_one():
    assert counts_of([(0, 0.1), (2, 0.1)]).by_label == {"a": (2, 0, 0)}


def test_predictions_without_a_score_are_counted_apart():
    window = counts_of([(0, float("nan")), (1, 0.7)])
    assert (window.unscored, window.predictions, window.mean_confidence) == (1, 1, pytest.approx(0.7))


def test_a_window_without_predictions_has_no_mean_confidence():
    assert np.isnan(counts_of([]).mean_confidence)
    assert counts_of([]) == ConfidenceCounts()


@given(rows, rows, rows)
def test_parts_give_the_counts_of_the_whole_in_whatever_order_they_are_merged(first, second, third):
    whole = counts_of([*first, *second, *third])
    for parts in itertools.permutations([counts_of(first), counts_of(second), counts_of(third)]):
        assert merge(merge(parts[0], parts[1]), parts[2]) == whole
        assert merge(parts[0], merge(parts[1], parts[2])) == whole


@given(rows)
def test_nothing_merged_into_counts_leaves_them_as_they_are(pairs):
    assert (
        merge(ConfidenceCounts(), counts_of(pairs)) == counts_of(pairs) == merge(counts_of(pairs), ConfidenceCounts())
    )
