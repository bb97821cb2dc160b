"""The parts of a signature where a request carries them: its Authorization header, or its query where it is presigned.

What lives here: both forms, what each part may be, and what is no signature. What does not: whether the parts fit the
request and its time (reading).
"""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC
from email.utils import parsedate_to_datetime
from functools import lru_cache
from itertools import pairwise
from typing import Final, NamedTuple
from urllib.parse import unquote_to_bytes

from service.core.signatures.canonical import query_pairs
from service.core.signatures.errors import IncompleteSignature, InvalidSignature, MissingAuthenticationToken

ALGORITHM: Final = b"AWS4-HMAC-SHA256"
TERMINATOR: Final = b"aws4_request"
MOST_BYTES: Final = 8192  # of what names key, headers and token
SHOWN: Final = 80

AUTHORIZATION: Final = b"authorization"
DATE: Final = b"x-amz-date"
HTTP_DATE: Final = b"date"
TOKEN: Final = b"x-amz-security-token"

_HEADER_PARTS: Final = (b"Credential", b"SignedHeaders")
_QUERY_PREFIX: Final = b"X-Amz-"
_QUERY_SIGNATURE: Final = b"X-Amz-Signature"
_QUERY_PARTS: Final = (
    b"X-Amz-Algorithm",
    b"X-Amz-Credential",
    b"X-Amz-Date",
    b"X-Amz-Expires",
    b"X-Amz-SignedHeaders",
    _QUERY_SIGNATURE,
)
_UNSIGNED: Final = "Missing Authentication Token: sign the request by AWS Signature Version 4."

_SCOPE: Final = re.compile(rb"[A-Za-z0-9_-]{1,128}/[0-9]{8}/[A-Za-z0-9-]{1,64}/[A-Za-z0-9-]{1,64}/[^/]*")
_NAMES: Final = re.compile(rb"[!#$%&'*+.^_`|~0-9a-z;-]+")

Given = Mapping[bytes, bytes]
Query = Sequence[tuple[bytes, bytes]]


class Scope(NamedTuple):
    """What a signing key is good for: one access key on one day (YYYYMMDD), in one region, for one service."""

    key_id: str
    date: str
    region: str
    service: str


class Claim(NamedTuple):
    """What is the same in many requests of one client: the scope, and which headers are signed, as sent and as set."""

    scope: Scope
    scope_text: bytes
    names_text: bytes
    names: tuple[bytes, ...]
    is_signed: frozenset[bytes]


class Parts(NamedTuple):
    """What both forms have; `expires` is that of a presigned request, `query` what of it is signed."""

    claim: Claim
    value: bytes
    time: bytes
    expires: bytes | None
    token: bytes | None
    query: Query


def parts_of(given: Given, query: bytes) -> Parts:
    """The parts of a request's signature: its headers by names in lower case, its query string as sent.

    Raises MissingAuthenticationToken where it has none of either form, IncompleteSignature where it has both, or one
    that lacks a part, has one twice, one more, or one that cannot be read.
    """
    if AUTHORIZATION in given:
        return _in_header(given, query)
    return _in_query(given, query_pairs(query))


def shown(value: bytes) -> str:
    """The beginning of what somebody sent, in ASCII, for an error's text."""
    return ascii(value[:SHOWN].decode("latin-1"))[1:-1]


def _in_header(given: Given, query: bytes) -> Parts:
    authorization = given[AUTHORIZATION]
    if not authorization.startswith(b"AWS4-"):
        raise MissingAuthenticationToken(_UNSIGNED)
    if len(authorization) > MOST_BYTES:
        raise IncompleteSignature(f"Authorization header is longer than {MOST_BYTES} bytes: sign fewer headers.")
    text, _, value = authorization.rpartition(b"Signature=")
    claim = _authorized(text or authorization)
    pairs = query_pairs(query)
    if pairs and any(name.startswith(_QUERY_PREFIX) for name, _ in pairs):
        raise IncompleteSignature("The request is signed in its query and in its Authorization header: keep to one.")
    time = given[DATE] if DATE in given else _http_date(given, claim)
    return Parts(claim, value, time, None, given.get(TOKEN), pairs)


