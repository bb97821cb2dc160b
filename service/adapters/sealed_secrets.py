"""Secrets at rest: AES-256-GCM with a key that lies in a file of its own, for its owner only.

What lives here: sealing, and which file has the key. What does not: how such files are kept (private_files), API keys,
of which only a digest is kept (core.keys).
"""

import base64
import binascii
import secrets
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from monitor_jobs.contract.errors import BadInput
from service.core.secret import Secret, Unsealable
from service.private_files import made_once

KEY_BYTES: Final = 32
NONCE_BYTES: Final = 12  # random: GCM allows 2^32 seals under one key
FORM: Final = "aes256gcm."  # another form of sealing would have another word here


class SealedSecrets:
    """The port core.ports.Sealer over one key."""

    def __init__(self, key: bytes) -> None:
        self._cipher = AESGCM(key)

    def seal(self, secret: Secret, *, key_id: str) -> str:
        """See core.ports.Sealer; the same secret never has the same form twice."""
        nonce = secrets.token_bytes(NONCE_BYTES)
        sealed = self._cipher.encrypt(nonce, secret.reveal().encode(), key_id.encode())
        return FORM + base64.b64encode(nonce + sealed).decode()

    def unseal(self, sealed: str, *, key_id: str) -> Secret:
        """See core.ports.Sealer."""
        try:
            content = base64.b64decode(sealed.removeprefix(FORM), validate=True)
            return Secret(self._cipher.decrypt(content[:NONCE_BYTES], content[NONCE_BYTES:], key_id.encode()).decode())
        except (InvalidTag, binascii.Error, ValueError) as error:
            raise Unsealable(
                f"the secret of key {key_id} was sealed with another sealing.key, or was changed since: put the "
                "sealing.key back that this database was used with, or delete the key and make another"
            ) from error


def open_sealed_secrets(folder: Path) -> SealedSecrets:
    """Sealing with the key of a folder, which is made, together with it, where there is none.

    Raises BadInput where others may read it, or it is no key. Processes that start at once come to have the same.
    Proven by tests/unit/test_sealed_secrets.py.
    """
    path = folder / "sealing.key"
    key = made_once(path, lambda: secrets.token_bytes(KEY_BYTES), most_bytes=KEY_BYTES + 1)
    if len(key) != KEY_BYTES:
        raise BadInput(
            f"{path} is no sealing key of {KEY_BYTES} bytes: put back the right one; without it, delete the file, and "
            "make the access keys of all users anew"
        )
    return SealedSecrets(key)
