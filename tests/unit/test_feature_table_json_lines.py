"""JSON lines files as feature tables."""

import gzip
import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from monitor_jobs.contract.dataset_format import JsonLinesFormat
from monitor_jobs.feature_table import json_lines, names
from monitor_jobs.feature_table.names import MAX_COLUMNS
from tests.unit.feature_table_files import Reading, meanings, reading


def read(tmp_path, content: bytes | str, *, name: str = "data.jsonl") -> Reading:
    path = tmp_path / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return reading(path, JsonLinesFormat())


def test_objects_are_rows_by_their_names(tmp_path):
    whole = read(tmp_path, '{"a": 1, "b": "x"}\n{"b": "y", "a": 2}\n')
    assert whole.columns == {"a": [1, 2], "b": ["x", "y"]}
    assert (whole.rows, whole.records) == (2, 2)


def test_an_object_without_a_name_misses_its_value(tmp_path):
    assert read(tmp_path, '{"a": 1}\n{"b": true}\n{}').columns == {"a": [1, None, None], "b": [None, "true", None]}


def test_objects_within_objects_and_lists_get_dotted_names(tmp_path):
    whole = read(tmp_path, '{"a": {"b": {"c": 1}, "d": null}, "e": [1.5, {"f": "x"}], "g": {}}\n')
    assert whole.columns == {"a.b.c": [1], "a.d": [None], "e.0": [1.5], "e.1.f": ["x"]}


def test_arrays_are_rows_by_position_and_a_short_one_misses_values(tmp_path):
    assert read(tmp_path, '[1, "x"]\n[2]\n').columns == {"_c0": [1, 2], "_c1": ["x", None]}


def test_null_and_python_s_nan_are_missing(tmp_path):
    assert read(tmp_path, '{"a": null, "b": NaN}\n{"a": 1, "b": -Infinity}\n').columns == {
        "a": [None, 1],
        "b": [None, float("-inf")],
    }


def test_integers_of_any_size_are_exact(tmp_path):
    whole = read(tmp_path, f'{{"a": {2**63 - 1}, "b": {2**63}}}\n')
    assert whole.columns == {"a": [2**63 - 1], "b": [str(2**63)]}


def test_whole_numbers_and_fractions_share_a_column_and_are_told_apart(tmp_path):
    whole = read(tmp_path, '{"a": 1}\n{"a": 1.0}\n{"a": 2.5}\n{"a": 3}\n')
    assert whole.columns == {"a": [1.0, 1.0, 2.5, 3.0]}
    assert whole.integral == {"a": 2}


def test_a_column_of_numbers_and_texts_is_texts(tmp_path):
    assert read(tmp_path, '{"a": 1}\n{"a": "x"}\n{"a": 1.5}\n{"a": false}\n').columns == {
        "a": ["1", "x", "1.5", "false"]
    }


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"{", "truncated"),
        (b'{"a": 1,}', "malformed"),
        (b"a,b", "malformed"),
        (b'{"a": "\xe9"}', "not_utf8"),
        (b'{"a": "\0"}', "nul"),
        (b"5", "wrong_schema"),
        (b'"text"', "wrong_schema"),
        (b"null", "wrong_schema"),
        (b"[[1]]", "wrong_schema"),
        (b"[" * 5000 + b"]" * 5000, "malformed"),
        (b'{"a": ' * 900 + b"1" + b"}" * 900, "readable"),
        (json.dumps({f"n{number}": 1 for number in range(MAX_COLUMNS + 1)}).encode(), "wrong_schema"),
        (json.dumps({"a": [1] * (MAX_COLUMNS + 1)}).encode(), "wrong_schema"),
    ],
)
def test_a_line_that_is_no_row_is_counted_by_its_reason_and_the_next_one_is_read(tmp_path, line, reason):
    whole = read(tmp_path, line + b'\n{"z": 7}\n')
    expected = ({}, 2) if reason == "readable" else ({reason: 1}, 1)
    assert (whole.unreadable, whole.rows) == expected
    assert whole.columns["z"][-1] == 7


def test_a_line_too_long_to_hold_is_counted(tmp_path, monkeypatch):
    monkeypatch.setattr("monitor_jobs.capture_io.blocks.MAX_LINE_BYTES", 1 << 17)
    whole = read(tmp_path, '{"a": "' + "x" * (1 << 18) + '"}\n{"a": 1}\n')
    assert (whole.columns, whole.unreadable) == ({"a": [1]}, {"too_long": 1})


def test_rows_named_by_data_do_not_take_columns_without_end(tmp_path):
    whole = read(tmp_path, "".join(f'{{"user {number}": 1}}\n' for number in range(MAX_COLUMNS + 10)))
    assert (len(whole.columns), whole.unreadable) == (MAX_COLUMNS, {"wrong_schema": 10})


def test_rows_of_their_own_names_are_cut_into_tables_that_stay_small(tmp_path, monkeypatch):
    monkeypatch.setattr(names, "MAX_CELLS", 100)
    whole = read(tmp_path, "".join(f'{{"a{number % 20}": {number}}}\n' for number in range(50)) + "{\n")
    assert [table.rows for table in whole.tables] == [5] * 10
    assert max(table.rows * len(table.columns) for table in whole.tables) <= 100
    assert (whole.rows, whole.records, whole.unreadable) == (50, 50, {"truncated": 1})
    assert whole.columns["a3"] == [number if number % 20 == 3 else None for number in range(50)]


