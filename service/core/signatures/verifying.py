"""Whether a claim is true: the signature that the secret makes of a request, compared with the one that came with it.

What lives here: signing keys, and the comparison. What does not: whose the secret is.
"""

import hmac
from functools import lru_cache
from hashlib import sha256
from typing import Final

from service.core.secret import Secret
from service.core.signatures.errors import InvalidSignature, UnrecognizedClient
from service.core.signatures.parts import Scope
from service.core.signatures.reading import Signature

KEYS_KEPT: Final = 1024


NOBODY: Final = Secret("the secret of keys that nobody has")


class SigningKeys:
    """Signing keys by scope and secret, the last ones used kept; a new secret has keys of its own. Thread safe."""

    def __init__(self, *, most: int = KEYS_KEPT) -> None:
        self._of = lru_cache(maxsize=most)(_signing_key)

    def of(self, scope: Scope, secret: Secret) -> bytes:
        """The key that signs within a scope, 32 bytes."""
        return self._of(scope, secret.reveal())

    def __len__(self) -> int:
        return self._of.cache_info().currsize


def _signing_key(scope: Scope, secret: str) -> bytes:
    key = f"AWS4{secret}".encode()
    for part in (scope.date, scope.region, scope.service, "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    return key


def verify(signature: Signature, secret: Secret | None, body_sha256: str, keys: SigningKeys) -> None:
    """Return where the secret signed the request with a body of this hash (hexadecimal, of the bytes that came).

    `secret` is None where nobody has the key, or it is not to be used: that takes as long to find out as a wrong
    signature. Raises UnrecognizedClient, InvalidSignature.
    """
    expected = hmac.digest(
        keys.of(signature.scope, secret or NOBODY), _string_to_sign(signature, body_sha256), "sha256"
    )
    is_equal = hmac.compare_digest(expected.hex().encode(), signature.value)
    if secret is None:
        raise UnrecognizedClient("The security token included in the request is invalid: use a key that is in force.")
    if signature.body_sha256 not in (None, body_sha256):
        raise InvalidSignature("The provided 'x-amz-content-sha256' header does not match what was computed.")
    if not is_equal:
        raise InvalidSignature(
            "The request signature we calculated does not match the signature you provided. Check your AWS Secret"
            " Access Key and signing method. Consult the service documentation for details."
        )


def _string_to_sign(signature: Signature, body_sha256: str) -> bytes:
    return signature.preamble + sha256(signature.head + body_sha256.encode()).hexdigest().encode()
