"""Keeps a process to its own machine, and to those names of it that it was told.

What lives here: the rule that a server binds to loopback only, and the middleware that refuses what a browser would be
tricked into sending (DNS rebinding by Host, foreign pages by Origin). What does not: what another address needs
(transport), users and roles.
"""

import ipaddress
import json
import re
from functools import lru_cache
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from monitor_jobs.contract.errors import BadInput

AUTHORITY: Final = re.compile(r"(?P<name>[^:\[\]]+|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?")
MISDIRECTED, FORBIDDEN = 421, 403


def require_loopback(host: str) -> None:
    """Return where a bind address is this machine's own. Raises BadInput for any other."""
    if not is_loopback(host):
        raise BadInput(f"{host!r} can be reached from other machines: bind to 127.0.0.1")


def is_loopback(host: str) -> bool:
    """True for `localhost`, 127.0.0.0/8 and ::1."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class LocalOnly:
    """ASGI middleware: 421 for a Host that is not loopback, 403 for an Origin that is no page of loopback's.

    `hosts` are names, in lower case and without ports, that are answered besides, and whose pages over TLS are.
    """

    def __init__(self, app: ASGIApp, *, hosts: frozenset[str] = frozenset()) -> None:
        self._app = app
        self._hosts = hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        refusal = _refusal(*_values(scope, b"host", b"origin"), self._hosts)
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
def _refusal(hosts: tuple[bytes, ...], origins: tuple[bytes, ...], named: frozenset[str]) -> tuple[int, str] | None:
    if len(hosts) != 1 or not _is_known(hosts[0].decode("latin-1"), named):
        return (
            MISDIRECTED,
            "the Host header names no address of this service: use 127.0.0.1, localhost, or a name that it was told",
        )
    if not all(_is_own_page(origin.decode("latin-1").lower(), named) for origin in origins):
        return FORBIDDEN, "requests of other pages are refused (Origin header)"
    return None


def _is_own_page(origin: str, named: frozenset[str]) -> bool:
    scheme, separator, authority = origin.partition("://")
    if not separator or scheme not in ("http", "https"):
        return False
    # A page that came over plain HTTP may have been written by anybody on the way, unless it never left this machine.
    return _is_known(authority, named if scheme == "https" else frozenset())


def _is_known(authority: str, named: frozenset[str]) -> bool:
    match = AUTHORITY.fullmatch(authority)
    if match is None:
        return False
    name = match["name"]
    # Only brackets make an IPv6 address a host name.
    return name.lower() in named or is_loopback(name.strip("[]"))


def _messages(status: int, sentence: str) -> list[Message]:
    body = json.dumps({"error": sentence}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    return [
        {"type": "http.response.start", "status": status, "headers": headers},
        {"type": "http.response.body", "body": body},
    ]
