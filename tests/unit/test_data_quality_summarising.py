"""What data quality keeps of tables, whatever parts they come in."""

import math
import pickle
import random
from dataclasses import replace
from functools import reduce
from itertools import chain, pairwise

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor_jobs.contract.capture import UnreadableReason
from monitor_jobs.data_quality.categories import MAX_TEXT_CHARACTERS, MAX_TEXTS
from monitor_jobs.data_quality.summarising import empty, merge, summarise
from monitor_jobs.data_quality.summary import (
    Categories,
    ColumnSummary,
    DatasetSummary,
    InferredType,
    Moments,
    Quantiles,
)
from monitor_jobs.feature_table import FeatureTable
from tests.unit.feature_tables import table, table_of_texts

CELLS = st.one_of(
    st.none(),
    st.sampled_from(["", "a", "b", "7", "-7", "007", "2.5", "3.0", "-1e3", "inf", "NaN", "true", " 8 "]),
    st.integers(-(2**65), 2**65).map(str),
    st.floats().map(repr),
)
NUMBERS = st.one_of(st.integers(-9, 9).map(str), st.floats().map(repr), st.none())
LABELS = st.sampled_from(["a", "b", "7", "-7", "007", "true", None])
INTEGERS = st.integers(-(2**63), 2**63 - 1).map(str)
ROWS = st.lists(st.tuples(CELLS, NUMBERS, LABELS, INTEGERS), max_size=60)
NAMES = ("any", "number", "label", "integer")


def summary_of(*tables: FeatureTable) -> DatasetSummary:
    return reduce(merge, map(summarise, tables), empty())


def column(values, kind: pa.DataType | None = None) -> ColumnSummary:
    return summarise(table(x=pa.array(values, kind))).columns["x"]


def counts_of(summary: DatasetSummary) -> DatasetSummary:
    """The summary less what may differ: last digits, sketches, texts of a column that is fractions in a part."""
    plain = {
        name: replace(
            part,
            moments=Moments(part.moments.count, 0, 0, part.moments.minimum, part.moments.maximum),
            quantiles=Quantiles(),
            categories=Categories() if name == "any" else part.categories,
        )
        for name, part in summary.columns.items()
    }
    return replace(summary, columns=plain)


@given(ROWS, st.lists(st.integers(0, 60), max_size=4), st.randoms())
def test_counts_are_the_same_however_a_dataset_is_cut_and_in_whatever_order(rows, places, shuffler):
    edges = [0, *sorted(places), len(rows)]
    parts = [table_of_texts(rows[start:end], *NAMES) for start, end in pairwise(edges)]
    shuffled = shuffler.sample(parts, len(parts))
    assert counts_of(summary_of(*shuffled)) == counts_of(summarise(table_of_texts(rows, *NAMES)))


@given(ROWS, ROWS, ROWS)
def test_merging_is_associative(first, second, third):
    a, b, c = (summarise(table_of_texts(rows, *NAMES)) for rows in (first, second, third))
    assert counts_of(merge(merge(a, b), c)) == counts_of(merge(a, merge(b, c)))


@given(ROWS)
def test_the_empty_summary_changes_nothing(rows):
    summary = summarise(table_of_texts(rows, *NAMES))
    assert merge(summary, empty()) == summary == merge(empty(), summary)


@given(st.lists(st.lists(st.floats(-1e6, 1e6), max_size=60), min_size=1, max_size=5).filter(any))
def test_moments_are_those_that_numpy_finds_in_all_at_once(parts):
    moments = summary_of(*(table(x=pa.array(part, pa.float64())) for part in parts)).columns["x"].moments
    values = list(chain.from_iterable(parts))
    assert moments.count == len(values)
    assert moments.mean == pytest.approx(np.mean(values), rel=1e-12, abs=1e-6)
    assert moments.squares == pytest.approx(np.var(values) * len(values), rel=1e-9, abs=1e-3)


@given(st.floats(allow_nan=False, allow_infinity=False), st.integers(1, 50), st.integers(1, 50))
def test_equal_numbers_have_no_spread(value, count, more):
    moments = summary_of(table(x=[value] * count), table(x=[value] * more)).columns["x"].moments
    assert (moments.mean, moments.squares) == (value, 0.0)


def test_numbers_as_large_as_they_come_have_a_mean():
    moments = summary_of(table(x=[1.7e308, 1.7e308, -1.7e308, -1.7e308]), table(x=[1.7e308]), table(x=[-1.7e308]))
    assert moments.columns["x"].moments.mean == pytest.approx(0, abs=1e294)
    assert moments.columns["x"].moments.squares == math.inf


def test_of_a_fractional_column_nan_is_missing_and_infinity_is_in_no_moment():
    found = column([1.5, None, math.nan, math.inf, -math.inf, -2.0])
    assert (found.missing, found.present, found.fractional, found.infinite) == (2, 4, 4, 2)
    assert (found.negative, found.moments.count, found.moments.minimum) == (2, 2, -2.0)


