"""Who may invoke: the caller's key before a body is read, its signature and grants after.

What lives here: the two steps, and their refusals as the runtime API words them. What does not: keys (access).
"""

from collections.abc import Iterator
from contextlib import contextmanager

from starlette.types import Scope

from service.control.access.auditing import notes_of
from service.control.access.authentication import Authenticator, Claim, Throttled, head_of
from service.control.access.enforcement import Access, AccessDenied
from service.control.access.resources import Installation
from service.control.gateway.errors import Refused, ThrottlingException
from service.core.access import Principal
from service.core.signatures.errors import SignatureRefused

OPERATION = "sagemaker:InvokeEndpoint"
SIGNING_NAME = "sagemaker"


class Gate:
    """Stands before the endpoints of one installation."""

    def __init__(self, authenticator: Authenticator, here: Installation) -> None:
        self._authenticator = authenticator
        self.here = here

    def claim(self, scope: Scope) -> Claim:
        """What the head of a request claims. Raises Refused."""
        call = notes_of(scope)
        call.operation = OPERATION
        with _refusals():
            claim = self._authenticator.claim(head_of(scope))
            call.claimed = claim.principal
            self._authenticator.require_service(claim, SIGNING_NAME)
            return claim

    def admit(self, claim: Claim, body: bytes, endpoint: str) -> Principal:
        """The caller, who may invoke the endpoint, whether it is there or not. Raises Refused."""
        with _refusals():
            caller = self._authenticator.prove(claim, body)
            Access(caller, self.here).require(OPERATION, {"EndpointName": endpoint})
            return caller


@contextmanager
def _refusals() -> Iterator[None]:
    try:
        yield
    except Throttled as error:
        raise ThrottlingException(error) from error
    except SignatureRefused as error:
        raise Refused(error.code, str(error), error.status) from error
    except AccessDenied as error:
        raise Refused(error.code, str(error), error.query_status) from error