@pytest.mark.parametrize("content", [b"", b"\n \n\r\n", b"\xef\xbb\xbf"])
def test_a_file_without_lines_has_no_rows(tmp_path, content):
    assert read(tmp_path, content).rows == 0


def test_line_ends_byte_order_marks_and_blank_lines_do_not_count(tmp_path):
    assert read(tmp_path, b'\xef\xbb\xbf{"a": 1}\r\n\r\n\n{"a": 2}').columns == {"a": [1, 2]}


def test_a_packed_file_is_unpacked_by_its_name(tmp_path):
    assert read(tmp_path, gzip.compress(b'{"a": 1}\n'), name="data.json.gz").columns == {"a": [1]}


kinds = {
    "int": st.integers(-(2**63), 2**63 - 1).map(str) | st.sampled_from(["-0", "1e2", str(2**63)]),
    "float": st.floats(allow_nan=False, allow_infinity=False).map(str) | st.sampled_from(["5.0", "5", "1e400", "1E-5"]),
    "str": st.text(max_size=4).map(lambda text: json.dumps(text, ensure_ascii=False))
    | st.sampled_from(
        ['"007"', '"5"', '""', '"nan"', '"\\u00e9"', '"\\ud800"', '"a\\nb"', '"2026-11-20"', "true", "5"]
    ),
}


UNUSUAL = [
    '{"a":1}', '{"b":1,"a":2}', "{}", '{"a":1,"a":2,"b":3}', '{"a":1}{"b":2}', "", " {}", "{", '{"a":{},"b":[]}', "x",
]  # fmt: skip


@st.composite
def similar_lines(draw: st.DrawFn) -> list[str]:
    """Lines of objects that mostly have the same names and kinds, and now and then something else."""
    kind = draw(st.tuples(*[st.sampled_from(sorted(kinds))] * 2))
    value = st.tuples(*(kinds[each] | st.just("null") for each in kind))
    usual = value.map(lambda pair: f'{{"a":{pair[0]},"b":{pair[1]}}}')
    return draw(st.lists(st.one_of(*[usual] * 6, st.sampled_from(UNUSUAL)), min_size=1, max_size=8))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=80, deadline=None)
@given(similar_lines(), similar_lines() | st.none())
def test_usual_lines_read_together_mean_what_they_mean_one_by_one(tmp_path, first, more):
    content = "\n".join([*first, *(more or first), *first]) + "\n"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_lines, "CHUNK_BYTES", 1)
        patch.setattr("monitor_jobs.capture_io.blocks.BLOCK_BYTES", 60)
        learned = read(tmp_path, content)
        patch.setattr(json_lines.UsualLines, "columns", lambda *_: None)
        one_by_one = read(tmp_path, content)
    assert (learned.rows, learned.unreadable) == (one_by_one.rows, one_by_one.unreadable)
    assert learned.columns == one_by_one.columns
    assert meanings(learned.tables) == meanings(one_by_one.tables)


def test_usual_lines_are_read_together(tmp_path, monkeypatch):
    monkeypatch.setattr(json_lines, "CHUNK_BYTES", 1)
    monkeypatch.setattr("monitor_jobs.capture_io.blocks.BLOCK_BYTES", 64)
    calls = []
    monkeypatch.setattr(json_lines, "json_value", calls.append)
    monkeypatch.setattr(json_lines, "_decoder", CountedDecoder(calls))
    whole = read(tmp_path, '{"a":1,"b":0.5,"c":"x"}\n' * 100)
    assert (whole.rows, len(calls)) == (100, 1)


class CountedDecoder:
    """A decoder of lines that keeps what it was given."""

    def __init__(self, calls: list[bytes]) -> None:
        self._calls = calls

    def decode_lines(self, text: bytes) -> object:
        self._calls.append(text)
        return [json.loads(line) for line in text.splitlines()]


lines = st.one_of(
    st.binary(max_size=12),
    st.text(alphabet='{}[]:,"\\ud8a1.e- NaIfinty\0', max_size=12).map(lambda text: text.encode(errors="replace")),
    st.recursive(
        st.one_of(st.none(), st.integers(), st.floats(), st.text(max_size=3), st.just(10**400)),
        lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=2), inner, max_size=3)),
        max_leaves=6,
    ).map(lambda value: json.dumps(value).encode()),
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=100, deadline=None)
@given(st.lists(lines, max_size=4))
def test_every_line_is_a_row_or_a_reason_whatever_was_written(tmp_path, lines):
    written = [line.replace(b"\n", b"") for line in lines]
    whole = read(tmp_path, b"x\n" + b"\n".join(written))
    assert whole.rows + whole.unreadable.total() == 1 + sum(1 for line in written if line.strip(b" \t\r"))


cells = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8), st.sampled_from(["007", "1e5", " 1", ""])
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(st.lists(st.dictionaries(st.sampled_from("abc"), cells), max_size=60))
def test_rows_mean_the_same_whatever_the_chunks_are_that_they_are_read_in(tmp_path, rows):
    content = "".join(json.dumps(row) + "\n" for row in rows)
    at_once = read(tmp_path, content)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_lines, "CHUNK_BYTES", 1)
        patch.setattr("monitor_jobs.capture_io.blocks.BLOCK_BYTES", 100)
        in_parts = read(tmp_path, content)
    assert in_parts.rows == at_once.rows == len(rows)
    told, expected = meanings(in_parts.tables), meanings(at_once.tables)
    for meaning in (*told.values(), *expected.values()):
        meaning.missing = 0  # a part that lacks a column says nothing of it
    assert told == expected
