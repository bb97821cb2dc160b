"""What callers of the endpoint processes that tests start present; a `sextant up` makes a token of its own."""

from hashlib import sha256
from pathlib import Path
from typing import Final

from service.endpoint_token import endpoint_token_file
from service.private_files import private_folder, replace_private

TOKEN: Final = "what-every-caller-in-a-test-presents"
TOKEN_SHA256: Final = sha256(TOKEN.encode()).hexdigest()
AUTHORIZED: Final = {"Authorization": f"Bearer {TOKEN}"}
AUTHORIZATION: Final = b"authorization: Bearer " + TOKEN.encode() + b"\r\n"


def leave_token(data: Path) -> None:
    """Make this the token of a data folder, so that its gateway reaches the processes that tests start."""
    path = endpoint_token_file(data)
    private_folder(path.parent)
    replace_private(path, TOKEN.encode())
