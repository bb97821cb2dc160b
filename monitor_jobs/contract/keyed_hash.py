"""Digests that only the holder of this installation's key can make: equal values stay equal, none can be looked up.

What lives here: the digest. What does not: the key's file (service.digest_key). Each use has a word of its
own before the value, so that a digest of one use tells nothing about one of another.
"""

import hmac
from enum import StrEnum
from typing import Final

DIGEST_BYTES: Final = 16  # RFC 2104, section 5: half of SHA-256 is the least that should be kept
DIGEST_PREFIX: Final = "hmac:"


class DigestUse(StrEnum):
    """What a digest stands for."""

    REDACTED = "redacted"  # a value in a capture
    ERASED = "erased"  # an id that was erased


def keyed_hash(key: bytes, use: DigestUse, value: bytes) -> str:
    """`hmac:` and 32 hexadecimal digits of HMAC-SHA-256, which fit where an inference id does (64 characters)."""
    return DIGEST_PREFIX + hmac.digest(key, use.encode() + b"\0" + value, "sha256")[:DIGEST_BYTES].hex()
