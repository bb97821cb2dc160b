"""Keeps an endpoint process to those who hold this installation's token: other users of the machine reach its port too.

What lives here: the ASGI middleware. What does not: the token, of which a process knows only the hash, users and roles
(control, which asks on behalf of its callers).
"""

import hmac
from hashlib import sha256
from typing import Final

from starlette.types import ASGIApp, Receive, Scope, Send

from service.endpoint.invocation import send_error

OPEN_PATHS: Final = frozenset({"/ping"})
BEARER: Final = b"Bearer "
UNAUTHORIZED: Final = 401


class CallersOnly:
    """401 for a request without the token whose SHA-256 this is, other than /ping; where that is "", for all."""

    def __init__(self, app: ASGIApp, *, token_sha256: str) -> None:
        self._app = app
        self._token_sha256 = token_sha256.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it before its body is read."""
        if scope["type"] != "http" or scope["path"] in OPEN_PATHS or self._is_caller(scope):
            await self._app(scope, receive, send)
        else:
            await send_error(send, UNAUTHORIZED, "the token of this installation is needed: ask the control process")

    def _is_caller(self, scope: Scope) -> bool:
        headers: list[tuple[bytes, bytes]] = scope["headers"]
        sent = next((value for name, value in headers if name == b"authorization"), b"")
        found = sha256(sent.removeprefix(BEARER)).hexdigest().encode()
        return sent.startswith(BEARER) and hmac.compare_digest(found, self._token_sha256)
