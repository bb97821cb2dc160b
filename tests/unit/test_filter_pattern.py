"""Filter patterns: what a message must hold, may hold, must not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor_jobs.contract.errors import BadInput
from service.control.logs.filter_pattern import matcher


@pytest.mark.parametrize(
    ("pattern", "found", "passed_over"),
    [
        ("ERROR", "an ERROR came", "an error came"),
        ("ERROR came", "came an ERROR", "an ERROR"),
        ('"an ERROR"', "an ERROR came", "ERROR an"),
        ("?ERROR ?WARN", "a WARN", "an INFO"),
        ("-DEBUG", "INFO", "DEBUG"),
        ("read -DEBUG", "read 3", "DEBUG read 3"),
        ('-"not here"', "here", "it is not here"),
        ('?"two words" ?one', "with two words", "two"),
        ('"say \\"hi\\""', 'I say "hi"', "say hi"),
        ('"a \\\\ b"', "a \\ b", "a b"),
        ("well-known", "a well-known name", "well"),
        ("a?", "a?", "a"),
        ("  spaced   out ", "out spaced", "spaced"),
        ("class_skew=0.5", "class_skew=0.5 ok", "class_skew=0.4"),
    ],
)
def test_a_pattern_finds_what_it_says(pattern, found, passed_over):
    assert (matcher(pattern)(found), matcher(pattern)(passed_over)) == (True, False)


@pytest.mark.parametrize("pattern", ["", "   "])
def test_an_empty_pattern_matches_everything(pattern):
    assert matcher(pattern)("anything")


@pytest.mark.parametrize("pattern", ['{ $.level = "ERROR" }', "[a, b]", "%ERR.*%", " {"])
def test_a_pattern_of_another_language_is_refused(pattern):
    with pytest.raises(BadInput, match="is not served: use terms, quoted phrases"):
        matcher(pattern)


@pytest.mark.parametrize("pattern", ['"open', 'a "open', '"closed"open', 'a"b"', "-", "?"])
def test_a_broken_pattern_is_refused_where_it_breaks_or_taken_as_a_word(pattern):
    try:
        assert matcher(pattern)(pattern)
    except BadInput as error:
        assert "filterPattern is broken at" in str(error)  # noqa: PT017 -- both are right, a traceback is not


@given(st.text(max_size=200))
def test_any_text_is_a_pattern_or_refused(text):
    try:
        matcher(text)("message")
    except BadInput:
        return
