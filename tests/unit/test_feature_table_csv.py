"""CSV files as feature tables."""

import csv
import gzip
import io
from contextlib import suppress

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from monitor_jobs.contract.dataset_format import CsvFormat
from monitor_jobs.contract.errors import BadInput
from monitor_jobs.feature_table import csv_files, replaced_text
from monitor_jobs.feature_table.names import MAX_COLUMNS
from monitor_jobs.feature_table.replaced_text import ReplacedText
from tests.unit.feature_table_files import Reading, meanings, reading

HEADER = CsvFormat(header=True)
BARE = CsvFormat(header=False)


def read(tmp_path, content: bytes, dataset_format: CsvFormat = HEADER, *, name: str = "data.csv") -> Reading:
    path = tmp_path / name
    path.write_bytes(content)
    return reading(path, dataset_format)


def test_a_header_names_the_columns_in_its_order(tmp_path):
    assert read(tmp_path, b"b,a\n1,x\n2,y\n").columns == {"b": [1, 2], "a": ["x", "y"]}


def test_columns_without_a_header_are_named_by_position(tmp_path):
    whole = read(tmp_path, b"1,x\n2,y\n", BARE)
    assert whole.columns == {"_c0": [1, 2], "_c1": ["x", "y"]}
    assert (whole.rows, whole.records) == (2, 2)


def test_an_output_at_the_end_comes_first(tmp_path):
    end = CsvFormat(header=True, output_columns_position="END")
    whole = read(tmp_path, b"a,b,y\n1,2,3.5\n4,5,6\n", end)
    assert list(whole.columns) == ["y", "a", "b"]
    assert whole.integral == {"y": 1}


@pytest.mark.parametrize(
    ("header", "names"),
    [
        (b"a,a,a", ["a", "a1", "a2"]),
        (b"a,,b", ["a", "_c1", "b"]),
        (b"a,a,a1", ["a", "a1", "a12"]),
        (b' a ,"b,c","d\ne"', ["a", "b,c", "d\ne"]),
        (b"\xe9,b,c", ["\ufffd", "b", "c"]),
        ("ä,b,漢".encode(), ["ä", "b", "漢"]),
    ],
)
def test_every_column_has_a_name_of_its_own(tmp_path, header, names):
    assert list(read(tmp_path, header + b"\n1,2,3\n").columns) == names


@pytest.mark.parametrize(
    "content", [b"a,b\n1,2", b"a,b\r\n1,2\r\n", b"a,b\r1,2\r", b"\xef\xbb\xbfa,b\n1,2\n", b"\n\na,b\n\n1,2\n\n"]
)
def test_line_ends_byte_order_marks_and_blank_lines_do_not_count(tmp_path, content):
    assert read(tmp_path, content).columns == {"a": [1], "b": [2]}


def test_a_byte_order_mark_without_a_header_does_not_count_either(tmp_path):
    assert read(tmp_path, b"\xef\xbb\xbf1,2\n", BARE).columns == {"_c0": [1], "_c1": [2]}


def test_quoted_values_may_hold_commas_quotes_and_line_ends(tmp_path):
    assert read(tmp_path, b'a,b\n"x,1","say ""no""\nor yes"\n"5",x"y\n').columns == {
        "a": ["x,1", "5"],
        "b": ['say "no"\nor yes', 'x"y'],
    }


def test_a_quoted_number_is_a_number_and_a_quoted_nothing_is_missing(tmp_path):
    assert read(tmp_path, b'a,b\n"5",""\n').columns == {"a": [5], "b": [None]}


def test_ragged_rows_are_counted_and_passed_over(tmp_path):
    whole = read(tmp_path, b"a,b\n1\n2,3,4\n5,6\n7\n")
    assert whole.columns == {"a": [5], "b": [6]}
    assert (whole.rows, whole.unreadable) == (1, {"malformed": 3})


def test_a_file_of_ragged_rows_only_has_its_columns_and_counts(tmp_path):
    whole = read(tmp_path, b"a,b\n1\n2\n")
    assert (whole.columns, whole.rows, whole.unreadable) == ({"a": [], "b": []}, 0, {"malformed": 2})


def test_bytes_that_are_no_utf8_are_replaced_and_the_row_counts(tmp_path):
    assert read(tmp_path, b"a,b\ncaf\xe9,1\nok,2\n").columns == {"a": ["caf\ufffd", "ok"], "b": [1, 2]}


@pytest.mark.parametrize("row", [b"\xe9", b"\xe9,\xe9,\xe9", b"1,2,\xc3"])
def test_such_a_row_of_another_length_is_passed_over_and_the_others_count(tmp_path, row):
    whole = read(tmp_path, b"a,b\n1,2\n" + row + b"\n4,5\n")
    assert (whole.columns, whole.unreadable) == ({"a": [1, 4], "b": [2, 5]}, {"malformed": 1})


