"""Captured requests and answers as rows of features."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from monitor_jobs.contract.capture import WITHHELD_CONTENT_TYPE
from monitor_jobs.contract.errors import BadInput
from monitor_jobs.feature_table import RowRules
from monitor_jobs.feature_table.captures import reading as capture_reading
from monitor_jobs.feature_table.captures.usual import Usual
from monitor_jobs.feature_table.names import MAX_COLUMNS
from tests.unit.capture_io_files import CARD, written
from tests.unit.captured_rows import Half, bytes_half, csv_half, exchange, json_half
from tests.unit.feature_table_files import Reading, meanings, reading


def read(tmp_path, *lines: bytes, **rules) -> Reading:
    return reading(written(tmp_path, *lines), rules=RowRules(**rules), card=CARD)


def rows(tmp_path, asked: Half | None, answered: Half | None, **rules) -> dict[str, list[object]]:
    """The columns of one record that can be read."""
    whole = read(tmp_path, exchange(asked, answered), **rules)
    assert (whole.records, whole.unreadable) == (1, {})
    return whole.columns


def reason(tmp_path, asked: Half | None, answered: Half | None, **rules) -> str:
    """Why one record cannot be read."""
    whole = read(tmp_path, exchange(asked, answered), **rules)
    assert (whole.records, whole.rows) == (0, 0)
    ((found, count),) = whole.unreadable.items()
    assert count == 1
    return found


def test_outputs_come_first_and_are_named_by_position(tmp_path):
    columns = rows(tmp_path, csv_half("132,10,x\n"), csv_half("0.0363"))
    assert columns == {"_c0": [0.0363], "_c1": [132], "_c2": [10], "_c3": ["x"]}
    assert list(columns) == ["_c0", "_c1", "_c2", "_c3"]


def test_a_baseline_of_as_many_columns_names_them(tmp_path):
    columns = rows(tmp_path, csv_half("132,10"), csv_half("0.5"), names=("churn", "minutes", "calls"))
    assert columns == {"churn": [0.5], "minutes": [132], "calls": [10]}


def test_a_baseline_of_other_columns_does_not(tmp_path):
    assert list(rows(tmp_path, csv_half("132,10"), csv_half("0.5"), names=("a", "b"))) == ["_c0", "_c1", "_c2"]


def test_names_that_were_captured_stay_and_the_others_go_by_their_place(tmp_path):
    columns = rows(tmp_path, json_half({"age": 5, "zip": "007"}), csv_half("1"), names=("y", "b", "c"))
    assert columns == {"y": [1], "age": [5], "zip": ["007"]}


def test_an_input_that_is_called_as_an_output_is_told_apart(tmp_path):
    columns = rows(tmp_path, json_half({"label": "a", "input.label": "b"}), json_half({"label": 1}))
    assert columns == {"label": [1], "input.label": ["a"], "input.label2": ["b"]}


@pytest.mark.parametrize(
    ("asked", "answered"),
    [
        (csv_half("1,2\n3,4\n"), csv_half("0.5\n0.7\n")),
        (csv_half("1,2\n3,4"), csv_half("0.5,0.7")),
        (csv_half("1,2\r\n\r\n3,4\r\n"), json_half([0.5, 0.7])),
        (json_half([[1, 2], [3, 4]]), json_half([[0.5], [0.7]])),
        (json_half({"instances": [[1, 2], [3, 4]]}), json_half({"predictions": [0.5, 0.7]})),
        (json_half({"inputs": [[1, 2], [3, 4]]}), csv_half("0.5\n0.7")),
        (bytes_half(b"1,2\n3,4\n", "text/csv"), bytes_half(b"[0.5, 0.7]", "application/json; charset=utf-8")),
        (csv_half('"1","2"\n3,4'), json_half([[0.5], [0.7]])),
    ],
)
def test_a_batch_is_a_row_for_each_of_its_rows_in_whatever_encodings(tmp_path, asked, answered):
    whole = read(tmp_path, exchange(asked, answered))
    assert whole.columns == {"_c0": [0.5, 0.7], "_c1": [1, 3], "_c2": [2, 4]}
    assert (whole.records, [source.line for source in whole.tables[0].sources]) == (1, [1, 1])


def test_one_answer_to_several_rows_is_each_row_s_answer(tmp_path):
    assert rows(tmp_path, csv_half("1\n2\n3"), json_half({"score": 0.5})) == {"score": [0.5] * 3, "_c1": [1, 2, 3]}


@pytest.mark.parametrize(
    ("asked", "answered"),
    [(csv_half("1\n2"), csv_half("1\n2\n3")), (csv_half("1"), json_half([[1], [2]]))],
)
def test_answers_that_no_row_asked_for_are_counted(tmp_path, asked, answered):
    assert reason(tmp_path, asked, answered) == "rows_differ"


@pytest.mark.parametrize(
    ("value", "columns"),
    [
        (14, {"_c0": [14]}),
        ("[[14]]", {"_c0": [14]}),
        ("null", {"_c0": [None]}),
        ('"stop"', {"_c0": ["stop"]}),
        (True, {"_c0": ["true"]}),
        ([0.5, 2], {"_c0": [0.5], "_c1": [2]}),
        ([{"a": 1}, {"b": 2}], {"a": [1, None], "b": [None, 2]}),
        ({"predictions": [{"score": 0.5, "predicted_label": 1}]}, {"score": [0.5], "predicted_label": [1]}),
        ({"inputs": "text"}, {"inputs": ["text"]}),
        ({"instances": {"a": {"b": [1, 2]}}}, {"a.b.0": [1], "a.b.1": [2]}),
        ("[NaN, Infinity]", {"_c0": [None], "_c1": [float("inf")]}),
        (2**63, {"_c0": [str(2**63)]}),
    ],
)
def test_json_is_an_object_a_value_a_row_or_rows_of_them(tmp_path, value, columns):
    assert rows(tmp_path, json_half(value), None) == columns


@pytest.mark.parametrize(
    ("half", "expected"),
    [
        (csv_half(""), "wrong_schema"),
        (csv_half("\n\n"), "wrong_schema"),
        (csv_half("1,2\n3"), "wrong_schema"),
        (csv_half('"open'), "wrong_encoding"),
        (json_half("{"), "wrong_encoding"),
        (json_half("[" * 100_000), "wrong_schema"),
        (json_half([]), "wrong_schema"),
        (json_half({}), "wrong_schema"),
        (json_half([[]]), "wrong_schema"),
        (json_half("9" * 5000), "wrong_schema"),
        (bytes_half(b"\xff", "text/csv"), "wrong_encoding"),
        ({"data": "no base64!", "encoding": "BASE64"}, "wrong_encoding"),
        ({"data": "é", "encoding": "BASE64"}, "wrong_encoding"),
        ({"data": "{}", "encoding": "JSON", "observedContentType": WITHHELD_CONTENT_TYPE}, "withheld"),
    ],
)
def test_a_body_without_values_is_counted_by_its_reason(tmp_path, half, expected):
    assert reason(tmp_path, half, csv_half("1")) == expected
    assert reason(tmp_path, csv_half("1"), half) == expected


@pytest.mark.parametrize(
    "body", [bytes_half(b"12345"), json_half([[[1, 2]], [[3, 4]]]), csv_half("1," * MAX_COLUMNS + "1")]
)
def test_a_body_that_is_no_table_is_measured_by_its_size_where_no_decoder_is_given(tmp_path, body):
    size = 5 if body["encoding"] == "BASE64" else len(body["data"])
    assert rows(tmp_path, body, None) == {"input_bytes": [size]}
    assert rows(tmp_path, None, body) == {"output_bytes": [size]}


def brightness(bodies: Iterable[tuple[bytes, str]]) -> Iterator[Sequence[Mapping[str, float]] | BadInput]:
    """A decoder of pictures of one kind, each of one item; an empty one has none."""
    for body, content_type in bodies:
        if content_type == "image/raw":
            yield [{"brightness": sum(body) / len(body), "pixels": len(body)}] if body else []
        else:
            yield BadInput(f"{content_type} is no picture")


def test_a_decoder_measures_what_is_no_table(tmp_path):
    columns = rows(tmp_path, bytes_half(b"\x00\x02", "image/raw; v=1"), None, decode=brightness)
    assert columns == {"input_brightness": [1.0], "input_pixels": [2]}
    assert rows(tmp_path, None, bytes_half(b"\x01", "image/raw"), decode=brightness)["output_pixels"] == [1]


def test_what_the_decoder_cannot_read_is_counted(tmp_path):
    assert reason(tmp_path, bytes_half(b"text", "text/html"), csv_half("1"), decode=brightness) == "wrong_encoding"


@pytest.mark.parametrize(
    ("answer", "columns"),
    [
        (json_half([[0.1, 0.9]]), {"predicted_class": ["go"], "confidence": [0.9]}),
        (csv_half("0.2,0.8,0"), {"predicted_class": ["go"], "confidence": [0.8]}),
        (json_half([[0.0, 0.0]]), {"predicted_class": ["stop"], "confidence": [0.5]}),
        (json_half([[14]]), {"predicted_class": [14]}),
        (json_half("2"), {"predicted_class": ["turn"]}),
        (csv_half("cat"), {"predicted_class": ["cat"]}),
        (json_half([[13.7]]), {"_c0": [13.7]}),
        (csv_half("0.25"), {"_c0": [0.25]}),
        (json_half({"label": "cat", "score": 0.5}), {"label": ["cat"], "score": [0.5]}),
        (json_half([["a", 1]]), {"_c0": ["a"], "_c1": [1]}),
    ],
)
def test_what_is_answered_to_a_picture_is_a_class_and_how_sure_it_is(tmp_path, answer, columns):
    assert rows(tmp_path, bytes_half(b"12345"), answer) == columns | {"input_bytes": [5]}


@pytest.mark.parametrize("scores", ["[NaN, 0.5]", "[1e999, 0.5]", f"[{10**400}, 0.5]"])
def test_scores_of_a_picture_that_are_no_numbers_are_counted(tmp_path, scores):
    assert reason(tmp_path, bytes_half(b"12345"), json_half(scores)) == "nan"


def test_requests_named_by_data_do_not_take_columns_without_end(tmp_path):
    lines = [exchange(json_half({f"user {number}": 1}), None) for number in range(MAX_COLUMNS + 10)]
    whole = read(tmp_path, *lines)
    assert (len(whole.columns), whole.unreadable) == (MAX_COLUMNS, {"wrong_schema": 10})


def test_requests_of_their_own_names_are_cut_into_tables_that_stay_small(tmp_path, monkeypatch):
    monkeypatch.setattr("monitor_jobs.feature_table.names.MAX_CELLS", 6)
    whole = read(tmp_path, *(exchange(json_half({f"a{n}": n}), None, event_id=str(n)) for n in range(6)), b"{\n")
    assert [table.rows for table in whole.tables] == [1] * 6
    assert (whole.records, whole.unreadable) == (6, {"truncated": 1})
    assert [source.event_id for table in whole.tables for source in table.sources] == ["0", "1", "2", "3", "4", "5"]


def test_sources_can_be_asked_for_in_part(tmp_path):
    (table,) = read(tmp_path, *(exchange(csv_half("1"), None, event_id=name) for name in "abc")).tables
    assert [source.event_id for source in table.sources[1:]] == ["b", "c"]
    assert (len(table.sources), table.sources[-1].line) == (3, 3)


anything = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=4), st.just(10**400)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(["a", "predictions"]), inner)),
    max_leaves=8,
)
any_half = st.one_of(
    st.none(),
    anything.map(json_half),
    st.text(max_size=8).map(csv_half),
    st.text(max_size=8).map(json_half),
    st.builds(
        bytes_half, st.binary(max_size=8), st.sampled_from(["image/raw", "text/csv", "application/json", "", ";"])
    ),
    st.text(max_size=8).map(lambda text: {"data": text, "encoding": "BASE64"}),
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=100, deadline=None)
@given(st.lists(st.tuples(any_half, any_half), min_size=1, max_size=4))
def test_every_record_is_rows_or_a_reason_whatever_was_sent(tmp_path, exchanges):
    whole = read(tmp_path, *(exchange(asked, answered) for asked, answered in exchanges), decode=brightness)
    assert whole.records + whole.unreadable.total() == len(exchanges)
    assert sum(len(table.sources) for table in whole.tables) == whole.rows >= whole.records


bodies = st.one_of(
    st.lists(st.sampled_from(["1", "2.5", "x", "", " 1", "007", "nan", "ä", "\u2028"]), min_size=1, max_size=3).map(
        ",".join
    ),
    st.sampled_from(["1,2\n", "1\n2\n", '"a,b",1', "1,2\r\n", "", "\n", "1\r2", ",", '"']),
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(st.lists(st.tuples(bodies, bodies), min_size=1, max_size=12))
def test_lines_of_csv_read_together_mean_what_they_mean_one_by_one(tmp_path, pairs):
    lines = [
        exchange(csv_half(asked), csv_half(answered), event_id=str(n)) for n, (asked, answered) in enumerate(pairs)
    ]
    together = read(tmp_path, *lines)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(capture_reading, "usual_records", lambda records: Usual((), (), records))
        one_by_one = read(tmp_path, *lines)
    assert (together.rows, together.unreadable) == (one_by_one.rows, one_by_one.unreadable)
    assert _said(together) == _said(one_by_one)


def _said(whole: Reading) -> Mapping[str, object]:
    found = meanings(whole.tables)
    for meaning in found.values():
        meaning.missing = 0  # a table that lacks a column says nothing of it
    return found


def test_values_stay_with_the_record_that_they_came_from(tmp_path):
    whole = read(
        tmp_path,
        exchange(csv_half("1"), csv_half("10"), event_id="a"),
        exchange(json_half([2]), csv_half("20"), event_id="b", inferenceId="mine"),
        exchange(csv_half("3"), csv_half("30"), event_id="c"),
    )
    by_id = {}
    for table in whole.tables:
        for source, value in zip(table.sources, table.columns["_c1"].to_pylist(), strict=True):
            by_id[source.event_id] = (source.object_key, source.line, source.inference_id, value)
    assert by_id == {"a": ("key", 1, None, 1), "b": ("key", 2, "mine", 2), "c": ("key", 3, None, 3)}


def test_a_body_as_long_as_sagemaker_allows_is_read(tmp_path):
    body = json.dumps({"text": "x" * 6_000_000})
    assert len(rows(tmp_path, json_half(body), csv_half("1"))["text"][0]) == 6_000_000
