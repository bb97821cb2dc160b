"""What a signed request claims, read from its head: by which key, for what, when, over which headers.

What lives here: the forms and the time of a claim, and what of a request a signature must cover. What does not: where
its parts stand (parts), whether it is true (verifying).
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import pairwise
from typing import Final

from service.core.signatures.canonical import canonical_headers, canonical_path, canonical_query, folded
from service.core.signatures.errors import IncompleteSignature, InvalidSignature
from service.core.signatures.parts import AUTHORIZATION, HTTP_DATE, Given, Parts, parts_of, shown

TERMINATOR: Final = b"aws4_request"
SKEW: Final = timedelta(minutes=5)
MOST_EXPIRES_SECONDS: Final = 604_800  # AWS's limit
BODY_HASH: Final = b"x-amz-content-sha256"
# Whoever can add one of these to a request that was signed without it changes what it means.
COVERED: Final = frozenset({b"host", b"content-type", b"content-encoding"})
COVERED_PREFIXES: Final = (b"x-amz-", b"x-amzn-sagemaker-")

Headers = Sequence[tuple[bytes, bytes]]

_SCOPE: Final = re.compile(rb"[A-Za-z0-9_-]{1,128}/[0-9]{8}/[A-Za-z0-9-]{1,64}/[A-Za-z0-9-]{1,64}/[^/]*")
_NAMES: Final = re.compile(rb"[!#$%&'*+.^_`|~0-9a-z;-]+")
_TIME: Final = re.compile(rb"[0-9]{8}T[0-9]{6}Z")
_SHA256: Final = re.compile(rb"[0-9a-f]{64}")
_EXPIRES: Final = re.compile(rb"[0-9]{1,6}")


@dataclass(frozen=True, slots=True)
class Scope:
    """What a signing key is good for: one access key on one day (YYYYMMDD), in one region, for one service."""

    key_id: str
    date: str
    region: str
    service: str


@dataclass(frozen=True, slots=True)
class Signature:
    """A claim, not verified yet.

    `signed_at` and `good_until` are aware UTC, `session_token` that of temporary keys, `body_sha256` what the client
    says the hash of its body is where it says so, `value` 64 hexadecimal digits. `head` is the canonical request up to
    that hash, `preamble` what is signed up to the hash of the canonical request.
    """

    scope: Scope
    signed_at: datetime
    good_until: datetime
    session_token: str | None = field(repr=False)
    body_sha256: str | None
    value: bytes = field(repr=False)
    head: bytes = field(repr=False)
    preamble: bytes = field(repr=False)


def read_signature(method: str, path: bytes, query: bytes, headers: Headers, now: datetime) -> Signature:
    """The claim of a request: `path` and `query` as sent, header names in lower case, `now` aware.

    Raises MissingAuthenticationToken, IncompleteSignature, and InvalidSignature where it lies outside its time or does
    not cover what it must. Checked in tests/unit/test_signatures.py.
    """
    given = dict(headers)
    if len(given) != len(headers):
        given = _joined(headers)
    parts = parts_of(given, query)
    scope, names, signed_at = _scope(parts.credential), _signed_names(parts.signed_headers), _time(parts.time)
    good_until = _good_until(parts, scope, signed_at, now)
    _require_covered(given, names)
    if not _SHA256.fullmatch(parts.value):
        raise InvalidSignature(f"Signature must be 64 hexadecimal digits, got '{shown(parts.value)}'.")
    return Signature(
        scope=scope,
        signed_at=signed_at,
        good_until=good_until,
        session_token=None if parts.token is None else parts.token.decode("latin-1"),
        body_sha256=_declared_hash(given),
        value=parts.value,
        head=_head(method, path, parts, names, given),
        preamble=b"AWS4-HMAC-SHA256\n%b\n%b\n" % (parts.time, parts.credential.partition(b"/")[2]),
    )


def require_service(signature: Signature, service: str) -> None:
    """Return where the signature is for the service, by its signing name. Raises InvalidSignature.

    Any region will do: an installation is one, whatever its clients call it, and its secrets are no other's.
    """
    if signature.scope.service != service:
        raise InvalidSignature(f"Credential should be scoped to correct service: '{service}'.")


@lru_cache(maxsize=256)
def _scope(credential: bytes) -> Scope:
    parts = credential.split(b"/")
    if len(parts) != 5:
        raise IncompleteSignature(
            "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term,"
            f" got '{shown(credential)}'"
        )
    if not _SCOPE.fullmatch(credential):
        raise IncompleteSignature(f"Credential has an element that no credential has: '{shown(credential)}'")
    if parts[4] != TERMINATOR:
        raise InvalidSignature(
            f"Credential should be scoped with a valid terminator: 'aws4_request', not '{shown(parts[4])}'."
        )
    key_id, date, region, service = (part.decode() for part in parts[:4])
    return Scope(key_id, date, region, service)


@lru_cache(maxsize=256)
def _signed_names(names: bytes) -> tuple[bytes, ...]:
    found = tuple(names.split(b";"))
    if not _NAMES.fullmatch(names) or b"" in found:
        raise IncompleteSignature(f"SignedHeaders must be header names in lower case, got '{shown(names)}'")
    if any(one >= other for one, other in pairwise(found)):
        raise IncompleteSignature(f"SignedHeaders must be in order, each name once, got '{shown(names)}'")
    return found


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


def _good_until(parts: Parts, scope: Scope, signed_at: datetime, now: datetime) -> datetime:
    date = parts.time[:8].decode()
    if date != scope.date:
        raise InvalidSignature(
            "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP:"
            f" '{scope.date}' != '{date}', from '{parts.time.decode()}'."
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


def _require_covered(given: Given, names: tuple[bytes, ...]) -> None:
    if b"host" not in names:
        raise InvalidSignature("'Host' must be a 'SignedHeader' in the AWS Authorization.")
    for name in given:
        if name not in names and _is_covered(name):
            raise InvalidSignature(f"'{shown(name)}' must be a 'SignedHeader' in the AWS Authorization.")


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


def _head(method: str, path: bytes, parts: Parts, names: tuple[bytes, ...], given: Given) -> bytes:
    try:
        lines = canonical_headers(names, given)
    except KeyError as error:
        raise InvalidSignature(f"The request lacks the header '{shown(error.args[0])}', which is signed.") from error
    if not lines.isascii():
        raise IncompleteSignature("A signed header has bytes outside ASCII: send ASCII.")
    query = canonical_query(parts.query) if parts.query else b""
    return b"\n".join((method.encode(), canonical_path(path), query, lines, parts.signed_headers, b""))


def _joined(headers: Headers) -> dict[bytes, bytes]:
    values: dict[bytes, list[bytes]] = {}
    for name, value in headers:
        values.setdefault(name, []).append(value)
    for name, given in values.items():
        if len(given) > 1 and (name in (AUTHORIZATION, HTTP_DATE) or _is_covered(name)):
            raise IncompleteSignature(f"The header '{shown(name)}' is given {len(given)} times: send it once.")
    return {name: b",".join(map(folded, given)) if len(given) > 1 else given[0] for name, given in values.items()}


def _stamp(at: datetime) -> str:
    return at.strftime("%Y%m%dT%H%M%SZ")
