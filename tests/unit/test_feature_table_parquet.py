"""Parquet files as feature tables."""

import struct
from datetime import date
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from monitor_jobs.contract.dataset_format import ParquetFormat
from monitor_jobs.contract.errors import BadInput
from monitor_jobs.feature_table import names, parquet_files
from tests.unit.feature_table_files import Reading, meanings, reading


def read(tmp_path, table: pa.Table) -> Reading:
    path = tmp_path / "data.parquet"
    pq.write_table(table, path)
    return reading(path, ParquetFormat())


def read_column(tmp_path, values: pa.Array) -> list[object]:
    return read(tmp_path, pa.table({"a": values})).columns["a"]


@pytest.mark.parametrize(
    ("values", "read_as"),
    [
        (pa.array([1, None], pa.int8()), [1, None]),
        (pa.array([2**32 - 1], pa.uint32()), [2**32 - 1]),
        (pa.array([2**64 - 1], pa.uint64()), [str(2**64 - 1)]),
        (pa.array([5], pa.uint64()), [5]),
        (pa.array([0.5, float("nan"), None], pa.float32()), [0.5, None, None]),
        (pa.array([1.0, float("inf")]), [1.0, float("inf")]),
        (pa.array([Decimal("1.50"), Decimal("2.00")]), [1.5, 2.0]),
        (pa.array([True, False, None]), ["true", "false", None]),
        (pa.array(["x", "", " y "]), ["x", None, "y"]),
        (pa.array(["5", "6"]), [5, 6]),
        (pa.array(["x", "y"], pa.large_string()), ["x", "y"]),
        (pa.array(["x", "y", "x"]).dictionary_encode(), ["x", "y", "x"]),
        (pa.array([b"x", b"\xe9"]), ["x", "\ufffd"]),
        (pa.array([date(2026, 11, 20)]), ["2026-11-20"]),
        (pa.array([1_795_176_000_000], pa.timestamp("ms")), ["2026-11-20 12:00:00.000"]),
        (pa.nulls(2), [None, None]),
    ],
)
def test_a_column_is_read_as_what_its_values_say(tmp_path, values, read_as):
    assert read_column(tmp_path, values) == read_as


def test_fractions_that_are_whole_are_still_fractions(tmp_path):
    whole = read(tmp_path, pa.table({"a": [1.0, 2.0], "b": [1, 2]}))
    assert (whole.tables[0].columns["a"].type, whole.integral) == (pa.float64(), {})


def test_structures_and_lists_get_dotted_names(tmp_path):
    table = pa.table({"s": [{"x": 1, "y": {"z": "t"}}, None], "l": [[1.5, 2.5], [3.5]], "n": [1, 2]})
    assert read(tmp_path, table).columns == {
        "s.x": [1, None],
        "s.y.z": ["t", None],
        "l.0": [1.5, 3.5],
        "l.1": [2.5, None],
        "n": [1, 2],
    }


def test_lists_as_long_as_pictures_are_refused(tmp_path):
    with pytest.raises(BadInput, match="lists of more than 4096 values"):
        read(tmp_path, pa.table({"picture": [[0] * 4097]}))


def test_more_columns_than_can_be_judged_are_refused_with_their_number(tmp_path):
    with pytest.raises(BadInput, match=r"data\.parquet has 4097 columns"):
        read(tmp_path, pa.table({str(number): [0] for number in range(names.MAX_COLUMNS + 1)}))


def test_columns_of_one_name_are_told_apart(tmp_path):
    table = pa.Table.from_arrays([pa.array([1]), pa.array([2])], names=["a", "a"])
    assert read(tmp_path, table).columns == {"a": [1], "a1": [2]}


@pytest.mark.parametrize("order", [["a.b", "a"], ["a", "a.b"]])
def test_a_column_named_as_a_value_inside_another_is_refused(tmp_path, order):
    table = pa.table({"a.b": pa.array([1]), "a": pa.array([{"b": 2}])})
    with pytest.raises(BadInput, match=r"two columns named a\.b, one of them inside another"):
        read(tmp_path, table.select(order))


def test_texts_that_are_no_utf8_are_read_as_in_every_other_format(tmp_path):
    ends = pa.py_buffer(struct.pack("<3i", 0, 2, 4))
    texts = pa.Array.from_buffers(pa.string(), 2, [None, ends, pa.py_buffer(b"ab\xff\xfe")])
    assert read(tmp_path, pa.table({"a": texts})).columns == {"a": ["ab", "\ufffd\ufffd"]}


def test_a_file_without_rows_has_its_columns(tmp_path):
    whole = read(tmp_path, pa.table({"a": pa.array([], pa.int64()), "b": pa.array([], pa.string())}))
    assert (whole.columns, whole.rows) == ({"a": [], "b": []}, 0)


def test_rows_mean_the_same_whatever_the_batches_are_that_they_are_read_in(tmp_path, monkeypatch):
    table = pa.table({"a": [str(number) if number % 7 else "x" for number in range(100)], "b": [0.5] * 100})
    at_once = read(tmp_path, table)
    monkeypatch.setattr(parquet_files, "BATCH_ROWS", 3)
    in_parts = read(tmp_path, table)
    assert len(in_parts.tables) == 34
    assert meanings(in_parts.tables) == meanings(at_once.tables)


def test_a_wide_file_is_read_in_tables_that_stay_small(tmp_path, monkeypatch):
    monkeypatch.setattr(names, "MAX_CELLS", 100)
    whole = read(tmp_path, pa.table({f"a{number}": list(range(7)) for number in range(50)}))
    assert [table.rows for table in whole.tables] == [2, 2, 2, 1]


@pytest.mark.parametrize("content", [b"", b"PAR1", b"a,b\n1,2\n", b"PAR1" + b"\0" * 100 + b"PAR1"])
def test_a_file_that_is_no_parquet_is_refused_by_name(tmp_path, content):
    path = tmp_path / "data.parquet"
    path.write_bytes(content)
    with pytest.raises(BadInput, match=r"data\.parquet is no Parquet file"):
        reading(path, ParquetFormat())


def test_a_truncated_file_is_refused_by_name(tmp_path):
    read(tmp_path, pa.table({"a": list(range(1000))}))
    path = tmp_path / "data.parquet"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(BadInput, match=r"data\.parquet is no Parquet file"):
        reading(path, ParquetFormat())
