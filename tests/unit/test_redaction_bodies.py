"""JSON, JSON lines and CSV with values taken out of them."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.core.json_paths import parse_path
from service.core.redaction import Action
from service.endpoint.redaction.csv_bodies import redact_csv
from service.endpoint.redaction.json_bodies import redact_json
from service.endpoint.redaction.withheld import Withheld, WithheldReason

PERSON = {"user": {"email": "a@b.c", "age": 40}, "rows": [{"id": 1, "x": 0.5}, {"id": 2, "x": 0.25}], "ssn": "1"}
NAMES = st.sampled_from(["a", "b", "secret"])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(0, 9) | st.text("xyz", max_size=2),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=12,
)


def hashed(value: bytes) -> str:
    return "#" + value.decode()


def redacted(value: object, **rules: str) -> object:
    return json.loads(redact(json.dumps(value).encode(), rules))


def redact(body: bytes, rules: dict[str, str]) -> bytes:
    return redact_json(body, [(parse_path(path), Action(action)) for path, action in rules.items()], hashed)


@pytest.mark.parametrize(
    ("path", "action", "left"),
    [
        ("$.user.email", "drop", {**PERSON, "user": {"age": 40}}),
        ("$.user.email", "hash", {**PERSON, "user": {"email": "#a@b.c", "age": 40}}),
        ("$.user.age", "mask", {**PERSON, "user": {"email": "a@b.c", "age": "***"}}),
        ("$.user.*", "drop", {**PERSON, "user": {}}),
        ("$.user", "hash", {**PERSON, "user": '#{"age":40,"email":"a@b.c"}'}),
        ("$.rows[*].id", "hash", {**PERSON, "rows": [{"id": "#1", "x": 0.5}, {"id": "#2", "x": 0.25}]}),
        ("$.rows[1]", "drop", {**PERSON, "rows": [PERSON["rows"][0], None]}),
        ("$..id", "drop", {**PERSON, "rows": [{"x": 0.5}, {"x": 0.25}]}),
        ("$.nobody.here", "drop", PERSON),
        ("$.rows.id", "drop", PERSON),
        ("$.user[0]", "drop", PERSON),
        ("$.rows[2]", "drop", PERSON),
    ],
)
def test_what_a_path_leads_to_is_redacted_and_nothing_else(path: str, action: str, left: object) -> None:
    assert redacted(PERSON, **{path: action}) == left


def test_a_value_that_two_rules_reach_is_hashed_once() -> None:
    assert redacted({"a": "x"}, **{"$.a": "hash", "$..a": "hash"}) == {"a": "#x"}


def test_a_caller_cannot_pass_a_value_off_as_hashed() -> None:
    assert redacted({"a": "#x"}, **{"$.a": "hash"}) == {"a": "##x"}


def test_names_within_each_other_are_all_redacted() -> None:
    assert redacted({"a": {"a": {"b": 1}}}, **{"$..a..b": "drop"}) == {"a": {"a": {}}}


def test_of_a_name_that_is_there_twice_only_what_was_looked_at_is_left() -> None:
    assert redact(b'{"a": {"ssn": "1"}, "a": 5}', {"$.a.ssn": "drop"}) == b'{"a":5}'


def test_each_line_of_json_lines_is_redacted() -> None:
    assert redact(b'{"a":1,"b":2}\n\n{"a":3}\n', {"$.a": "drop"}) == b'{"b":2}\n\n{}\n'


@pytest.mark.parametrize("body", [b"", b"\n", b"{", b"\xff", b'{"a": NaN}', b'{"a":1}\nnot json\n', b'"\\ud800"'])
def test_what_is_no_json_is_withheld(body: bytes) -> None:
    with pytest.raises(Withheld) as outcome:
        redact(body, {"$.a": "drop"})
    assert outcome.value.reason is WithheldReason.NOT_JSON


@given(VALUES)
def test_no_member_of_a_dropped_name_is_left_anywhere(value: object) -> None:
    assert '"secret"' not in json.dumps(redacted(value, **{"$..secret": "drop"}))


def columns(**rules: str) -> dict[int, Action]:
    return {int(name.removeprefix("c")): Action(action) for name, action in rules.items()}


@pytest.mark.parametrize(
    ("body", "left"),
    [
        (b"ada,40,x\n", b"#ada,,x\n"),
        (b"ada,40,x", b"#ada,,x"),
        (b"ada,40,x\r\nbob,50,y\r\n", b"#ada,,x\n#bob,,y\n"),
        (b'"a, b",40,"say ""x"""\n', b'"#a, b",,"say ""x"""\n'),
        (b"\nada,40\n", b"#ada,\n"),
        (b"", b""),
    ],
)
def test_columns_are_redacted_in_every_row(body: bytes, left: bytes) -> None:
    assert redact_csv(body, columns(c0="hash", c1="drop"), hashed) == left


@pytest.mark.parametrize("body", [b"ada;40\n", b"ada,40\nbob\n", b"\xff,1\n", b'"ada,40\n'])
def test_what_is_not_the_csv_of_the_rules_is_withheld(body: bytes) -> None:
    with pytest.raises(Withheld) as outcome:
        redact_csv(body, columns(c1="mask"), hashed)
    assert outcome.value.reason is WithheldReason.NOT_CSV
