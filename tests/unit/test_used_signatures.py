"""The memory of signatures that were used already."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest

from service.control.access.replay import SignatureUsed, SignedBeforeStart, TooManySignatures, UsedSignatures
from service.core.signatures.errors import SignatureRefused
from service.core.signatures.reading import Signature
from tests.signing import signed, signed_at

CALL = signed()
NOW = signed_at(CALL)
FIRST = CALL.read(NOW)


def another(number: int, signature: Signature = FIRST) -> Signature:
    return replace(signature, value=b"%064x" % number)


def test_a_signature_is_used_once():
    used = UsedSignatures(NOW)
    used.use(FIRST, NOW)
    with pytest.raises(SignatureUsed, match="used already"):
        used.use(FIRST, NOW + timedelta(minutes=5))


def test_signatures_are_remembered_for_as_long_as_they_are_good():
    used = UsedSignatures(NOW)
    used.use(FIRST, NOW)
    used.use(another(1), FIRST.good_until)
    assert len(used) == 2
    used.use(another(2), FIRST.good_until + timedelta(seconds=1))
    assert len(used) == 1


def test_a_signature_of_tomorrows_clock_is_remembered_from_its_own_time_on():
    ahead = replace(FIRST, signed_at=NOW + timedelta(minutes=5), good_until=NOW + timedelta(minutes=10))
    used = UsedSignatures(NOW)
    used.use(ahead, NOW)
    with pytest.raises(SignatureUsed):
        used.use(ahead, NOW + timedelta(minutes=9))


def test_what_is_full_refuses_and_does_not_forget():
    used = UsedSignatures(NOW, most=2)
    used.use(FIRST, NOW)
    used.use(another(1), NOW)
    with pytest.raises(TooManySignatures):
        used.use(another(2), NOW)
    with pytest.raises(SignatureUsed):
        used.use(FIRST, NOW)


def test_a_signature_from_before_the_start_may_have_been_used_then():
    used = UsedSignatures(NOW + timedelta(seconds=1))
    with pytest.raises(SignedBeforeStart):
        used.use(FIRST, NOW + timedelta(seconds=2))


def test_a_signature_of_the_second_of_the_start_is_taken():
    UsedSignatures(NOW.replace(microsecond=999_999)).use(FIRST, NOW)


def test_of_many_threads_with_one_signature_one_is_let_through():
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
