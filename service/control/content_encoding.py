"""Packed request bodies: unpacked by no more than is worth reading.

What lives here: gzip, which AWS's clients send. What does not: reading a body (request_bodies); the runtime API and
endpoints take bodies as they are.
"""

import zlib
from typing import Final

from service.control.api import ApiError

GZIP: Final = "gzip"
AS_IT_IS: Final = ("", "identity")
MOST_TIMES: Final = 100  # as long as it came: what honest clients send is text, which packs ten times


class UnsupportedEncoding(ApiError):
    """A body packed in a way that nothing here unpacks."""

    status = 415


def unpacked(body: bytes, encoding: str, *, limit: int) -> bytes:
    """A body as its client wrote it. Raises UnsupportedEncoding, and ApiError for no gzip or too much of it."""
    if encoding in AS_IT_IS:
        return body
    if encoding.strip().lower() != GZIP:
        raise UnsupportedEncoding(
            f"Content-Encoding {encoding[:80]!r} is not unpacked: send {GZIP}, or the body as it is"
        )
    return _gunzipped(body, min(limit, MOST_TIMES * len(body)), limit)


def _gunzipped(body: bytes, most_bytes: int, limit: int) -> bytes:
    unpacking = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
    try:
        # One byte more than may be: who packs a gigabyte into a megabyte must not have it unpacked.
        whole = unpacking.decompress(body, most_bytes + 1)
    except zlib.error as error:
        raise ApiError(f"Request body is no gzip: {error}") from error
    if len(whole) > limit:
        raise ApiError(f"Request body is longer than {limit} bytes")
    if len(whole) > most_bytes:
        raise ApiError(f"Request body unpacks to more than {MOST_TIMES} times its {len(body)} bytes: send it unpacked")
    if not unpacking.eof or unpacking.unused_data:
        raise ApiError("Request body is no gzip: it is cut short, or something follows it")
    return whole
