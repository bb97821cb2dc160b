"""A request in the one form that both sides sign: path, query and headers, as AWS's clients write them down.

What lives here: normal forms, bytes to bytes, in time linear in the input (but for the order of a query). What does
not: which headers must be signed (reading), the hashes (verifying).
"""

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Final
from urllib.parse import quote_from_bytes

REMEMBERED_PATH_BYTES: Final = 256  # longer ones are worked out again, so that nobody fills the memory with them
_ASCII_AS_SENT: Final = bytes(range(0x21, 0x7F)).decode()


def canonical_path(path: bytes) -> bytes:
    """The path without empty and dot segments, percent-encoded once more; `path` as it was sent, encoded already.

    Every service that is served here signs paths encoded twice; S3 alone does not, and has a door of its own.
    Source: botocore's SigV4Auth, against which tests/unit/test_signature_properties.py holds it.
    """
    return _remembered_path(path) if len(path) <= REMEMBERED_PATH_BYTES else _canonical_path(path)


def canonical_query(pairs: Iterable[tuple[bytes, bytes]]) -> bytes:
    """The pairs in order of name and value, each with its `=`.

    Pairs stay in the bytes that were sent, as botocore signs them: what is not decoded cannot be read in two ways.
    Bytes outside ASCII, which no client sends unencoded, are encoded.
    """
    return b"&".join(_encoded(b"%b=%b" % pair) for pair in sorted(pairs))


def query_pairs(query: bytes) -> list[tuple[bytes, bytes]]:
    """Names and values of a query string, as sent; none for an empty one."""
    if not query:
        return []
    return [(name, value) for name, _, value in (pair.partition(b"=") for pair in query.split(b"&"))]


def canonical_headers(names: Iterable[bytes], values: Mapping[bytes, bytes]) -> bytes:
    """A line for each name, whitespace in its value folded. Raises KeyError for a name without a value."""
    return b"".join([name + b":" + b" ".join(values[name].split()) + b"\n" for name in names])


def _canonical_path(path: bytes) -> bytes:
    kept: list[bytes] = []
    for segment in path.split(b"/"):
        if segment == b"..":
            del kept[-1:]
        elif segment not in (b"", b"."):
            kept.append(segment)
    leading = b"/" if path.startswith(b"/") else b""
    trailing = b"/" if kept and path.endswith(b"/") else b""
    return quote_from_bytes(leading + b"/".join(kept) + trailing, safe="/~").encode()


_remembered_path = lru_cache(maxsize=1024)(_canonical_path)


def _encoded(pair: bytes) -> bytes:
    return pair if pair.isascii() else quote_from_bytes(pair, safe=_ASCII_AS_SENT).encode()
