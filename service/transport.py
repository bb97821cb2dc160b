"""How the control process may be reached: from this machine, or over TLS, spoken here or by a proxy in front.

What lives here: the rule, the TLS of it, and its address. What does not: which Host and Origin are answered
(local_only), endpoint processes, which never leave loopback.
"""

import ipaddress
import re
import ssl
from collections.abc import Iterator
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from monitor_jobs.contract.errors import BadInput
from service.core.keys import LEAST_SECRET_CHARACTERS, KeyPair, is_weak
from service.local_only import is_loopback
from service.settings import Settings, given_pair

HOST_NAME: Final = re.compile(r"(?!-)[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63})*|\[[0-9A-Fa-f:.]+\]")
STRICT_TRANSPORT: Final = (b"strict-transport-security", b"max-age=63072000")


def require_safe(settings: Settings) -> None:
    """Return where the service may listen on its address. Raises BadInput, which names all that is lacking.

    Loopback needs nothing. Another address needs TLS or a proxy that speaks it, the names that clients use, and a first
    key that is not weak where the settings give one. Proven by tests/unit/test_transport.py.
    """
    _require_host_names(settings.allowed_hosts)
    tls_context(settings)
    lacking = [] if is_loopback(settings.host) else list(_lacking(settings, given_pair(settings)))
    if lacking:
        raise BadInput(
            f"{settings.host!r} can be reached from other machines, and then needs {'; and '.join(lacking)}. "
            "Or bind to 127.0.0.1"
        )


def require_unguessable(settings: Settings, first_key: KeyPair) -> None:
    """Return where the first key may be used from where the service can be reached. Raises BadInput."""
    if not is_loopback(settings.host) and is_weak(first_key.secret):
        raise BadInput(f"{settings.host!r} can be reached from other machines, and then needs {_strong(first_key)}")


def tls_context(settings: Settings) -> ssl.SSLContext | None:
    """TLS 1.2 and newer with the certificate of the settings; None where they have none. Raises BadInput."""
    if settings.tls_certificate is None or settings.tls_key is None:
        if settings.tls_certificate != settings.tls_key:
            raise BadInput("SEXTANT_TLS_CERTIFICATE and SEXTANT_TLS_KEY belong together: set both, or neither")
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        # A key with a passphrase would else wait for somebody to type it.
        context.load_cert_chain(settings.tls_certificate, settings.tls_key, password=_no_passphrase)
    except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
        raise BadInput(
            f"SEXTANT_TLS_CERTIFICATE={settings.tls_certificate} with SEXTANT_TLS_KEY={settings.tls_key}: "
            f"{error}: name a PEM chain and its key, which has no passphrase"
        ) from error
    return context


def is_encrypted(settings: Settings) -> bool:
    """True where clients speak TLS, to this service or to the proxy in front."""
    return settings.behind_proxy or settings.tls_certificate is not None


def hosts_of(settings: Settings) -> frozenset[str]:
    """The Host values beyond loopback that are answered, without ports, in lower case."""
    own = () if is_loopback(settings.host) or _is_wildcard(settings.host) else (_bracketed(settings.host),)
    return frozenset(name.lower() for name in (*settings.allowed_hosts, *own))


def url_of(settings: Settings, port: int) -> str:
    """Where commands on this machine find the service: by a name of its certificate where it has one."""
    scheme = "http" if settings.tls_certificate is None else "https"
    if scheme == "https" and settings.allowed_hosts:
        return f"{scheme}://{settings.allowed_hosts[0]}:{port}"
    host = "127.0.0.1" if _is_wildcard(settings.host) else _bracketed(settings.host)
    return f"{scheme}://{host}:{port}"


class StrictTransport:
    """ASGI middleware: tells browsers, which have come over TLS, never to come without it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer as the application does, with one header more."""

        async def send_strictly(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message.get("headers", ()), STRICT_TRANSPORT]}
            await send(message)

        await self._app(scope, receive, send_strictly)


def _lacking(settings: Settings, first_key: KeyPair | None) -> Iterator[str]:
    if not is_encrypted(settings):
        yield (
            "TLS: set SEXTANT_TLS_CERTIFICATE and SEXTANT_TLS_KEY to PEM files, or start `sextant up --behind-proxy` "
            "where a proxy in front speaks it"
        )
    if not settings.allowed_hosts:
        yield "the names that clients use: set SEXTANT_ALLOWED_HOSTS to them, as in monitor.example.com"
    if first_key is not None and is_weak(first_key.secret):
        yield _strong(first_key)


def _strong(first_key: KeyPair) -> str:
    return (
        f"a first key that cannot be guessed: the secret of {first_key.key_id} has {len(first_key.secret)} characters; "
        f"give {LEAST_SECRET_CHARACTERS} or more in SEXTANT_SECRET_ACCESS_KEY_FILE, or none, and one is made"
    )


def _require_host_names(names: tuple[str, ...]) -> None:
    for name in names:
        if not HOST_NAME.fullmatch(name):
            raise BadInput(
                f"SEXTANT_ALLOWED_HOSTS has {name[:80]!r}: give names or addresses as in the Host header, without "
                "scheme and port; none stands for several"
            )


def _is_wildcard(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_unspecified
    except ValueError:
        return host == ""


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _no_passphrase() -> str:
    raise ValueError("the key has a passphrase")
