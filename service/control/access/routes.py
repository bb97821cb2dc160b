"""Plain HTTP routes: who asks, and whether they may, before a page is made.

What lives here: the guard in front of a page, and its refusals: 401 where the caller is not known, 403 where the caller
may not. What does not: AWS's protocols, which word theirs themselves (protocol, gateway).
"""

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from service.control.access.auditing import notes_of
from service.control.access.authentication import Authenticator, Throttled, head_of
from service.control.access.enforcement import Access, AccessDenied
from service.control.access.resources import Installation
from service.core.signatures.errors import SignatureRefused

Route = Callable[[Request], Awaitable[Response]]
SIGNING_NAME = "sagemaker"
CHALLENGE = {"WWW-Authenticate": 'Bearer realm="sextant"'}


class Guard:
    """Stands before pages of one installation."""

    def __init__(self, authenticator: Authenticator, here: Installation) -> None:
        self._authenticator = authenticator
        self._here = here

    def before(self, rule: str, page: Route) -> Route:
        """The page for those whom a rule lets in; a body is not read."""

        async def guarded(request: Request) -> Response:
            call = notes_of(request.scope)
            call.operation = rule
            try:
                claim = self._authenticator.claim(head_of(request.scope))
                self._authenticator.require_service(claim, SIGNING_NAME)
                call.claimed = claim.principal
                call.proven = caller = self._authenticator.prove(claim, b"")
                Access(caller, self._here).require(rule, {"ProcessingJobName": request.path_params.get("name")})
            except Throttled as error:
                return JSONResponse({"detail": str(error)}, 429, {"Retry-After": error.retry_after})
            except SignatureRefused as error:
                return JSONResponse({"detail": str(error)}, 401, CHALLENGE)
            except AccessDenied as error:
                return JSONResponse({"detail": str(error)}, 403)
            return await page(request)

        return guarded
