"""Logging in with an API key, and out again.

What lives here: the two forms, and the one page that is for everybody. What does not: sessions themselves
(access.sessions), single sign-on.
"""

from typing import Final

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from service.control.access.auditing import notes_of
from service.control.access.authentication import Throttled, address_of
from service.control.console.browser import own_path
from service.control.console.door import Door, Visit
from service.control.console.forms import Form, read_form
from service.control.console.rendering import page, redirection
from service.core.access import Principal
from service.core.secret import Secret
from service.core.signatures.errors import SignatureRefused

NOT_TAKEN: Final = "This is no API key that is in force. `sextant keys create` makes one; it begins with sxt_."


class Login:
    """The pages on both sides of a session, behind one door."""

    def __init__(self, door: Door) -> None:
        self._door = door

    async def show(self, request: Request) -> Response:
        """The form."""
        return page("login", next=own_path(request.query_params.get("next", "/")), remark="")

    async def log_in(self, request: Request) -> Response:
        """A new session for who sends an API key, and on to the page that was asked for."""
        self._door.cookies.require_own_page(request)
        with self._door.bodies.room() as room:
            form = await read_form(request, room)
        following, api_key = own_path(form.get("next", "/")), Secret(form.get("api_key", "").strip())
        try:
            caller = self._door.authenticator.bearer(api_key.reveal(), address_of(request.scope))
        except SignatureRefused as error:
            return _not_taken(request, error, following)
        call = notes_of(request.scope)
        call.proven, call.is_told = caller, True
        answer = redirection(following)
        self._door.cookies.give(answer, await self._begun(request, api_key, caller), request)
        return answer

    async def log_out(self, visit: Visit, _form: Form) -> Response:
        """The end of the session, here and in the browser."""
        notes_of(visit.request.scope).is_told = True
        if visit.session is not None:
            await run_in_threadpool(self._door.sessions.end, visit.session.id.reveal())
        answer = redirection("/login")
        self._door.cookies.take(answer, visit.request)
        return answer

    async def _begun(self, request: Request, api_key: Secret, caller: Principal) -> Secret:
        """The id of a new session, which takes the place of any that the browser had."""
        sessions, held = self._door.sessions, self._door.cookies.held(request)
        if held is not None:
            await run_in_threadpool(sessions.end, held)
        return (await run_in_threadpool(sessions.begin, api_key, caller)).id


def _not_taken(request: Request, error: SignatureRefused, following: str) -> Response:
    if isinstance(error, Throttled):
        answer = page("login", 429, next=following, remark=str(error))
        answer.headers["Retry-After"] = error.retry_after
        return answer
    notes_of(request.scope).error = error.code
    return page("login", 401, next=following, remark=NOT_TAKEN)
