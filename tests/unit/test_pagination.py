"""Tokens that give their place back and that nobody can make up, and the size of a page."""

from base64 import urlsafe_b64encode
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor_jobs.contract.errors import BadInput
from service.core.pagination import checked_max_results, decode_token, encode_token

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
CELLS = st.text(max_size=80) | st.integers(-(2**60), 2**60) | st.datetimes(timezones=st.just(UTC))


@given(place=st.lists(CELLS, max_size=3).map(tuple))
def test_a_token_gives_its_place_back(place):
    token = encode_token(place)
    assert token.isascii()
    assert decode_token(token) == place


def test_a_time_in_another_zone_is_the_same_place():
    in_tokyo = datetime.fromisoformat("2026-11-20T21:00:00.000001+09:00")
    assert decode_token(encode_token((in_tokyo,))) == (NOON + timedelta(microseconds=1),)


def in_base64(text):
    return urlsafe_b64encode(text.encode()).decode()


@pytest.mark.parametrize(
    "token",
    [
        "", "x", "not a token", "é", "AA==", "=", "\x00", "WyJhIl0", "WyJhIl0=\n", in_base64("{}"), in_base64("null"),
        in_base64("[null]"), in_base64("[1.5]"), in_base64("[NaN]"), in_base64("[true]"), in_base64("[[1]]"),
        in_base64('["a"'), in_base64('[{"utc": "yesterday"}]'), in_base64('[{"utc": "2026-11-20T12:00:00"}]'),
        in_base64('[{"utc": "2026-11-20T12:00:00Z", "more": 1}]'), in_base64("[" * 5000), "A" * 10_000,
        in_base64(f'["{"a" * 9000}"]'), in_base64('["\\ud800"]'),
    ],
    ids=lambda token: ascii(token[:16]),
)  # fmt: skip
def test_a_token_that_was_never_given_is_refused(token):
    with pytest.raises(BadInput, match="NextToken is not one that this listing gave"):
        decode_token(token)


@given(token=st.text(max_size=60))
def test_any_text_is_a_place_or_refused(token):
    try:
        place = decode_token(token)
    except BadInput:
        return
    assert isinstance(place, tuple)


@pytest.mark.parametrize(("asked", "size"), [(None, 10), (1, 1), (100, 100)])
def test_max_results_is_one_to_a_hundred_and_ten_unless_said(asked, size):
    assert checked_max_results(asked) == size


@pytest.mark.parametrize(
    ("asked", "rule"), [(0, "greater than or equal to 1"), (-1, "greater than"), (101, "less than or equal to 100")]
)
def test_other_max_results_are_refused_in_awss_words(asked, rule):
    with pytest.raises(BadInput, match=f"Value '{asked}' at 'maxResults' .* Member must have value {rule}"):
        checked_max_results(asked)
