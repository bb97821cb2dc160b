"""The parts of a signature where a request carries them: its Authorization header, or its query where it is presigned.

What lives here: both forms, and what is no form of either. What does not: what the parts say (reading).
"""

from collections.abc import Mapping, Sequence
from datetime import UTC
from email.utils import parsedate_to_datetime
from functools import lru_cache
from typing import Final, NamedTuple
from urllib.parse import unquote_to_bytes

from service.core.signatures.canonical import query_pairs
from service.core.signatures.errors import IncompleteSignature, InvalidSignature, MissingAuthenticationToken

ALGORITHM: Final = b"AWS4-HMAC-SHA256"
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

Given = Mapping[bytes, bytes]
Query = Sequence[tuple[bytes, bytes]]


class Parts(NamedTuple):
    """What both forms have, as it was sent; `expires` is that of a presigned request, `query` what of it is signed."""

    credential: bytes
    signed_headers: bytes
    value: bytes
    time: bytes
    expires: bytes | None
    token: bytes | None
    query: Query


def parts_of(given: Given, query: bytes) -> Parts:
    """The parts of a request's signature: its headers by names in lower case, its query string as sent.

    Raises MissingAuthenticationToken where it has none of either form, IncompleteSignature where it has both, or one
    that lacks a part, has one twice, or one more.
    """
    if AUTHORIZATION in given:
        return _in_header(given, query)
    return _in_query(given, query_pairs(query))


def shown(value: bytes) -> str:
    """The beginning of what somebody sent, in ASCII, for an error's text."""
    return ascii(value[:SHOWN].decode("latin-1"))[1:-1]


def _in_header(given: Given, query: bytes) -> Parts:
    algorithm, _, rest = given[AUTHORIZATION].partition(b" ")
    if not algorithm.startswith(b"AWS4-"):
        raise MissingAuthenticationToken(_UNSIGNED)
    _require_algorithm(algorithm)
    credential, names, value = _authorization(rest)
    pairs = query_pairs(query) if query else []
    if pairs and any(name.startswith(_QUERY_PREFIX) for name, _ in pairs):
        raise IncompleteSignature("The request is signed in its query and in its Authorization header: keep to one.")
    time = given[DATE] if DATE in given else _http_date(given, names)
    return Parts(credential, names, value, time, None, given.get(TOKEN), pairs)


def _authorization(rest: bytes) -> tuple[bytes, bytes, bytes]:
    if len(rest) > MOST_BYTES:
        raise IncompleteSignature(f"Authorization header is longer than {MOST_BYTES} bytes: sign fewer headers.")
    named, is_there, value = rest.rpartition(b"Signature=")
    if not is_there:
        raise IncompleteSignature("Authorization header requires 'Signature' parameter.")
    return *_named(named), value


@lru_cache(maxsize=256)
def _named(text: bytes) -> tuple[bytes, bytes]:
    # what comes before the signature is the same in all requests of a client, for a day
    *parts, last = text.split(b",")
    if last.strip(b" "):
        raise IncompleteSignature(f"Authorization header has no comma between '{shown(last)}' and its Signature.")
    found: dict[bytes, bytes] = {}
    for part in parts:
        name, _, value = part.strip(b" ").partition(b"=")
        if name in found or name not in _HEADER_PARTS:
            raise IncompleteSignature(f"Authorization header has no place for '{shown(part)}' before its Signature.")
        found[name] = value
    lacking = [name.decode() for name in _HEADER_PARTS if name not in found]
    if lacking:
        raise IncompleteSignature(" ".join(f"Authorization header requires '{name}' parameter." for name in lacking))
    return found[b"Credential"], found[b"SignedHeaders"]


def _http_date(given: Given, names: bytes) -> bytes:
    value = given.get(HTTP_DATE)
    if value is None:
        raise IncompleteSignature(
            "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header."
        )
    if HTTP_DATE not in names.split(b";"):
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
    if any(len(value) > MOST_BYTES for value in found.values()):
        raise IncompleteSignature(f"An X-Amz parameter of the query string is longer than {MOST_BYTES} bytes.")
    return Parts(
        credential=found[b"X-Amz-Credential"],
        signed_headers=found[b"X-Amz-SignedHeaders"],
        value=found[_QUERY_SIGNATURE],
        time=found[b"X-Amz-Date"],
        expires=found[b"X-Amz-Expires"],
        token=found.get(b"X-Amz-Security-Token", given.get(TOKEN)),
        query=[pair for pair in pairs if pair[0] != _QUERY_SIGNATURE],
    )


def _require_algorithm(algorithm: bytes) -> None:
    if algorithm != ALGORITHM:
        raise IncompleteSignature(f"Unsupported AWS 'algorithm': '{shown(algorithm)}': sign by {ALGORITHM.decode()}.")
