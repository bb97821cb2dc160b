"""The token that endpoint processes ask of their callers: one an installation, in a file for its owner only.

What lives here: that file. What does not: who presents it (control, Prometheus), who asks for it (endpoint), where
secrets lie (first_key).
"""

import secrets
from hashlib import sha256
from pathlib import Path
from typing import Final

from monitor_jobs.contract.errors import BadInput
from service.first_key import secrets_folder
from service.private_files import made_once

TOKEN_BYTES: Final = 32
LEAST_CHARACTERS, MOST_BYTES = 32, 1024


def endpoint_token_file(data: Path) -> Path:
    """Where the token is: what Prometheus's credentials_file names."""
    return secrets_folder(data) / "endpoint-token"


def endpoint_token(data: Path) -> str:
    """The token of a data folder, which is made where there is none; processes that start at once get the same.

    Raises BadInput where others may read it, or it is too short to be one.
    """
    path = endpoint_token_file(data)
    content = made_once(path, lambda: secrets.token_urlsafe(TOKEN_BYTES).encode(), most_bytes=MOST_BYTES)
    token = content.decode(errors="replace").strip()
    if len(token) < LEAST_CHARACTERS or not token.isascii() or not token.isprintable():
        raise BadInput(f"{path} is no endpoint token: delete it, and restart the service and its endpoints")
    return token


def token_sha256(token: str) -> str:
    """What an endpoint process is told of the token: its SHA-256, in hexadecimal."""
    return sha256(token.encode()).hexdigest()
