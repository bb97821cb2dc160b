"""Answers kept for a caller who asks again: for whom, for how long, and how much of them."""

import pytest

from service.control.gateway.recent_answers import KEPT_SECONDS, Call, KeptAnswer, RecentAnswers, call_of


class Clock:
    now = 100.0

    def __call__(self):
        return self.now


def call(number=1, *, first=False, endpoint="signs", size=5, user="team"):
    return Call(user, endpoint, b"id-%d" % number, size, first)


def answer(size=4):
    return KeptAnswer(200, [(b"content-type", b"text/plain")], [b"x" * size])


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def recent(clock):
    return RecentAnswers(most_bytes=10, clock=clock)


def test_an_answer_is_found_by_a_later_attempt_of_its_call(recent):
    recent.keep(call(first=True), answer())
    assert recent.find(call()) == answer()


def test_a_first_attempt_finds_nothing_whatever_its_id(recent):
    recent.keep(call(), answer())
    assert recent.find(call(first=True)) is None


@pytest.mark.parametrize("other", [call(2), call(endpoint="others"), call(size=6), call(user="others")])
def test_another_call_finds_nothing(recent, other):
    recent.keep(call(), answer())
    assert recent.find(other) is None


def test_an_answer_is_kept_for_a_bounded_time(recent, clock):
    recent.keep(call(), answer())
    clock.now += KEPT_SECONDS
    assert recent.find(call()) is not None
    clock.now += 0.1
    assert recent.find(call()) is None


def test_the_oldest_answers_go_when_there_is_no_memory_for_all(recent):
    for number in range(4):
        recent.keep(call(number), answer(4))
    assert [recent.find(call(number)) is not None for number in range(4)] == [False, False, True, True]


def test_an_answer_for_which_there_is_no_memory_at_all_is_not_kept(recent):
    recent.keep(call(1), answer(4))
    recent.keep(call(2), answer(11))
    assert recent.find(call(2)) is None
    recent.keep(call(3), answer(10))
    assert recent.find(call(3)) is not None


def test_the_same_call_again_takes_no_more_memory(recent):
    for _ in range(5):
        recent.keep(call(1), answer(5))
    recent.keep(call(2), answer(5))
    assert recent.find(call(1)) is not None


HEADERS = [(b"amz-sdk-invocation-id", b"id-1"), (b"host", b"here")]


@pytest.mark.parametrize(
    ("attempt", "first"),
    [
        (b"attempt=1", True),
        (b"ttl=20261126T000000Z; attempt=1; max=3", True),
        (b"attempt=2; max=3", False),
        (b"attempt=11", False),
        (b"max=1; attempt=3", False),
    ],
)
def test_attempts_are_numbered_as_botocore_does(attempt, first):
    found = call_of("team", "signs", [*HEADERS, (b"amz-sdk-request", attempt)], 5)
    assert found == Call("team", "signs", b"id-1", 5, first)


@pytest.mark.parametrize("headers", [[], HEADERS, [(b"amz-sdk-request", b"attempt=2")]])
def test_a_client_that_does_not_number_its_attempts_makes_no_call_that_is_known_again(headers):
    assert call_of("team", "signs", headers, 5) is None
