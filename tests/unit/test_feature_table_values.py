"""What a value's text says, alone and among others."""

import math
from itertools import pairwise

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor_jobs.feature_table.values import (
    Column,
    column_of_cells,
    column_of_texts,
    columns_of_rows,
    number_of_cell,
    numbers_in,
)
from tests.unit.feature_table_files import Meaning

INT64_MAX = 2**63 - 1
ODDITIES = [
    "", " ", "\t", "0", "-0", "007", "+5", "5", "-5", " 5", "5 ", "1e5", "1E-5", "1.", ".5", "-.5", ".", "1.5", "nan",
    "NaN", "-nan", "NAN", "nan(1)", "inf", "-Infinity", "+inf", "infin", "1e400", "-1e400", "1e-400", "0x1F", "-0x1",
    "1_0", "1,5", "1d", "1.5f", "true", "False", "null", "None", "NA", "٣", "é", "12:30", "2026-11-20", "--5", "e5",
    str(INT64_MAX), str(INT64_MAX + 1), str(-INT64_MAX - 1), "9" * 40, "9" * 308, "9" * 309, "0" * 400,
    "1" * 400 + ".5",
]  # fmt: skip
texts = st.one_of(
    st.sampled_from(ODDITIES),
    st.integers().map(str),
    st.floats().map(str),
    st.text(alphabet="0123456789+-.eExnaif ", max_size=6),
    st.none(),
)


def typed(*values: str | None) -> Column:
    return column_of_texts(pa.array(values, pa.string()))


def meaning(values: list[str | None], *, ends: list[int]) -> Meaning:
    """What a column of texts says when it is read in parts that end there."""
    whole = Meaning()
    bounds = [0, *sorted(end % (len(values) + 1) for end in ends), len(values)]
    for start, end in pairwise(bounds):
        column = typed(*values[start:end])
        whole.add(column.values, column.integral)
    return whole


@given(st.lists(texts, max_size=40), st.lists(st.integers(0, 40), max_size=4))
def test_a_value_means_the_same_wherever_parts_of_its_column_end(values, ends):
    assert meaning(values, ends=ends) == meaning(values, ends=[])


@given(st.lists(texts, max_size=40))
def test_a_value_means_what_it_means_alone(values):
    assert meaning(values, ends=list(range(len(values)))) == meaning(values, ends=[])


@given(st.lists(texts, max_size=20), st.integers(0, 20), st.integers(0, 20))
def test_a_slice_of_texts_is_read_as_those_texts(values, start, length):
    array = pa.array(values, pa.string())
    column = column_of_texts(array.slice(min(start, len(values)), length))
    assert column.values.equals(typed(*values[start : start + length]).values)


@pytest.mark.parametrize(
    ("values", "kind", "integral"),
    [
        (["1", "-2", "0"], pa.int64(), 0),
        ([str(INT64_MAX), str(-INT64_MAX - 1)], pa.int64(), 0),
        (["1", "2.5"], pa.float64(), 1),
        (["1e5", "inf"], pa.float64(), 0),
        (["007", "2.5"], pa.float64(), 1),
        (["9" * 40, "0.5"], pa.float64(), 1),
        (["007"], pa.string(), 0),
        (["+5"], pa.string(), 0),
        (["-0"], pa.string(), 0),
        (["0x1F"], pa.string(), 0),
        ([str(INT64_MAX + 1)], pa.string(), 0),
        (["1", "x"], pa.string(), 0),
        (["true"], pa.string(), 0),
        ([], pa.string(), 0),
    ],
)
def test_a_column_has_the_narrowest_type_that_keeps_its_values(values, kind, integral):
    column = typed(*values)
    assert (column.values.type, column.integral) == (kind, integral)


def test_texts_of_a_column_that_is_no_number_stay_as_they_were_written():
    assert typed("007", "1e5", "x y", "1.50").values.to_pylist() == ["007", "1e5", "x y", "1.50"]


def test_what_is_empty_blank_or_not_a_number_is_missing():
    assert typed("", "  ", None, "NaN", "-nan", "1").values.to_pylist() == [None] * 5 + [1]


@pytest.mark.parametrize("text", ["null", "NULL", "None", "NA", "n/a", "-", "nan(1)", "nano"])
def test_words_for_nothing_are_texts(text):
    assert typed(text).values.to_pylist() == [text]


def test_blanks_around_a_value_do_not_count():
    assert typed(" 1", "2\t", "\n3\r").values.to_pylist() == [1, 2, 3]
    assert typed(" a b ").values.to_pylist() == ["a b"]


def test_a_column_that_is_all_missing_has_no_type_of_its_own():
    assert typed("", None).values.equals(pa.nulls(2, pa.string()))
    assert column_of_cells([math.nan, None]).values.equals(pa.nulls(2, pa.string()))


def test_numbers_are_found_among_texts():
    found = numbers_in(pa.array(["007", "1e400", "a", None, "1.5", "9" * 309]))
    assert found.integral.tolist() == [True, False, False, False, False, False]
    assert found.fractional.tolist() == [False, True, False, False, True, False]
    assert found.numbers[[0, 1, 4]].tolist() == [7, math.inf, 1.5]


numbers = st.one_of(st.integers(), st.floats(), st.none(), st.sampled_from([2**63 - 1, 2**63, -(2**63), 10**308]))
cells = st.one_of(texts, st.booleans(), numbers)


@given(st.one_of(st.lists(cells, max_size=20), st.lists(numbers, max_size=6)))
def test_a_value_of_json_means_what_its_text_means(values):
    column = column_of_cells(values)
    seen, expected = Meaning(), Meaning()
    seen.add(column.values, column.integral)
    as_texts = [str(value).lower() if isinstance(value, bool) else value for value in values]
    written = typed(*(None if value is None else str(value) for value in as_texts))
    expected.add(written.values, written.integral)
    assert seen == expected


def test_half_a_character_is_replaced():
    assert column_of_cells(["\ud800", "a"]).values.to_pylist() == ["\ufffd\ufffd\ufffd", "a"]


def test_rows_of_different_names_miss_each_others_values():
    columns, integral = columns_of_rows([{"a": 1, "b": 2}, {"b": 0.5, "c": "x"}])
    assert {name: column.to_pylist() for name, column in columns.items()} == {
        "a": [1, None],
        "b": [2.0, 0.5],
        "c": [None, "x"],
    }
    assert integral == {"b": 1}


def test_no_rows_have_no_columns():
    assert columns_of_rows([]) == ({}, {})


@given(st.one_of(cells))
def test_a_single_cell_is_the_number_that_a_column_of_it_holds(cell):
    if isinstance(cell, bool) or not isinstance(cell, str):
        assert number_of_cell(cell) is cell
        return
    alone, number = meaning([cell], ends=[]), number_of_cell(cell)
    if isinstance(number, int):
        assert (alone.integral, list(alone.numbers)) == (1, [float(number)])
    elif isinstance(number, float):
        assert alone.missing if math.isnan(number) else list(alone.numbers) == [number]
    else:
        assert alone.integral == alone.fractional == 0
