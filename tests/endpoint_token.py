"""What callers of the endpoint processes that tests start present; a service of its own makes one itself."""

from hashlib import sha256
from typing import Final

TOKEN: Final = "what-every-test-presents"
TOKEN_SHA256: Final = sha256(TOKEN.encode()).hexdigest()
AUTHORIZED: Final = {"Authorization": f"Bearer {TOKEN}"}
AUTHORIZATION_LINE: Final = f"authorization: Bearer {TOKEN}\r\n".encode()
