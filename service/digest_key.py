"""The key of this installation's digests: 32 random bytes in a file for its owner only.

What lives here: that file. What does not: the digest (monitor_jobs.contract.keyed_hash), where secrets lie (first_key).
Whoever loses the file can no more join new captures with old ones by a hashed value, nor begin an erasure once more;
nothing else is lost.
"""

import secrets
from pathlib import Path
from typing import Final

from monitor_jobs.contract.errors import BadInput
from service.first_key import secrets_folder
from service.private_files import made_once

KEY_BYTES: Final = 32


def digest_key_file(data: Path) -> Path:
    """Where the key is."""
    return secrets_folder(data) / "digest.key"


def digest_key(data: Path) -> bytes:
    """The key of a data folder, made where there is none; processes that start at once come to have the same.

    Raises BadInput where others may read the file, or it is no key.
    """
    path = digest_key_file(data)
    key = made_once(path, lambda: secrets.token_bytes(KEY_BYTES), most_bytes=KEY_BYTES + 1)
    if len(key) != KEY_BYTES:
        raise BadInput(f"{path} is no key of {KEY_BYTES} bytes: put the right one back, or remove it to get another")
    return key
