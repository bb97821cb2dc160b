"""Paths of the part of RFC 9535 that rules may be written in."""

import pytest

from monitor_jobs.contract.errors import BadInput
from service.core.json_paths import Anywhere, Every, parse_path


@pytest.mark.parametrize(
    ("text", "steps"),
    [
        ("$.user", ("user",)),
        ("$.a.b[0].c", ("a", "b", 0, "c")),
        ("$.rows[*].id", ("rows", Every.EVERY, "id")),
        ("$.*", (Every.EVERY,)),
        ("$[12]", (12,)),
        ("$['first name']", ("first name",)),
        ('$["a.b"]', ("a.b",)),
        (r"$['it\'s']", ("it's",)),
        (r"$['\u00e9']", ("é",)),
        ("$['say \"x\"']", ('say "x"',)),
        ("$..ssn", (Anywhere("ssn"),)),
        ("$.a..['b c'][1]", ("a", Anywhere("b c"), 1)),
        ("$.größe", ("größe",)),
    ],
)
def test_a_path_is_its_steps(text: str, steps: tuple[object, ...]) -> None:
    assert parse_path(text) == steps


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("user", "does not begin with \\$"),
        ("", "does not begin with \\$"),
        ("$", "the whole body"),
        ("$.", "at 1: known are"),
        ("$.a b", "' b' at 3"),
        ("$[-1]", r"'\[-1\]' at 1"),
        ("$[01]", "at 1"),
        ("$[1:2]", "at 1"),
        ("$[?@.a]", "at 1"),
        ("$['a','b']", "at 1"),
        ("$..*", "at 1"),
        ("$.a[", "at 3"),
        (r"$['\x']", "no name in quotes"),
    ],
)
def test_what_is_no_path_is_refused_with_its_place(text: str, hint: str) -> None:
    with pytest.raises(BadInput, match=hint):
        parse_path(text)
