"""Secrets at rest: AES-256-GCM with a key that lies in a file of its own, for its owner only.

What lives here: the sealing key's file, sealing, and the way in which files of secrets are written. What does not:
what is sealed (control.access), API keys, of which only a digest is kept (core.keys).
"""

import base64
import binascii
import os
import secrets
import stat
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from monitor_jobs.contract.errors import BadInput
from service.core.secret import Secret, Unsealable

KEY_BYTES: Final = 32
NONCE_BYTES: Final = 12  # random: GCM allows 2^32 seals under one key
FORM: Final = "aes256gcm."  # another form of sealing would have another word here
FILE_MODE: Final = 0o600
OTHERS: Final = 0o077


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
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    _require_private(folder, folder.stat(), "700")
    path = folder / "sealing.key"
    if not path.exists():
        _create(path, secrets.token_bytes(KEY_BYTES))
    return SealedSecrets(_read(path))


def _read(path: Path) -> bytes:
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC), "rb") as file:
        _require_private(path, os.fstat(file.fileno()), "600")
        key = file.read(KEY_BYTES + 1)
    if len(key) != KEY_BYTES:
        raise BadInput(
            f"{path} is no sealing key of {KEY_BYTES} bytes: put back the right one; without it, delete the file, and "
            "make the access keys of all users anew"
        )
    return key


def _require_private(path: Path, found: os.stat_result, mode: str) -> None:
    if stat.S_IMODE(found.st_mode) & OTHERS or found.st_uid not in (os.geteuid(), 0):
        raise BadInput(
            f"{path} is not this user's alone (mode {stat.S_IMODE(found.st_mode):o}, owner {found.st_uid}): "
            f"chmod {mode} and chown it, and if others may have read it, make all access keys anew"
        )


def _create(path: Path, content: bytes) -> None:
    """Write a new file, whole or not at all; nothing happens where another process was first."""
    unfinished = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, FILE_MODE)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        # A link, and not a rename: it fails where the file is there already.
        os.link(unfinished, path)
    except FileExistsError:
        return
    finally:
        unfinished.unlink()
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
