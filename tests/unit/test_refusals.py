"""Refusals without end become few entries, and none of them is forgotten."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from service.core.audit import Entry
from service.core.refusals import MOST_KINDS, WINDOW, Refusals

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


def refusal(address="10.0.0.1", seconds=0.0, error="InvalidSignatureException"):
    return Entry(NOON + timedelta(seconds=seconds), "sagemaker:CreateModel", 403, error, address=address)


def test_the_first_of_a_kind_is_an_entry_at_once_and_the_rest_are_one_in_the_end():
    refusals = Refusals()
    assert refusals.due(refusal()) == [refusal()]
    assert [refusals.due(refusal(seconds=second)) for second in range(1, 6)] == [[]] * 5
    assert refusals.over(NOON + WINDOW - timedelta(seconds=1)) == []
    assert [(each.count, each.address) for each in refusals.over(NOON + WINDOW)] == [(5, "10.0.0.1")]
    assert refusals.rest(NOON) == []


def test_the_next_refusal_after_the_window_brings_what_was_counted():
    refusals = Refusals()
    refusals.due(refusal())
    refusals.due(refusal())
    late = refusal(seconds=601)
    assert [each.count for each in refusals.due(late)] == [1, 1]


def test_who_changes_address_or_error_is_another_kind():
    refusals = Refusals()
    kinds = [refusal(), refusal("10.0.0.2"), refusal(error="UnrecognizedClientException")]
    assert [len(refusals.due(kind)) for kind in kinds] == [1, 1, 1]


@given(st.lists(st.tuples(st.integers(0, 60), st.floats(0, 3600)), max_size=300))
def test_entries_are_few_and_stand_for_every_refusal(sent):
    refusals, entries = Refusals(), []
    for address, seconds in sorted(sent, key=lambda pair: pair[1]):
        entries += refusals.due(refusal(f"10.0.0.{address}", seconds))
    entries += refusals.rest(NOON + timedelta(hours=1))
    windows = 1 + timedelta(hours=1) // WINDOW
    assert sum(entry.count for entry in entries) == len(sent)
    assert len(entries) <= windows * (2 * MOST_KINDS + 1)
