"""Whatever botocore signs is verified, and whatever arrives is refused in words at worst."""

import string
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime

from hypothesis import example, given
from hypothesis import strategies as st

from service.core.signatures.errors import SignatureRefused
from service.core.signatures.reading import read_signature
from tests.signing import KEY_ID, presigned, signed, signed_at

PRINTABLE = "".join(chr(code) for code in range(0x20, 0x7F))
methods = st.sampled_from(["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"])
segments = st.text("abzABZ019-_.~!$&'()*+,;=:@ \u00e9\u1234", max_size=8) | st.sampled_from(
    ["", ".", "..", "%2F", "%41", "%"]
)
paths = st.lists(segments, max_size=6).map(lambda found: "/" + "/".join(found))
queries = st.text("abAB01-_.~%+*/:&=,", max_size=40)
names = st.text(string.ascii_letters + string.digits + "-", min_size=1, max_size=12).map("My-{}".format)
values = st.text(PRINTABLE, max_size=30)
headers = st.lists(st.tuples(names, values), max_size=8)
attributes = st.lists(
    st.tuples(st.sampled_from(["X-Amz-Target", "X-Amzn-SageMaker-Inference-Id", "Content-Type", "Accept"]), values),
    max_size=4,
    unique_by=lambda header: header[0],
)


@given(
    methods, paths, queries, headers, attributes, st.binary(max_size=200), st.none() | st.text(PRINTABLE, min_size=1)
)
@example("GET", "//a/./../b//", "b=+&a=%2F&a=&&c", [("My-A", " x   y "), ("my-a", "")], [], b"\xff", "a/token+=")
def test_whatever_botocore_signs_is_verified(method, path, query, more, members, body, token):
    request = signed(method, f"{path}?{query}" if query else path, [*more, *members], body, token=token)
    claim = request.verify(signed_at(request))
    assert (claim.scope.key_id, claim.body_sha256) == (KEY_ID, None)


@given(
    methods, paths, st.dictionaries(values, values, max_size=5), headers, st.integers(1, 604_800), st.none() | values
)
def test_whatever_botocore_presigns_is_verified(method, path, members, more, expires, token):
    request = presigned(method, path, more, members=members, expires=expires, token=token)
    claim = request.verify(signed_at(request))
    assert (claim.good_until - claim.signed_at).total_seconds() == expires


@given(
    paths,
    queries,
    st.lists(st.tuples(names, values), min_size=1, max_size=5),
    st.binary(min_size=1, max_size=50),
    st.data(),
)
def test_one_byte_of_a_body_changed_is_another_request(path, query, more, body, data):
    request = signed("POST", f"{path}?{query}", more, body)
    at = data.draw(st.integers(0, len(body) - 1))
    other = body[:at] + bytes([body[at] ^ data.draw(st.integers(1, 255))]) + body[at + 1 :]
    assert is_refused(replace(request, body=other), signed_at(request))


def is_refused(request, now):
    try:
        request.verify(now)
    except SignatureRefused:
        return True
    return False


parts = st.sampled_from(
    [b"AWS4-HMAC-SHA256 ", b"Credential=", b"SignedHeaders=", b"Signature=", b", ", b"/", b";", b"host"]
)
anything = st.lists(parts | st.binary(max_size=20), max_size=12).map(b"".join)
raw_names = st.sampled_from([b"authorization", b"host", b"x-amz-date", b"date", b"x-amz-content-sha256"]) | st.binary()


@given(st.binary(), st.binary() | queries.map(str.encode), st.lists(st.tuples(raw_names, anything), max_size=6))
def test_whatever_arrives_is_a_claim_or_refused(path, query, arriving):
    with suppress(SignatureRefused):
        read_signature("POST", path, query, arriving, datetime(2026, 1, 1, tzinfo=UTC))


query_names = [f"X-Amz-{name}" for name in ("Algorithm", "Credential", "Date", "Expires", "SignedHeaders", "Signature")]


@given(st.fixed_dictionaries(dict.fromkeys(query_names, queries)))
def test_whatever_a_query_says_is_a_claim_or_refused(members):
    query = "&".join(f"{name}={value}" for name, value in members.items()).encode()
    assert is_refused(replace(presigned(), query=query), datetime(2026, 1, 1, tzinfo=UTC))
