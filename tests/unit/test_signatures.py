"""Signatures as botocore makes them, and what is refused of them, with AWS's codes."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from service.core.secret import Secret
from service.core.signatures.errors import (
    IncompleteSignature,
    InvalidSignature,
    MissingAuthenticationToken,
    SignatureRefused,
    UnrecognizedClient,
)
from service.core.signatures.reading import require_service
from service.core.signatures.verifying import SigningKeys
from tests.signing import KEY_ID, SECRET, SECRETS, Arrived, presigned, signed, signed_at, without

CALL = signed(
    headers=[("X-Amz-Target", "SageMaker.ListEndpoints"), ("Content-Type", "application/x-amz-json-1.1")], body=b"{}"
)
LINK = presigned(target="/?Action=GetCallerIdentity&Version=2011-06-15", headers=[("X-Amz-Test", "1")])


def with_header(request: Arrived, name: bytes, value: bytes) -> Arrived:
    return replace(request, headers=(*without(request.headers, name), (name, value)))


def authorized(request: Arrived, old: str, new: str) -> Arrived:
    return with_header(request, b"authorization", request.header(b"authorization").replace(old.encode(), new.encode()))


def queried(request: Arrived, old: str, new: str) -> Arrived:
    assert old.encode() in request.query
    return replace(request, query=request.query.replace(old.encode(), new.encode()))


def refusal_of(
    request: Arrived, after: timedelta = timedelta(), secrets: Mapping[str, str] = SECRETS
) -> SignatureRefused:
    with pytest.raises(SignatureRefused) as raised:
        request.verify(signed_at(CALL if b"authorization" in dict(request.headers) else LINK) + after, secrets)
    return raised.value


def test_a_signed_request_is_who_it_says():
    scope = CALL.verify(signed_at(CALL)).scope
    assert (scope.key_id, scope.region, scope.service) == (KEY_ID, "us-east-1", "sagemaker")


def test_a_presigned_request_is_who_it_says():
    assert LINK.verify(signed_at(LINK)).scope.key_id == KEY_ID


@pytest.mark.parametrize("minutes", [-5, 5])
def test_clocks_may_differ_by_five_minutes(minutes: int):
    CALL.verify(signed_at(CALL) + timedelta(minutes=minutes))


@pytest.mark.parametrize(("seconds", "words"), [(-301, "not yet current"), (301, "expired")])
def test_clocks_may_not_differ_by_more(seconds: int, words: str):
    refused = refusal_of(CALL, timedelta(seconds=seconds))
    assert isinstance(refused, InvalidSignature)
    assert words in str(refused)


def test_a_presigned_request_is_good_for_as_long_as_it_says():
    LINK.verify(signed_at(LINK) + timedelta(seconds=3600))
    assert "expired" in str(refusal_of(LINK, timedelta(seconds=3601)))


def test_a_key_that_nobody_has_is_not_recognized():
    assert isinstance(refusal_of(CALL, secrets={}), UnrecognizedClient)


def test_another_secret_makes_another_signature():
    assert isinstance(refusal_of(CALL, secrets={KEY_ID: "another"}), InvalidSignature)


def test_another_body_has_another_signature():
    assert isinstance(refusal_of(replace(CALL, body=b"{ }")), InvalidSignature)


def test_a_request_without_a_signature_is_told_to_be_signed():
    bare = replace(CALL, headers=without(CALL.headers, b"authorization"))
    assert isinstance(refusal_of(bare), MissingAuthenticationToken)


def test_a_key_for_plain_http_is_no_signature():
    bearer = with_header(CALL, b"authorization", b"Bearer sxt_anything")
    assert isinstance(refusal_of(bearer), MissingAuthenticationToken)


@pytest.mark.parametrize("lacking", ["Credential", "SignedHeaders", "Signature"])
def test_a_signature_without_one_of_its_parts_is_incomplete(lacking: str):
    parts = CALL.header(b"authorization").decode().removeprefix("AWS4-HMAC-SHA256 ").split(", ")
    kept = ", ".join(part for part in parts if not part.startswith(f"{lacking}="))
    refused = refusal_of(with_header(CALL, b"authorization", f"AWS4-HMAC-SHA256 {kept}".encode()))
    assert isinstance(refused, IncompleteSignature)
    assert f"requires '{lacking}'" in str(refused)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("AWS4-HMAC-SHA256", "AWS4-ECDSA-P256-SHA256"),
        ("SignedHeaders=", "Credential=a/b, SignedHeaders="),
        ("SignedHeaders=", "Extra=1, SignedHeaders="),
        ("Signature=", "Signature=0, Signature="),
        ("/aws4_request", ""),
        ("us-east-1", "us east 1"),
        ("SignedHeaders=content-type;host", "SignedHeaders=host;content-type"),
        ("SignedHeaders=content-type;", "SignedHeaders=Content-Type;"),
        ("SignedHeaders=content-type;", "SignedHeaders=;content-type;"),
        ("SignedHeaders=", "SignedHeaders=" + "a" * 8192),
    ],
)
def test_what_cannot_be_read_as_a_signature_is_incomplete(old: str, new: str):
    refused = refusal_of(authorized(CALL, old, new))
    assert isinstance(refused, IncompleteSignature)
    assert refused.status == 400


@pytest.mark.parametrize(
    ("old", "new"),
    [("aws4_request", "aws4_reply"), ("us-east-1", "eu-west-1"), ("sagemaker", "iam")],
)
def test_another_scope_has_another_signature(old: str, new: str):
    assert isinstance(refusal_of(authorized(CALL, old, new)), InvalidSignature)


def test_another_key_id_is_another_keys():
    other = authorized(CALL, KEY_ID, "AKIDOTHER")
    assert isinstance(refusal_of(other), UnrecognizedClient)
    assert isinstance(refusal_of(other, secrets={**SECRETS, "AKIDOTHER": "another"}), InvalidSignature)


def test_the_scopes_date_is_that_of_the_request():
    day = f"{signed_at(CALL):%Y%m%d}"
    assert "does not match YYYYMMDD" in str(refusal_of(authorized(CALL, f"/{day}/", "/20150830/")))


@pytest.mark.parametrize("name", ["host", "x-amz-date", "x-amz-target", "content-type"])
def test_what_decides_what_a_request_means_is_signed(name: str):
    names = "content-type;host;x-amz-date;x-amz-target"
    fewer = ";".join(one for one in names.split(";") if one != name)
    refused = refusal_of(authorized(CALL, names, fewer))
    assert f"'{name}' must be a 'SignedHeader'" in str(refused).lower().replace("signedheader", "SignedHeader")


@pytest.mark.parametrize("name", [b"x-amz-security-token", b"x-amzn-sagemaker-target-variant", b"content-encoding"])
def test_no_header_that_means_something_can_be_added_to_a_signed_request(name: bytes):
    assert "must be a 'SignedHeader'" in str(refusal_of(with_header(CALL, name, b"1")))


@pytest.mark.parametrize("name", [b"user-agent", b"x-amzn-trace-id", b"accept-encoding", b"x-forwarded-for"])
def test_headers_that_proxies_add_change_nothing(name: bytes):
    with_header(CALL, name, b"1").verify(signed_at(CALL))


def test_a_signed_header_that_did_not_arrive_is_named():
    refused = refusal_of(authorized(CALL, ";x-amz-date", ";x-amz-also;x-amz-date"))
    assert "lacks the header 'x-amz-also'" in str(refused)


@pytest.mark.parametrize("name", [b"authorization", b"host", b"x-amz-date", b"x-amz-target", b"content-type"])
def test_a_header_that_must_be_signed_comes_once(name: bytes):
    twice = replace(CALL, headers=(*CALL.headers, (name, CALL.header(name))))
    assert isinstance(refusal_of(twice), IncompleteSignature)


@pytest.mark.parametrize("text", [b"2026-11-27T00:00:00Z", b"20261327T000000Z", b"", b"20261127T000000", b"\xff" * 16])
def test_a_time_in_another_form_is_incomplete(text: bytes):
    assert isinstance(refusal_of_at(with_header(CALL, b"x-amz-date", text), signed_at(CALL)), IncompleteSignature)


def refusal_of_at(request: Arrived, now: datetime) -> SignatureRefused:
    with pytest.raises(SignatureRefused) as raised:
        request.verify(now)
    return raised.value


@pytest.mark.parametrize("payload", ["UNSIGNED-PAYLOAD", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD", "0" * 63])
def test_payloads_that_are_not_signed_as_a_whole_are_refused_in_words(payload: str):
    request = signed(headers=[("X-Amz-Content-SHA256", payload)], body=b"x")
    assert "not accepted" in str(refusal_of_at(request, signed_at(request)))


def test_a_declared_hash_is_that_of_the_body():
    request = signed(headers=[("X-Amz-Content-SHA256", "0" * 64)], body=b"x")
    assert "does not match what was computed" in str(refusal_of_at(request, signed_at(request)))


@pytest.mark.parametrize("name", ["Algorithm", "Credential", "Date", "Expires", "SignedHeaders", "Signature"])
def test_a_presigned_request_without_one_of_its_parts_is_incomplete(name: str):
    kept = b"&".join(pair for pair in LINK.query.split(b"&") if not pair.startswith(f"X-Amz-{name}=".encode()))
    refused = refusal_of_at(replace(LINK, query=kept), signed_at(LINK))
    assert f"must include 'X-Amz-{name}'" in str(refused)


@pytest.mark.parametrize("expires", ["0", "-1", "604801", "1e3", ""])
def test_a_presigned_request_is_good_for_at_most_a_week(expires: str):
    refused = refusal_of_at(queried(LINK, "X-Amz-Expires=3600", f"X-Amz-Expires={expires}"), signed_at(LINK))
    assert isinstance(refused, IncompleteSignature)


def test_a_part_that_stands_twice_in_the_query_is_refused():
    assert isinstance(refusal_of(queried(LINK, "X-Amz-Expires", "X-Amz-Expires=9&X-Amz-Expires")), IncompleteSignature)


def test_a_request_is_signed_in_one_place():
    both = replace(CALL, query=LINK.query)
    assert isinstance(refusal_of(both), IncompleteSignature)


@pytest.mark.parametrize(
    "long",
    [
        replace(CALL, path=b"/" * 8193),
        replace(CALL, query=b"&" * 101),
        replace(CALL, headers=(*CALL.headers, *((b"a%d" % number, b"") for number in range(97)))),
    ],
    ids=["path", "query", "headers"],
)
def test_what_nobody_in_particular_sends_is_not_read_for_long(long: Arrived):
    assert "at most 8192 bytes" in str(refusal_of(long))


def test_a_signature_is_for_one_service():
    claim = CALL.read(signed_at(CALL))
    require_service(claim, "sagemaker")
    with pytest.raises(InvalidSignature, match="correct service: 'iam'"):
        require_service(claim, "iam")


def test_a_date_header_stands_in_for_x_amz_date():
    request = signed(headers=[("Date", "anything")])
    assert b"x-amz-date" not in dict(request.headers)
    now = datetime.strptime(request.header(b"date").decode(), "%a, %d %b %Y %H:%M:%S %z")
    request.verify(now)


def test_temporary_keys_come_with_their_token():
    assert signed(token="a token").verify(signed_at(signed(token="a token"))).session_token == "a token"
    assert presigned(token="a/token").verify(signed_at(presigned(token="a/token"))).session_token == "a/token"


def test_secrets_and_signatures_are_not_shown():
    claim = CALL.read(signed_at(CALL))
    assert claim.value.decode() not in repr(claim)
    assert SECRET not in repr(Secret(SECRET))


def test_signing_keys_are_kept_in_bounds():
    keys = SigningKeys(most=2)
    scope = CALL.read(signed_at(CALL)).scope
    found = [keys.of(scope, Secret(str(number))) for number in range(9)]
    assert found == [SigningKeys().of(scope, Secret(str(number))) for number in range(9)]
    assert (len(set(found)), len(keys)) == (9, 2)
