"""Keeps a process that has no access control to its own machine.

What lives here: the rule that a server binds to loopback only, and the middleware that refuses what a browser would be
tricked into sending (DNS rebinding by Host, foreign pages by Origin). What does not: users and roles.
"""

import ipaddress
import json
import re
from functools import lru_cache
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from monitor_jobs.contract.errors import BadInput

AUTHORITY: Final = re.compile(r"(?P<name>[^:\[\]]+|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?")
ORIGIN_SCHEME: Final = "http://"
MISDIRECTED, FORBIDDEN = 421, 403


def require_loopback(host: str) -> None:
    """Return where a bind address is this machine's own. Raises BadInput for any other."""
    if not is_loopback(host):
        raise BadInput(f"{host!r} can be reached from other machines: bind to 127.0.0.1 until there is access control")


def is_loopback(host: str) -> bool:
    """True for `localhost`, 127.0.0.0/8 and ::1."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class LocalOnly:
    """ASGI middleware: 421 for a Host that is not loopback, 403 for an Origin that is no loopback http origin."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        refusal = _refusal(*_values(scope, b"host", b"origin"))
        if refusal is None:
            await self._app(scope, receive, send)
        elif scope["type"] == "http":
            for message in _messages(*refusal):
                await send(message)
        else:
            await send({"type": "websocket.close", "code": 1008})


def _values(scope: Scope, *names: bytes) -> list[tuple[bytes, ...]]:
    headers: list[tuple[bytes, bytes]] = scope["headers"]
    return [tuple(value for name, value in headers if name == wanted) for wanted in names]


@lru_cache(maxsize=64)
def _refusal(hosts: tuple[bytes, ...], origins: tuple[bytes, ...]) -> tuple[int, str] | None:
    if len(hosts) != 1 or not _is_loopback_authority(hosts[0].decode("latin-1")):
        return MISDIRECTED, "the Host header names no address of this machine: use 127.0.0.1 or localhost"
    for origin in origins:
        text = origin.decode("latin-1").lower()
        if not text.startswith(ORIGIN_SCHEME) or not _is_loopback_authority(text.removeprefix(ORIGIN_SCHEME)):
            return FORBIDDEN, "requests of pages from other machines are refused (Origin header)"
    return None


def _is_loopback_authority(authority: str) -> bool:
    match = AUTHORITY.fullmatch(authority)
    if match is None:
        return False
    name = match["name"]
    # Only brackets make an IPv6 address a host name.
    return is_loopback(name.strip("[]"))


def _messages(status: int, sentence: str) -> list[Message]:
    body = json.dumps({"error": sentence}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    return [
        {"type": "http.response.start", "status": status, "headers": headers},
        {"type": "http.response.body", "body": body},
    ]
