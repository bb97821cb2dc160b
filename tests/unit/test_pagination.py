"""Pages that neither lose nor repeat an item, and tokens that nobody can make up."""

from base64 import urlsafe_b64encode
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor_jobs.contract.errors import BadInput
from service.core.pagination import checked_max_results, decode_token, encode_token, page
from service.core.records import SortOrder

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
CELLS = st.text(max_size=80) | st.integers(-(2**60), 2**60) | st.datetimes(timezones=st.just(UTC))


def by_value(item):
    return (item,)


def pages(items, *, order=SortOrder.ASCENDING, size=3, key=by_value):
    """Every page of a listing, following its tokens."""
    found = [page(items, key=key, order=order, token=None, max_results=size)]
    while found[-1].next_token is not None:
        found.append(page(items, key=key, order=order, token=found[-1].next_token, max_results=size))
    return [list(one.items) for one in found]


def test_an_empty_listing_is_one_empty_page():
    assert pages([]) == [[]]


def test_a_page_that_holds_all_has_no_token():
    assert page([2, 1], key=by_value, order=SortOrder.ASCENDING, token=None, max_results=2).next_token is None


def test_pages_follow_each_other_in_either_order():
    assert pages([4, 2, 3, 1]) == [[1, 2, 3], [4]]
    assert pages([4, 2, 3, 1], order=SortOrder.DESCENDING) == [[4, 3, 2], [1]]


@given(items=st.sets(st.integers()), size=st.integers(1, 100), order=st.sampled_from(SortOrder))
def test_pages_hold_every_item_exactly_once(items, size, order):
    shown = [item for one in pages(items, order=order, size=size) for item in one]
    assert shown == sorted(items, reverse=order is SortOrder.DESCENDING)


def test_items_made_at_one_moment_are_told_apart_by_name():
    items = [(NOON, name) for name in "dacb"]
    assert pages(items, size=1, key=lambda item: item) == [[(NOON, name)] for name in "abcd"]


def test_an_item_removed_between_pages_hides_no_other():
    first = page([1, 2, 3, 4], key=by_value, order=SortOrder.ASCENDING, token=None, max_results=2)
    second = page([1, 3, 4], key=by_value, order=SortOrder.ASCENDING, token=first.next_token, max_results=2)
    assert second.items == (3, 4)


def test_an_item_added_between_pages_repeats_no_other():
    first = page([2, 4], key=by_value, order=SortOrder.ASCENDING, token=None, max_results=1)
    second = page([1, 2, 3, 4], key=by_value, order=SortOrder.ASCENDING, token=first.next_token, max_results=3)
    assert second.items == (3, 4)


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


@pytest.mark.parametrize("place", [("a",), (NOON, "a"), ("a", 1)])
def test_the_token_of_another_listing_is_refused(place):
    with pytest.raises(BadInput, match="NextToken"):
        page([1, 2], key=by_value, order=SortOrder.ASCENDING, token=encode_token(place), max_results=1)


@pytest.mark.parametrize(("asked", "size"), [(None, 10), (1, 1), (100, 100)])
def test_max_results_is_one_to_a_hundred_and_ten_unless_said(asked, size):
    assert checked_max_results(asked) == size


@pytest.mark.parametrize(
    ("asked", "rule"), [(0, "greater than or equal to 1"), (-1, "greater than"), (101, "less than or equal to 100")]
)
def test_other_max_results_are_refused_in_awss_words(asked, rule):
    with pytest.raises(BadInput, match=f"Value '{asked}' at 'maxResults' .* Member must have value {rule}"):
        checked_max_results(asked)
