"""The key of this installation's digests: 32 random bytes in a file that its owner alone may read.

What lives here: the file. What does not: the digest (monitor_jobs.contract.keyed_hash). Whoever loses the file can no
more join new captures with old ones by a hashed value, nor find an erased id's tombstone; nothing else is lost.
"""

import os
import secrets
import stat
from pathlib import Path
from typing import Final

from monitor_jobs.contract.errors import BadInput

FILE_NAME: Final = "digest.key"
KEY_BYTES: Final = 32
OTHERS: Final = 0o077


def digest_key(data: Path) -> bytes:
    """The key of a data folder, made where there is none; processes that start at once come to have the same.

    Raises BadInput where others may read the file, or it is no key; OSError.
    """
    path = data / FILE_NAME
    if not path.exists():
        _create(path)
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC), "rb") as file:
        if stat.S_IMODE(os.fstat(file.fileno()).st_mode) & OTHERS:
            raise BadInput(f"{path} can be read by others: chmod 600 {path}")
        key = file.read(KEY_BYTES + 1)
    if len(key) != KEY_BYTES:
        raise BadInput(f"{path} is no key of {KEY_BYTES} bytes: put the right one back, or remove it to get another")
    return key


def _create(path: Path) -> None:
    """Under a name of its own, synced, then linked to its own: never there in part, and never replaced."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{secrets.token_hex(8)}.key")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        os.write(descriptor, secrets.token_bytes(KEY_BYTES))
        os.fsync(descriptor)
        os.link(beside, path)
    except FileExistsError:
        pass  # another process was first: its key is the one
    finally:
        os.close(descriptor)
        beside.unlink()
