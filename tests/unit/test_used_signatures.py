"""The memory of signatures that were used already."""

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import pytest

from service.control.access.replay import (
    SAME_SECOND,
    SignatureUsed,
    SignedBeforeStart,
    TooManySignatures,
    UsedSignatures,
)
from service.core.signatures.errors import InvalidSignature, SignatureRefused
from service.core.signatures.reading import Signature
from tests.signing import presigned, signed, signed_at

CALL = signed()
NOW = signed_at(CALL)
FIRST = CALL.read(NOW)._replace(attempt=(b"a", b"attempt=1"))
RETRY = FIRST._replace(attempt=(b"a", b"attempt=2"))
NEXT_CALL = FIRST._replace(attempt=(b"b", b"attempt=1"))


def another(number: int) -> Signature:
    return FIRST._replace(value=b"%064x" % number)


def used_once(now: datetime = NOW) -> UsedSignatures:
    used = UsedSignatures(NOW)
    used.use(FIRST, now)
    return used


@pytest.mark.parametrize("after", [timedelta(), timedelta(seconds=1), timedelta(minutes=5)])
def test_the_same_bytes_are_taken_once(after: timedelta):
    with pytest.raises(SignatureUsed, match="used already"):
        used_once().use(FIRST, NOW + after)


@pytest.mark.parametrize("attempt", [RETRY, NEXT_CALL])
def test_a_client_that_signs_twice_in_a_second_is_heard_twice(attempt: Signature):
    used_once().use(attempt, NOW + SAME_SECOND)


@pytest.mark.parametrize("attempt", [RETRY, NEXT_CALL])
def test_no_client_signs_so_when_the_second_is_over(attempt: Signature):
    with pytest.raises(SignatureUsed):
        used_once().use(attempt, NOW + SAME_SECOND + timedelta(milliseconds=1))


def test_further_attempts_do_not_prolong_the_second():
    used = used_once()
    used.use(RETRY, NOW + SAME_SECOND)
    with pytest.raises(SignatureUsed):
        used.use(NEXT_CALL, NOW + 2 * SAME_SECOND)


def test_a_client_that_does_not_number_its_attempts_signs_once_a_second():
    used, unnumbered = UsedSignatures(NOW), CALL.read(NOW)
    used.use(unnumbered, NOW)
    with pytest.raises(SignatureUsed):
        used.use(unnumbered, NOW)


def test_signatures_are_remembered_for_as_long_as_they_are_good():
    used = used_once()
    used.use(another(1), FIRST.good_until)
    assert len(used) == 2
    used.use(another(2), FIRST.good_until + timedelta(seconds=1))
    assert len(used) == 1


def test_a_signature_of_a_fast_clock_is_remembered_for_longer():
    ahead = FIRST._replace(signed_at=NOW + timedelta(minutes=5), good_until=NOW + timedelta(minutes=10))
    used = UsedSignatures(NOW)
    used.use(ahead, NOW)
    with pytest.raises(SignatureUsed):
        used.use(ahead, NOW + timedelta(minutes=9))


def test_what_is_full_refuses_and_does_not_forget():
    used = UsedSignatures(NOW, most=2)
    used.use(FIRST, NOW)
    used.use(RETRY, NOW)
    with pytest.raises(TooManySignatures):
        used.use(another(1), NOW)
    with pytest.raises(SignatureUsed):
        used.use(FIRST, NOW)


def test_what_was_full_takes_more_when_signatures_have_ended():
    used = UsedSignatures(NOW, most=1)
    used.use(FIRST, NOW)
    used.use(another(1), FIRST.good_until + timedelta(seconds=1))
    assert len(used) == 1


def test_a_signature_from_before_the_start_may_have_been_used_then():
    used = UsedSignatures(NOW + timedelta(seconds=1))
    with pytest.raises(SignedBeforeStart):
        used.use(FIRST, NOW + timedelta(seconds=2))


def test_a_signature_of_the_second_of_the_start_is_taken():
    UsedSignatures(NOW.replace(microsecond=999_999)).use(FIRST, NOW)


@pytest.mark.parametrize(("minutes", "is_taken"), [(15, True), (16, False)])
def test_a_change_is_presigned_for_a_quarter_of_an_hour_at_most(minutes: int, is_taken: bool):
    link = presigned(expires=60 * minutes)
    now = signed_at(link)
    used = UsedSignatures(now)
    if is_taken:
        used.use(link.read(now), now)
    else:
        with pytest.raises(InvalidSignature, match="15 minutes"):
            used.use(link.read(now), now)


def test_of_many_threads_with_one_request_one_is_let_through():
    used = UsedSignatures(NOW)

    def let_through(_number: int) -> bool:
        try:
            used.use(FIRST, NOW)
        except SignatureUsed:
            return False
        return True

    with ThreadPoolExecutor(8) as threads:
        assert sum(threads.map(let_through, range(64))) == 1


@pytest.mark.parametrize(
    ("kind", "code", "status"),
    [
        (SignatureUsed, "InvalidSignatureException", 403),
        (SignedBeforeStart, "ServiceUnavailable", 503),
        (TooManySignatures, "ThrottlingException", 400),
    ],
)
def test_clients_try_again_where_that_helps(kind: type[SignatureRefused], code: str, status: int):
    assert (kind.code, kind.status) == (code, status)