@given(st.binary(max_size=60), st.integers(1, 9))
def test_replacing_bytes_in_pieces_is_replacing_them_at_once(content, size):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(replaced_text, "CHUNK_BYTES", size)
        assert ReplacedText(io.BytesIO(content)).readall() == content.decode(errors="replace").encode()


@pytest.mark.parametrize("content", [b"a,b", b"a,b\n", b"a,b\n\n\n"])
def test_a_header_alone_has_columns_without_rows(tmp_path, content):
    whole = read(tmp_path, content)
    assert (whole.columns, whole.rows) == ({"a": [], "b": []}, 0)


@pytest.mark.parametrize("content", [b"", b"\n\n", b"\xef\xbb\xbf"])
def test_an_empty_file_has_nothing(tmp_path, content):
    assert read(tmp_path, content).tables == []


def test_a_packed_file_is_unpacked_by_its_name(tmp_path):
    assert read(tmp_path, gzip.compress(b"a,b\n1,2\n"), name="data.csv.gz").columns == {"a": [1], "b": [2]}


@pytest.mark.parametrize("content", ["a,b\n1,2\n".encode("utf-16"), "a,b\n1,2\n".encode("utf-32")])
def test_text_that_is_not_utf8_at_all_is_refused_by_name(tmp_path, content):
    with pytest.raises(BadInput, match=r"data\.csv is UTF-16 or UTF-32: write it as UTF-8"):
        read(tmp_path, content)


@pytest.mark.parametrize("content", [b"not packed", gzip.compress(b"a,b\n" + b"1,2\n" * 999)[:40]])
def test_a_packed_file_that_is_damaged_is_refused_by_name(tmp_path, content):
    with pytest.raises(BadInput, match=r"data\.csv\.gz cannot be unpacked"):
        read(tmp_path, content, name="data.csv.gz")


def test_an_open_quote_that_swallows_a_block_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(csv_files, "BLOCK_BYTES", 4096)
    with pytest.raises(BadInput, match="is a quote left open"):
        read(tmp_path, b'a,b\n1,"2\n' + b"3,4\n" * 5000)


def test_a_first_row_beyond_reason_is_refused(tmp_path):
    with pytest.raises(BadInput, match="does not begin with a row of CSV"):
        read(tmp_path, b"x" * 3_000_000)


def test_more_columns_than_can_be_judged_are_refused_with_their_number(tmp_path):
    with pytest.raises(BadInput, match=r"data\.csv has 4097 columns: at most 4096 are judged"):
        read(tmp_path, b"," * MAX_COLUMNS + b"\n", BARE)


@pytest.mark.parametrize(("head", "dataset_format"), [(b"", BARE), (b"picture,label\n", HEADER)])
def test_a_picture_in_base64_is_a_value_like_any_other(tmp_path, head, dataset_format):
    whole = read(tmp_path, head + b"A" * 500_000 + b",1\n", dataset_format)
    assert list(whole.columns.values()) == [["A" * 500_000], [1]]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150, deadline=None)
@given(st.one_of(st.binary(max_size=40), st.text(alphabet='a1,"\r\n\ufeff\0é ', max_size=40).map(str.encode)))
def test_a_file_is_rows_or_is_refused_whatever_was_written(tmp_path, content):
    with suppress(BadInput):  # and nothing else
        whole = read(tmp_path, content)
        assert {len(column) for column in whole.columns.values()} <= {whole.rows}


values = st.one_of(
    st.integers().map(str),
    st.floats().map(str),
    st.text(alphabet=st.characters(codec="utf-8", exclude_characters="\r\0\ufeff"), max_size=12),
    st.sampled_from(["007", "1e5", " 1", "NaN", "", "null", "true", "9" * 40, 'say "no"', "a\nb", "a,b", "ä"]),
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(st.lists(st.tuples(values, values), min_size=1, max_size=60), st.sampled_from(["\n", "\r\n"]))
def test_rows_mean_the_same_whatever_the_blocks_are_that_they_are_read_in(tmp_path, rows, line_end):
    content = io.StringIO(newline="")
    csv.writer(content, quoting=csv.QUOTE_ALL, lineterminator=line_end).writerows([("a", "b"), *rows])
    encoded = content.getvalue().encode()
    at_once = read(tmp_path, encoded)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(csv_files, "BLOCK_BYTES", 256)
        in_parts = read(tmp_path, encoded)
    assert in_parts.rows == at_once.rows == len(rows)
    assert meanings(in_parts.tables) == meanings(at_once.tables)
