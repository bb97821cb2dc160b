"""What keys look like, and when they are taken."""

import re
from datetime import UTC, datetime, timedelta
from random import SystemRandom

import pytest

from monitor_jobs.contract.errors import BadInput
from service.core.keys import (
    API_KEY_PATTERN,
    KeyStatus,
    digest_of,
    given_key_pair,
    is_weak,
    new_api_key,
    new_key_pair,
    status_at,
    without_api_keys,
)
from service.core.secret import Secret

NOON = datetime(2026, 11, 27, 12, tzinfo=UTC)
SOME = 200


def test_a_pair_has_the_lengths_of_awss():
    pair = new_key_pair(SystemRandom())
    assert re.fullmatch("SXT[A-Z0-9]{17}", pair.key_id)
    assert re.fullmatch("[A-Za-z0-9_-]{40}", pair.secret.reveal())


def test_an_api_key_is_found_by_secret_scanners():
    made = new_api_key(SystemRandom())
    assert re.fullmatch("SXK[A-Z0-9]{17}", made.key_id)
    assert API_KEY_PATTERN.fullmatch(made.secret.reveal())
    assert len(made.secret) == 47


@pytest.mark.parametrize("make", [new_key_pair, new_api_key])
def test_no_two_are_the_same(make):
    made = [make(SystemRandom()) for _ in range(SOME)]
    assert len({key.key_id for key in made}) == len({key.secret.reveal() for key in made}) == SOME


@pytest.mark.parametrize("make", [new_key_pair, new_api_key])
def test_printing_a_key_shows_no_secret(make):
    made = make(SystemRandom())
    assert made.secret.reveal() not in repr(made)


def test_the_digest_is_sha_256():
    assert digest_of("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


@pytest.mark.parametrize("key_id", ["", "ab", "has space", "semi;colon", "a" * 129, "sch\u00f6n", "line\n"])
def test_an_id_that_no_signature_could_name_is_refused(key_id):
    with pytest.raises(BadInput, match="does not fit: use 3 to 128 letters, digits, _ and -") as raised:
        given_key_pair(key_id, Secret("long enough to be one"))
    assert not key_id or key_id not in str(raised.value)


@pytest.mark.parametrize("secret", ["", " led by a space", "followed by one ", "two\nlines", "nul\0"])
def test_a_secret_that_was_pasted_wrong_is_refused_and_not_shown(secret):
    with pytest.raises(BadInput, match="the secret of access key MINE is empty, or has spaces around it") as raised:
        given_key_pair("MINE", Secret(secret))
    assert not secret or secret not in str(raised.value)


def test_a_secret_is_weak_below_sixteen_characters():
    assert (is_weak(Secret("x" * 15)), is_weak(Secret("x" * 16))) == (True, False)


@pytest.mark.parametrize("status", [KeyStatus.ACTIVE, KeyStatus.INACTIVE])
def test_a_key_expires_at_its_time_and_not_before(status):
    def at(moment):
        return status_at(moment, status=status, expires_at=NOON)

    assert (at(NOON - timedelta(microseconds=1)), at(NOON)) == (status, KeyStatus.EXPIRED)


def test_a_key_without_a_time_does_not_expire():
    assert status_at(NOON, status=KeyStatus.ACTIVE, expires_at=None) is KeyStatus.ACTIVE


def test_an_api_key_in_a_text_becomes_stars_and_nothing_else_does():
    api_key = new_api_key(SystemRandom()).secret.reveal()
    assert without_api_keys(f"no {api_key}, nor {api_key}x here") == "no sxt_***, nor sxt_***x here"
    assert without_api_keys("sxt_short stays") == "sxt_short stays"
