"""Who sends a request: told by the API key that it carries, or by the signature that it has.

What lives here: the two steps around the reading of a body. First its head says who claims to send it, so that nobody
without a key is read from; then the body shows whether the signature is true. What does not: what that caller may do
(enforcement), how a protocol words a refusal.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Final

from starlette.types import Scope

from service.control.access.keys import KnownKeys
from service.control.access.rate_limits import RateLimits
from service.control.access.replay import UsedSignatures
from service.core.access import Principal
from service.core.signatures.errors import MissingAuthenticationToken, SignatureRefused, UnrecognizedClient
from service.core.signatures.reading import Signature, read_signature, require_service
from service.core.signatures.verifying import SigningKeys, verify

AUTHORIZATION: Final = b"authorization"
API_KEY_HEADER: Final = b"x-api-key"
BEARER: Final = b"bearer "
UNKNOWN: Final = "The security token included in the request is invalid: use a key that is in force."

Headers = Sequence[tuple[bytes, bytes]]


@dataclass(frozen=True, slots=True)
class Head:
    """What of a request comes before its body; path and query as they were sent, header names in lower case."""

    method: str
    path: bytes
    query: bytes
    headers: Headers
    address: str = ""


@dataclass(frozen=True, slots=True)
class Claim:
    """Whoever a request's head says that its sender is; proven already where there is no signature."""

    principal: Principal
    signature: Signature | None = None
    address: str = ""

    @property
    def service(self) -> str | None:
        """The signing name of the service that it was signed for; None where there is no signature."""
        return None if self.signature is None else self.signature.scope.service


class Throttled(SignatureRefused):
    """A caller who asks too often, by its address or by its key."""

    status = 400
    code, query_code = "ThrottlingException", "Throttling"

    def __init__(self, wait_seconds: float) -> None:
        seconds = max(1, math.ceil(wait_seconds))
        super().__init__(f"Rate exceeded: try again in {seconds} s.")
        self.retry_after = str(seconds)


class Authenticator:
    """Tells callers by their keys. Thread safe; proven by tests/contract/test_authentication.py."""

    def __init__(
        self, known: KnownKeys, used: UsedSignatures, limits: RateLimits, *, clock: Callable[[], datetime]
    ) -> None:
        self.limits = limits
        self._known = known
        self._used = used
        self._clock = clock
        self._signing_keys = SigningKeys()

    def claim(self, head: Head) -> Claim:
        """What the head claims. Raises SignatureRefused where there is no key, none that is known, or no such form."""
        try:
            return self._claimed(head)
        except SignatureRefused as error:
            raise self._counted(error, head.address) from error

    def prove(self, claim: Claim, body: bytes) -> Principal:
        """The caller, once the body has come as it was sent.

        Raises SignatureRefused where the claim is not true, Throttled where its key was used too often.
        """
        try:
            caller = self._proven(claim, body)
        except SignatureRefused as error:
            raise self._counted(error, claim.address) from error
        self.admit(caller)
        return caller

    def bearer(self, api_key: str, address: str) -> Principal:
        """Who may send this API key, which came in a form. Raises as `claim` and `prove` do for one in a header."""
        try:
            caller = _known(self._known.bearer(api_key))
        except SignatureRefused as error:
            raise self._counted(error, address) from error
        self.admit(caller)
        return caller

    def admit(self, caller: Principal) -> None:
        """Return where the caller's key was not used too often. Raises Throttled."""
        wait = self.limits.admit_key(caller.key_id)
        if wait is not None:
            raise Throttled(wait)

    def require_service(self, claim: Claim, signing_name: str) -> None:
        """Return where a signature, if there is one, is for the service. Raises InvalidSignature."""
        if claim.signature is not None:
            require_service(claim.signature, signing_name)

    def use_once(self, claim: Claim) -> None:
        """Remember a signature that was verified, for a change. Raises SignatureRefused where it came before."""
        if claim.signature is not None:
            self._used.use(claim.signature, self._clock())

    def _claimed(self, head: Head) -> Claim:
        api_key = _api_key(head.headers)
        if api_key is not None:
            return Claim(_known(self._known.bearer(api_key)), address=head.address)
        signature = read_signature(head.method, head.path, head.query, head.headers, self._clock())
        return Claim(_known(self._known.signing_key(signature.scope.key_id).principal), signature, head.address)

    def _proven(self, claim: Claim, body: bytes) -> Principal:
        if claim.signature is None:
            return claim.principal
        key = self._known.signing_key(claim.signature.scope.key_id)
        secret = None if key.principal is None else key.secret
        verify(claim.signature, secret, sha256(body).hexdigest(), self._signing_keys)
        return _known(key.principal)

    def _counted(self, error: SignatureRefused, address: str) -> SignatureRefused:
        if isinstance(error, MissingAuthenticationToken):
            return error  # no key was tried
        wait = self.limits.failed(address)
        return error if wait is None else Throttled(wait)


def head_of(scope: Scope) -> Head:
    """The head of a request that came over HTTP."""
    return Head(scope["method"], scope["raw_path"], scope["query_string"], scope["headers"], address_of(scope))


def address_of(scope: Scope) -> str:
    """The caller's address; "" for one that came over a socket with no address."""
    client = scope.get("client")
    return client[0] if client else ""


def _known(principal: Principal | None) -> Principal:
    if principal is None:
        raise UnrecognizedClient(UNKNOWN)
    return principal


def _api_key(headers: Headers) -> str | None:
    for name, value in headers:
        if name == API_KEY_HEADER:
            return value.decode("latin-1")
        if name == AUTHORIZATION and value[: len(BEARER)].lower() == BEARER:
            return value[len(BEARER) :].strip().decode("latin-1")
    return None
