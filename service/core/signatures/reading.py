"""What a signed request claims, read from its head: by which key, for what, when, over which headers.

What lives here: the forms and the time of a claim, and what of a request a signature must cover. What does not: where
its parts stand (parts), whether it is true (verifying).
"""

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final, NamedTuple

from service.core.signatures.canonical import canonical_headers, canonical_path, canonical_query
from service.core.signatures.errors import IncompleteSignature, InvalidSignature
from service.core.signatures.parts import (
    AUTHORIZATION,
    HTTP_DATE,
    MOST_BYTES,
    Claim,
    Given,
    Parts,
    Scope,
    parts_of,
    shown,
)

SKEW: Final = timedelta(minutes=5)
MOST_EXPIRES_SECONDS: Final = 604_800  # AWS's limit
MOST_PIECES: Final = 100  # nobody in particular is read for more than a millisecond or so
BODY_HASH: Final = b"x-amz-content-sha256"
CALL: Final = b"amz-sdk-invocation-id"
ATTEMPT: Final = b"amz-sdk-request"
# Whoever can add one of these to a request that was signed without it changes what it means.
COVERED: Final = frozenset({b"host", b"content-type", b"content-encoding"})
COVERED_PREFIXES: Final = (b"x-amz-", b"x-amzn-sagemaker-")

Headers = Sequence[tuple[bytes, bytes]]

_TIME: Final = re.compile(rb"[0-9]{8}T[0-9]{6}Z")
_SHA256: Final = re.compile(rb"[0-9a-f]{64}")
_EXPIRES: Final = re.compile(rb"[0-9]{1,6}")


class Signature(NamedTuple):
    """A claim, not verified yet.

    `signed_at` and `good_until` are aware UTC, `session_token` that of temporary keys, `body_sha256` what the client
    says the hash of its body is where it says so, `value` the signature as it was sent. `head` is the canonical request
    up to that hash, `preamble` what is signed up to the hash of the canonical request. `attempt` is the call, and the
    attempt at it, that the client says this is: botocore signs neither.
    """

    scope: Scope
    signed_at: datetime
    good_until: datetime
    session_token: str | None
    body_sha256: str | None
    value: bytes
    head: bytes
    preamble: bytes
    attempt: tuple[bytes, bytes] | None

    def __repr__(self) -> str:
        """Whose it is and from when: neither the signature nor what it signs."""
        return f"Signature({self.scope}, signed_at={self.signed_at.isoformat()})"


def read_signature(method: str, path: bytes, query: bytes, headers: Headers, now: datetime) -> Signature:
    """The claim of a request: `path` and `query` as sent, header names in lower case, `now` aware.

    Raises MissingAuthenticationToken, IncompleteSignature, and InvalidSignature where it lies outside its time or does
    not cover what it must. Checked in tests/unit/test_signatures.py.
    """
    if len(path) + len(query) > MOST_BYTES or len(headers) > MOST_PIECES or query.count(b"&") > MOST_PIECES:
        raise IncompleteSignature(
            f"A signed request has at most {MOST_BYTES} bytes of address, {MOST_PIECES} headers, and {MOST_PIECES}"
            " parameters in its query: send less."
        )
    given = dict(headers)
    if len(given) != len(headers):
        given = _joined(headers)
    parts = parts_of(given, query)
    claim, signed_at = parts.claim, _time(parts.time)
    good_until = _good_until(parts, signed_at, now)
    _require_covered(given, claim)
    return Signature(
        claim.scope,
        signed_at,
        good_until,
        None if parts.token is None else parts.token.decode("latin-1"),
        _declared_hash(given),
        parts.value,
        _head(method, path, parts, given),
        b"AWS4-HMAC-SHA256\n%b\n%b\n" % (parts.time, claim.scope_text),
        (given[CALL], given.get(ATTEMPT, b"")) if CALL in given else None,
    )


