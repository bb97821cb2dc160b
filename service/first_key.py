"""The first key: the one that this machine's own commands, and its S3 door, use; a file in the data folder.

What lives here: that file, and where secrets lie. What does not: when a first key is made
(control.access.introduction).
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from monitor_jobs.contract.errors import BadInput
from service.core.keys import ApiKey, KeyPair
from service.core.secret import Secret
from service.private_files import read_private, replace_private

MOST_BYTES: Final = 65_536


@dataclass(frozen=True, slots=True)
class FirstKey:
    """The keys of the first user: a pair for signatures, which was given by settings or made, and an API key."""

    user: str
    pair: KeyPair
    api_key: ApiKey
    is_given: bool


@dataclass(frozen=True, slots=True)
class Introduction:
    """The first key: new where it was made or changed just now, and is to be shown, once; active unless revoked."""

    key: FirstKey
    is_new: bool
    is_active: bool


def secrets_folder(data: Path) -> Path:
    """Where a data folder keeps what nobody else may read."""
    return data / "secrets"


def first_key_file(data: Path) -> Path:
    """Where the first key is."""
    return secrets_folder(data) / "first-key.json"


def read_first_key(data: Path) -> FirstKey | None:
    """The first key; None where there is no such file. Raises BadInput for one that others may read, or is none."""
    path = first_key_file(data)
    try:
        members = json.loads(read_private(path, most_bytes=MOST_BYTES))
        return FirstKey(
            user=str(members["user"]),
            pair=KeyPair(str(members["access_key_id"]), Secret(str(members["secret_access_key"]))),
            api_key=ApiKey(str(members["api_key_id"]), Secret(str(members["api_key"]))),
            is_given=members["given"] is True,
        )
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError):
        # Not `from` what could not be read: that has it in its message.
        raise BadInput(f"{path} is no first key: delete it, and the next start makes another") from None


def write_first_key(data: Path, key: FirstKey) -> None:
    """Leave the first key in its file, for its owner only."""
    members = {
        "user": key.user,
        "access_key_id": key.pair.key_id,
        "secret_access_key": key.pair.secret.reveal(),
        "api_key_id": key.api_key.key_id,
        "api_key": key.api_key.secret.reveal(),
        "given": key.is_given,
    }
    replace_private(first_key_file(data), json.dumps(members, indent=2).encode() + b"\n")
