"""Keys of users: what they look like, how one is made from random bytes, and how an API key is recognised.

What lives here: access keys (a pair, for SigV4) and API keys (one text, for plain HTTP), their forms and digests. What
does not: where they are kept (core.records), what their users may do (core.access).
"""

import base64
import hashlib
import re
import string
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from random import SystemRandom
from typing import Final

from monitor_jobs.contract.errors import BadInput
from service.core.secret import HIDDEN, Secret

API_KEY_PREFIX: Final = "sxt_"  # by which secret scanners find one that leaked
API_KEY_PATTERN: Final = re.compile(API_KEY_PREFIX + r"[A-Za-z0-9_-]{43}")
# S3 services have shorter ones than AWS, and with hyphens. What is as long as a secret, or an API key, was put wrong.
GIVEN_ID_PATTERN: Final = re.compile(rf"(?!{API_KEY_PREFIX}|.{{40}}$)[A-Za-z0-9_-]{{3,128}}")
LEAST_SECRET_CHARACTERS: Final = 16
_ID_LETTERS: Final = string.ascii_uppercase + string.digits
_ID_CHARACTERS: Final = 17  # with three letters in front as many as AWS's
_SECRET_BYTES: Final = 30  # 40 characters, as AWS's
_API_KEY_BYTES: Final = 32


class KeyStatus(StrEnum):
    """Whether a key is taken, in AWS's words; `Expired` is never stored: a key's times say it."""

    ACTIVE = "Active"
    INACTIVE = "Inactive"
    EXPIRED = "Expired"


@dataclass(frozen=True, slots=True)
class KeyPair:
    """An access key: the id that a request names, and the secret that it is signed with."""

    key_id: str
    secret: Secret


@dataclass(frozen=True, slots=True)
class ApiKey:
    """An API key: the id by which it is administered, and the text that a request carries."""

    key_id: str
    secret: Secret


def new_key_pair(generator: SystemRandom) -> KeyPair:
    """A key pair of an id of 20 characters and a secret of 40 (240 random bits)."""
    return KeyPair("SXT" + _id(generator), Secret(_text(generator.randbytes(_SECRET_BYTES))))


def new_api_key(generator: SystemRandom) -> ApiKey:
    """An API key: an id of 20 characters, and `sxt_` with 43 characters for 256 random bits."""
    return ApiKey("SXK" + _id(generator), Secret(API_KEY_PREFIX + _text(generator.randbytes(_API_KEY_BYTES))))


def digest_of(api_key: str) -> str:
    """The SHA-256 of an API key, in hex: all that is kept of it.

    No salt and no stretching: 256 random bits are guessed neither with them nor without.
    """
    return hashlib.sha256(api_key.encode()).hexdigest()


def without_api_keys(text: str) -> str:
    """The text with stars for every API key in it, such as one that was sent where a name belongs."""
    return API_KEY_PATTERN.sub(API_KEY_PREFIX + HIDDEN, text)


def given_key_pair(key_id: str, secret: Secret) -> KeyPair:
    """The pair that a person chose. Raises BadInput, which shows no secret, for an id that no signature could name."""
    if not GIVEN_ID_PATTERN.fullmatch(key_id):
        # Not shown: a secret may have been put in its place.
        rule = "use 3 to 128 letters, digits, _ and -, and no secret"
        raise BadInput(f"an access key id of {len(key_id)} characters does not fit: {rule}")
    if not secret.reveal() or not secret.reveal().isprintable() or secret.reveal() != secret.reveal().strip():
        raise BadInput(f"the secret of access key {key_id} is empty, or has spaces around it or control characters")
    return KeyPair(key_id, secret)


def is_weak(secret: Secret) -> bool:
    """True for a secret so short that it could be guessed; those made here never are."""
    return len(secret) < LEAST_SECRET_CHARACTERS


def status_at(now: datetime, *, status: KeyStatus, expires_at: datetime | None) -> KeyStatus:
    """The status of a key at a time: one that has expired is so whatever else it was."""
    return KeyStatus.EXPIRED if expires_at is not None and expires_at <= now else status


def _id(generator: SystemRandom) -> str:
    return "".join(generator.choices(_ID_LETTERS, k=_ID_CHARACTERS))


def _text(random_bytes: bytes) -> str:
    return base64.urlsafe_b64encode(random_bytes).rstrip(b"=").decode()
