"""Roles, patterns, and the decision."""

import re
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.core.access import ALLOWED, Action, Grant, Principal, Role, fits, patterns, permitted

LETTERS = "ab*-"
NAMES = st.text("ab-", max_size=12)
PATTERNS = st.text(LETTERS, max_size=8)
GRANTS = st.builds(Grant, st.sampled_from(Role), PATTERNS)
PRINCIPALS = st.builds(Principal, st.just("someone"), st.just("SXT"), st.lists(GRANTS, max_size=4).map(tuple))


def somebody(*grants: Grant) -> Principal:
    return Principal("someone", "SXT", grants)


@given(PATTERNS, NAMES)
def test_a_pattern_fits_what_a_regular_expression_of_it_matches(pattern, name):
    expression = ".*".join(map(re.escape, pattern.split("*")))
    assert fits(pattern, name) == bool(re.fullmatch(expression, name))


@given(st.text(string.printable, max_size=20))
def test_no_other_character_stands_for_another(name):
    assert fits(name.replace("*", "-"), name) == ("*" not in name)


def test_a_pattern_of_many_stars_is_no_dearer_than_its_length():
    assert not fits("*a" * 10_000 + "*b", "a" * 50_000)


@given(PRINCIPALS, st.sampled_from(Action), NAMES)
def test_an_action_is_permitted_exactly_where_one_grant_of_such_a_role_fits(principal, action, name):
    by_hand = [grant for grant in principal.grants if action in ALLOWED[grant.role] and fits(grant.endpoints, name)]
    assert permitted(principal, action, name) == bool(by_hand)


@given(PRINCIPALS, st.sampled_from(Action), NAMES)
def test_what_has_no_name_is_reached_by_grants_of_every_name_only(principal, action, name):
    every = any(grant.endpoints == "*" and action in ALLOWED[grant.role] for grant in principal.grants)
    assert permitted(principal, action, None) == every


@given(PRINCIPALS, st.sampled_from(Action), NAMES, GRANTS)
def test_another_grant_takes_nothing_away(principal, action, name, more):
    richer = somebody(*principal.grants, more)
    assert permitted(principal, action, name) <= permitted(richer, action, name)


@given(PRINCIPALS, st.sampled_from(Action), NAMES)
def test_the_patterns_of_an_action_say_the_same_as_the_decision(principal, action, name):
    assert permitted(principal, action, name) == any(fits(each, name) for each in patterns(principal, action))


@pytest.mark.parametrize("action", Action)
def test_nobody_may_do_anything_without_a_grant(action):
    assert not permitted(somebody(), action, "signs")


@pytest.mark.parametrize(
    ("role", "allowed"),
    [
        ("invoker", "invoke"),
        ("viewer", "read"),
        ("operator", "read operate"),
        ("deployer", "read operate deploy invoke"),
        ("admin", "read operate deploy invoke administer"),
    ],
)
def test_a_role_allows_what_it_is_there_for_and_nothing_else(role, allowed):
    assert ALLOWED[Role(role)] == set(map(Action, allowed.split()))