def test_zero_is_not_negative_with_whatever_sign():
    assert column([-0.0, 0.0, -1e-300]).negative == 1


def test_few_integers_are_counted_by_value():
    found = column([3, 3, -1, None])
    assert (found.integral, found.negative, found.missing) == (3, 1, 1)
    assert found.categories == Categories({"3": 2, "-1": 1}, distinct=2)


def test_many_integers_are_a_quantity_and_none_is_counted_by_value():
    assert column(range(101)).categories == Categories(others=101)
    parts = summary_of(table(x=range(60)), table(x=range(50, 110)))
    assert parts.columns["x"].categories == Categories(others=120)


def test_integers_at_both_ends_of_their_range_are_told_apart():
    assert column([-(2**63), 2**63 - 1, 2**63 - 1]).categories.counts == {str(-(2**63)): 1, str(2**63 - 1): 2}


def test_texts_are_counted_and_each_has_the_type_that_it_reads_as():
    found = column(["n/a", "7", "+7", "-2.5", "1e3", ".5", "5.", "1e", "0x10", None, "-Infinity"])
    assert (found.missing, found.integral, found.fractional, found.text, found.infinite) == (1, 2, 5, 3, 1)
    assert (found.negative, found.moments.count) == (2, 6)
    assert found.categories.counts["n/a"] == 1


def test_numbers_among_texts_are_in_the_sketch():
    found = column(["n/a", "7", "7", "-2.5"])
    assert found.quantiles.levels == ((-2.5, 7.0, 7.0),)
    assert found.inferred_type is InferredType.STRING


@pytest.mark.parametrize(
    ("values", "kind", "expected"),
    [
        ([1, 2], pa.int64(), "Integral"),
        ([1.0, 2.0], pa.float64(), "Fractional"),
        (["1", "2"], pa.string(), "Integral"),
        (["1", "2.5"], pa.string(), "Fractional"),
        (["true", "false"], pa.string(), "String"),
        ([None, None], pa.null(), "Unknown"),
        ([], pa.float64(), "Unknown"),
    ],
)
def test_a_column_is_of_the_narrowest_type_that_all_its_values_have(values, kind, expected):
    assert column(values, kind).inferred_type == expected


def test_whole_numbers_are_integral_whatever_stands_beside_them():
    parts = [["1", "2"], ["4", "4.5"], ["5", "x"]]
    found = summary_of(*(table_of_texts([(text,) for text in part], "x") for part in parts)).columns["x"]
    assert found.matching(InferredType.INTEGRAL) == 4
    assert found.matching(InferredType.FRACTIONAL) == 5
    assert found.matching(InferredType.STRING) == 6


def test_rows_of_a_part_without_a_column_miss_its_value():
    merged = merge(summarise(table(a=[1, 2])), summarise(table(b=["x"])))
    assert {name: (part.present, part.missing) for name, part in merged.columns.items()} == {"a": (2, 1), "b": (1, 2)}


def test_records_times_and_unreadable_lines_are_added_up():
    early = FeatureTable({}, rows=2, records=1, unreadable={UnreadableReason.NUL: 2}, earliest=5, latest=7)
    late = FeatureTable({}, rows=1, records=1, unreadable={UnreadableReason.NUL: 1}, earliest=6, latest=9)
    merged = merge(summarise(early), summarise(late))
    assert (merged.rows, merged.predictions, merged.records) == (3, 3, 2)
    assert (merged.earliest, merged.latest, merged.unreadable) == (5, 9, {"nul": 3})


def test_a_column_of_many_texts_takes_no_more_memory_than_one_of_some():
    parts = [table(x=[f"id-{part}-{row}" for row in range(20_000)]) for part in range(5)]
    found = summary_of(*parts, table(x=["often"] * 5_000)).columns["x"].categories
    assert len(pickle.dumps(found)) < 50_000
    assert found.distinct == pytest.approx(100_001, rel=0.05)
    assert found.counts["often"] >= 5_000 - 105_000 / MAX_TEXTS
    assert sum(found.counts.values()) + found.others == 105_000


def test_as_many_texts_as_are_kept_are_counted_exactly():
    texts = [f"{number % MAX_TEXTS}" + "x" for number in range(3 * MAX_TEXTS)]
    random.Random(1).shuffle(texts)
    found = summary_of(table(x=texts[:500]), table(x=texts[500:])).columns["x"].categories
    assert (set(found.counts.values()), found.others, found.distinct, found.sketch) == ({3}, 0, MAX_TEXTS, b"")


def test_a_long_text_is_counted_as_its_beginning():
    found = column(["y" * 10_000 + end for end in "ab"]).categories
    (text,) = found.counts
    assert (len(text), text[-1], found.counts[text], found.distinct) == (MAX_TEXT_CHARACTERS, "…", 2, 1)


def test_a_summary_can_be_sent_to_another_process():
    summary = summarise(table(x=np.arange(5000.0), t=["\U0001f600"] * 5000))
    assert pickle.loads(pickle.dumps(summary)) == summary