@lru_cache(maxsize=256)
def _authorized(text: bytes) -> Claim:
    """The claim of an Authorization header up to its signature, which is the same in all of a client's day."""
    algorithm, _, rest = text.partition(b" ")
    _require_algorithm(algorithm)
    *parts, last = rest.split(b",")
    if last.strip(b" "):
        raise IncompleteSignature("Authorization header requires 'Signature' parameter, as the last of three.")
    found: dict[bytes, bytes] = {}
    for part in parts:
        name, _, value = part.strip(b" ").partition(b"=")
        if name in found or name not in _HEADER_PARTS:
            raise IncompleteSignature(f"Authorization header has no place for '{shown(part)}' before its Signature.")
        found[name] = value
    lacking = [name.decode() for name in _HEADER_PARTS if name not in found]
    if lacking:
        raise IncompleteSignature(" ".join(f"Authorization header requires '{name}' parameter." for name in lacking))
    return _claim(found[b"Credential"], found[b"SignedHeaders"])


def _http_date(given: Given, claim: Claim) -> bytes:
    value = given.get(HTTP_DATE)
    if value is None:
        raise IncompleteSignature("Authorization header requires existence of either a 'X-Amz-Date' or 'Date' header.")
    if HTTP_DATE not in claim.is_signed:
        raise InvalidSignature("'Date' must be a 'SignedHeader' in the AWS Authorization.")
    try:
        at = parsedate_to_datetime(value.decode("ascii"))
        return (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(UTC).strftime("%Y%m%dT%H%M%SZ").encode()
    except (ValueError, OverflowError) as error:
        raise IncompleteSignature(f"Date header is no HTTP date: '{shown(value)}'") from error


def _in_query(given: Given, pairs: Query) -> Parts:
    signing = [(name, value) for name, value in pairs if name.startswith(_QUERY_PREFIX)]
    if not signing:
        raise MissingAuthenticationToken(_UNSIGNED)
    found = {name: unquote_to_bytes(value) for name, value in signing}
    if len(found) != len(signing):
        raise IncompleteSignature("An X-Amz parameter stands twice in the query string: send it once.")
    lacking = ", ".join(f"'{name.decode()}'" for name in _QUERY_PARTS if name not in found)
    if lacking:
        raise IncompleteSignature(f"AWS query-string parameters must include {lacking}: it is not there.")
    _require_algorithm(found[b"X-Amz-Algorithm"])
    return Parts(
        claim=_claim(found[b"X-Amz-Credential"], found[b"X-Amz-SignedHeaders"]),
        value=found[_QUERY_SIGNATURE],
        time=found[b"X-Amz-Date"],
        expires=found[b"X-Amz-Expires"],
        token=found.get(b"X-Amz-Security-Token", given.get(TOKEN)),
        query=[pair for pair in pairs if pair[0] != _QUERY_SIGNATURE],
    )


def _require_algorithm(algorithm: bytes) -> None:
    if algorithm != ALGORITHM:
        raise IncompleteSignature(f"Unsupported AWS 'algorithm': '{shown(algorithm)}': sign by {ALGORITHM.decode()}.")


def _claim(credential: bytes, names_text: bytes) -> Claim:
    names = _signed_names(names_text)
    return Claim(_scope(credential), credential.partition(b"/")[2], names_text, names, frozenset(names))


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


def _signed_names(names: bytes) -> tuple[bytes, ...]:
    found = tuple(names.split(b";"))
    if not _NAMES.fullmatch(names) or b"" in found:
        raise IncompleteSignature(f"SignedHeaders must be header names in lower case, got '{shown(names)}'")
    if any(one >= other for one, other in pairwise(found)):
        raise IncompleteSignature(f"SignedHeaders must be in order, each name once, got '{shown(names)}'")
    return found
