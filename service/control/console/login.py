"""Logging in with an API key, and out again.

What lives here: the two forms, and the one page that is for everybody. What does not: sessions themselves
(access.sessions), single sign-on.
"""

import re
from typing import Final

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from service.control.access.auditing import notes_of
from service.control.access.authentication import Throttled, address_of
from service.control.console.door import Door, Visit
from service.control.console.forms import Form, read_form
from service.control.console.rendering import page, redirection
from service.core.secret import Secret
from service.core.signatures.errors import SignatureRefused

# A path of ours and nothing else: browsers read //host, and what has a backslash in it, as another server's.
OWN_PATH: Final = re.compile(r"/([A-Za-z0-9_-][A-Za-z0-9_.-]*(/[A-Za-z0-9_-][A-Za-z0-9_.-]*)*)?")
LONGEST_PATH: Final = 300
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
        following = own_path(form.get("next", "/"))
        api_key = Secret(form.get("api_key", "").strip())
        try:
            caller = self._door.authenticator.bearer(api_key.reveal(), address_of(request.scope))
        except Throttled as error:
            answer = page("login", 429, next=following, remark=str(error))
            answer.headers["Retry-After"] = error.retry_after
            return answer
        except SignatureRefused as error:
            notes_of(request.scope).error = error.code
            return page("login", 401, next=following, remark=NOT_TAKEN)
        call = notes_of(request.scope)
        call.proven, call.is_told = caller, True
        session = await run_in_threadpool(self._door.sessions.begin, api_key, caller)
        held = self._door.cookies.held(request)
        if held is not None:
            await run_in_threadpool(self._door.sessions.end, held)
        answer = redirection(following)
        self._door.cookies.give(answer, session.id, request)
        return answer

    async def log_out(self, visit: Visit, _form: Form) -> Response:
        """The end of the session, here and in the browser."""
        notes_of(visit.request.scope).is_told = True
        if visit.session is not None:
            await run_in_threadpool(self._door.sessions.end, visit.session.id.reveal())
        answer = redirection("/login")
        self._door.cookies.take(answer, visit.request)
        return answer


def own_path(wanted: str) -> str:
    """The path where it is one of this service's own, else that of the first page."""
    return wanted if len(wanted) <= LONGEST_PATH and OWN_PATH.fullmatch(wanted) else "/"