def require_service(signature: Signature, service: str) -> None:
    """Return where the signature is for the service, by its signing name. Raises InvalidSignature.

    Any region will do: an installation is one, whatever its clients call it, and its secrets are no other's.
    """
    if signature.scope.service != service:
        raise InvalidSignature(f"Credential should be scoped to correct service: '{service}'.")


@lru_cache(maxsize=256)
def _time(text: bytes) -> datetime:
    try:
        if _TIME.fullmatch(text):
            return datetime.strptime(text.decode(), "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError:
        pass
    raise IncompleteSignature(
        f"Date must be in ISO-8601 'basic format'. Got '{shown(text)}'. See http://en.wikipedia.org/wiki/ISO_8601"
    )


def _good_until(parts: Parts, signed_at: datetime, now: datetime) -> datetime:
    if parts.time[:8] != parts.claim.scope_text[:8]:
        raise InvalidSignature(
            "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP:"
            f" '{parts.claim.scope.date}' != '{shown(parts.time[:8])}', from '{shown(parts.time)}'."
        )
    if signed_at > now + SKEW:
        raise InvalidSignature(
            f"Signature not yet current: {_stamp(signed_at)} is still later than {_stamp(now + SKEW)}"
            f" ({_stamp(now)} + 5 min.): set the client's clock."
        )
    good_until = signed_at + (SKEW if parts.expires is None else _lifetime(parts.expires))
    if now > good_until:
        raise InvalidSignature(f"Signature expired: it was good until {_stamp(good_until)}, and it is {_stamp(now)}.")
    return good_until


def _lifetime(text: bytes) -> timedelta:
    if not _EXPIRES.fullmatch(text) or not 1 <= int(text) <= MOST_EXPIRES_SECONDS:
        raise IncompleteSignature(f"X-Amz-Expires must be 1 to {MOST_EXPIRES_SECONDS} seconds, got '{shown(text)}'")
    return timedelta(seconds=int(text))


def _require_covered(given: Given, claim: Claim) -> None:
    is_signed = claim.is_signed
    if b"host" not in is_signed:
        raise InvalidSignature("'Host' must be a 'SignedHeader' in the AWS Authorization.")
    for name in given:
        if name not in is_signed and _is_covered(name):
            raise InvalidSignature(f"'{shown(name)}' must be a 'SignedHeader' in the AWS Authorization.")


@lru_cache(maxsize=256)
def _is_covered(name: bytes) -> bool:
    return name in COVERED or name.startswith(COVERED_PREFIXES)


def _declared_hash(given: Given) -> str | None:
    declared = given.get(BODY_HASH)
    if declared is not None and not _SHA256.fullmatch(declared):
        raise InvalidSignature(
            f"x-amz-content-sha256 must be the SHA-256 of the body, got '{shown(declared)}': payloads that are unsigned"
            " or streamed in signed chunks are not accepted."
        )
    return None if declared is None else declared.decode()


def _head(method: str, path: bytes, parts: Parts, given: Given) -> bytes:
    try:
        lines = canonical_headers(parts.claim.names, given)
    except KeyError as error:
        raise InvalidSignature(f"The request lacks the header '{shown(error.args[0])}', which is signed.") from error
    if not lines.isascii():
        raise IncompleteSignature("A signed header has bytes outside ASCII: send ASCII.")
    query = canonical_query(parts.query) if parts.query else b""
    return b"\n".join((method.encode(), canonical_path(path), query, lines, parts.claim.names_text, b""))


def _joined(headers: Headers) -> dict[bytes, bytes]:
    values: dict[bytes, list[bytes]] = {}
    for name, value in headers:
        values.setdefault(name, []).append(value)
    for name, given in values.items():
        if len(given) > 1 and (name in (AUTHORIZATION, HTTP_DATE) or _is_covered(name)):
            raise IncompleteSignature(f"The header '{shown(name)}' is given {len(given)} times: send it once.")
    return {name: b",".join(b" ".join(value.split()) for value in given) for name, given in values.items()}


def _stamp(at: datetime) -> str:
    return at.strftime("%Y%m%dT%H%M%SZ")
