"""Tables that are gathered say the same as those that they were gathered of."""

from functools import reduce

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor_jobs.contract.capture import UnreadableReason
from monitor_jobs.data_quality import gathering
from monitor_jobs.data_quality.gathering import gathered
from monitor_jobs.data_quality.summarising import empty, merge, summarise
from monitor_jobs.feature_table import FeatureTable
from tests.unit.feature_tables import table, table_of_texts

CELLS = st.sampled_from(["1", "2.5", "3.0", "x", None])


@given(st.lists(st.lists(st.tuples(CELLS, CELLS), max_size=5), max_size=8))
def test_a_dataset_has_the_same_summary_gathered_or_not(parts):
    tables = [table_of_texts(rows, "a", "b") for rows in parts]
    apart, together = (reduce(merge, map(summarise, some), empty()) for some in (tables, gathered(tables)))
    counted = [(part.missing, part.integral, part.fractional, part.text) for part in apart.columns.values()]
    assert [(part.missing, part.integral, part.fractional, part.text) for part in together.columns.values()] == counted
    assert (together.rows, together.records) == (apart.rows, apart.records)


def test_neighbours_of_one_kind_are_one_table():
    tables = list(gathered([table(a=[1, 2]), table(a=[3]), table(a=[0.5]), table(a=[4])]))
    assert [part.columns["a"].to_pylist() for part in tables] == [[1, 2, 3], [0.5], [4]]


@pytest.mark.parametrize("other", [table(b=[1]), table(a=["x"]), table(a=[1], b=[1])])
def test_other_columns_and_other_types_stay_apart(other):
    assert [part.rows for part in gathered([table(a=[1, 2]), other])] == [2, 1]


def test_no_more_is_held_than_is_allowed(monkeypatch):
    monkeypatch.setattr(gathering, "GATHERED_BYTES", 100)
    tables = list(gathered(table(a=[1.0] * 10) for _ in range(6)))
    assert [part.rows for part in tables] == [20, 20, 20]


def test_what_is_known_of_lines_and_times_is_gathered_too():
    first = FeatureTable({"a": pa.array([0.5])}, rows=1, records=1, unreadable={UnreadableReason.NUL: 2}, latest=7)
    second = FeatureTable({"a": pa.array([2.0])}, rows=1, integral={"a": 1}, records=1, earliest=5, latest=6)
    (joined,) = gathered([first, second])
    assert (joined.unreadable, joined.integral) == ({UnreadableReason.NUL: 2}, {"a": 1})
    assert (joined.rows, joined.records, joined.earliest, joined.latest) == (2, 2, 5, 7)


def test_nothing_is_gathered_of_nothing():
    assert list(gathered([])) == []
