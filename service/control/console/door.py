"""Who may see a page or send a form: a key in the request, or a session that our own page used, and the table of rules.

What lives here: the way of every request of the console to its page, and its refusals. What does not: rules (access),
logging in (login).
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from monitor_jobs.contract.errors import NotFound, SextantError, StoreUnavailable
from service.control.access.auditing import Call, notes_of
from service.control.access.authentication import Authenticator, Throttled, head_of
from service.control.access.enforcement import Access, AccessDenied
from service.control.access.resources import Installation, Json
from service.control.access.routes import CHALLENGE, SIGNING_NAME, Route
from service.control.access.sessions import Session, Sessions
from service.control.api import ApiError
from service.control.console.browser import Cookies, ForeignPage, own_path
from service.control.console.forms import TOKEN, Form, FormRefused, read_form
from service.control.console.rendering import as_json, page, redirection
from service.core.access import Principal
from service.core.keys import without_api_keys
from service.core.signatures.errors import MissingAuthenticationToken, SignatureRefused
from service.request_bodies import CallerGone, RequestBodies, TooManyBodies

HTMX: Final = "hx-request"
REFRESH: Final = "sextant-refresh"  # of a page that asks again by itself, while nobody may be there
NO_CONTENT: Final = 204


class NotLoggedIn(SextantError):
    """A request with neither a key nor a session."""


@dataclass(frozen=True, slots=True)
class Visit:
    """One request of a caller who may make it; `session` is None where the request brings a key of its own."""

    request: Request
    caller: Principal
    session: Session | None

    @property
    def shown(self) -> dict[str, object]:
        """What every page shows of its visitor, and its forms carry."""
        token = None if self.session is None else self.session.token
        return {"visitor": self.caller, "token": token}


Page = Callable[[Visit], Awaitable[Response]]
FormHandler = Callable[[Visit, Form], Awaitable[Response]]


class Door:
    """Stands before the console of one installation."""

    def __init__(
        self,
        here: Installation,
        authenticator: Authenticator,
        sessions: Sessions,
        cookies: Cookies,
        bodies: RequestBodies,
    ) -> None:
        self._here = here
        self.authenticator = authenticator
        self.sessions = sessions
        self.cookies = cookies
        self.bodies = bodies

    def page(self, rule: str, make: Page) -> Route:
        """The page for those whom a rule lets in, by a key in the request or by a session."""

        async def guarded(request: Request) -> Response:
            call = _noted(request, rule)
            visit = Visit(request, *await self._caller(request, call))
            await self._admit(rule, visit, call)
            return await make(visit)

        return _answered(guarded)

    def form(self, rule: str, handle: FormHandler) -> Route:
        """The form for those whom a rule lets in, by a session alone, sent by a page of that session."""

        async def guarded(request: Request) -> Response:
            call = _noted(request, rule)
            session = await self._session(request, call)
            if session is None:
                raise NotLoggedIn
            with self.bodies.room() as room:
                form = await read_form(request, room)
            if not session.has_token(form.get(TOKEN, "")):
                raise ForeignPage("this form is of another session, or of none: open its page again")
            visit = Visit(request, session.caller, session)
            await self._admit(rule, visit, call)
            return await handle(visit, form)

        return _answered(guarded)

    def open(self, rule: str, make: Route) -> Route:
        """A page for everybody."""

        async def unguarded(request: Request) -> Response:
            _noted(request, rule)
            return await make(request)

        return _answered(unguarded)

    async def _caller(self, request: Request, call: Call) -> tuple[Principal, Session | None]:
        try:
            claim = self.authenticator.claim(head_of(request.scope))
        except MissingAuthenticationToken:
            session = await self._session(request, call)
            if session is None:
                raise NotLoggedIn from None
            return session.caller, session
        call.claimed = claim.principal
        self.authenticator.require_service(claim, SIGNING_NAME)
        call.proven = self.authenticator.prove(claim, b"")
        return call.proven, None

    async def _session(self, request: Request, call: Call) -> Session | None:
        held = self.cookies.held(request)
        session = None if held is None else await run_in_threadpool(self.sessions.find, held)
        if held is None or session is None:
            return None
        call.proven = session.caller
        self.cookies.require_own_page(request)
        self.authenticator.admit(session.caller)
        if REFRESH not in request.headers:
            await run_in_threadpool(self.sessions.use, held)
        return session

    async def _admit(self, rule: str, visit: Visit, call: Call) -> None:
        visit.request.state.shown = visit.shown  # whoever is refused from here on is known, and can log out
        named: Json = visit.request.path_params
        call.request = dict(named)
        await run_in_threadpool(Access(visit.caller, self._here).require, rule, named)


def _noted(request: Request, rule: str) -> Call:
    call = notes_of(request.scope)
    call.operation = rule
    return call


def _answered(route: Route) -> Route:
    """The route, with a page for every way in which it may refuse."""

    async def answered(request: Request) -> Response:
        try:
            return await route(request)
        except NotLoggedIn:
            return _to_login(request)
        except CallerGone:
            return Response(None, NO_CONTENT)
        except SextantError as error:
            return _refusal(request, error)

    return answered


def _to_login(request: Request) -> Response:
    if _wants_json(request):
        answer = as_json({"detail": "log in, or send an API key: Authorization: Bearer sxt_..."}, 401)
        answer.headers.update(CHALLENGE)
        return answer
    came_for = own_path(request.url.path) if request.method == "GET" else "/"
    login = "/login" if came_for == "/" else f"/login?next={came_for}"
    if HTMX in request.headers:  # which would put the page into a part of this one
        return Response(None, NO_CONTENT, {"HX-Redirect": login})
    return redirection(login)


def _refusal(request: Request, error: SextantError) -> Response:
    status = _status(error)
    call = notes_of(request.scope)
    call.error = call.error or getattr(error, "code", type(error).__name__)
    sentence = without_api_keys(str(error))
    wants_json = _wants_json(request)
    shown = getattr(request.state, "shown", {})
    answer = (
        as_json({"detail": sentence}, status) if wants_json else page("refusal", status, sentence=sentence, **shown)
    )
    if isinstance(error, Throttled | TooManyBodies):
        answer.headers["Retry-After"] = error.retry_after
    if status == 401:
        answer.headers.update(CHALLENGE)
    return answer


def _status(error: SextantError) -> int:
    if isinstance(error, FormRefused):
        return error.status
    if isinstance(error, ApiError):
        return NOT_FOUND if error.code == "ResourceNotFound" else STATUSES.get(type(error), error.status)
    return next((status for kind, status in STATUSES.items() if isinstance(error, kind)), 400)


def _wants_json(request: Request) -> bool:
    return request.url.path.endswith(".json")


NOT_FOUND: Final = 404
STATUSES: Final[dict[type[SextantError], int]] = {
    Throttled: 429,
    SignatureRefused: 401,
    AccessDenied: 403,
    ForeignPage: 403,
    NotFound: NOT_FOUND,
    TooManyBodies: 503,
    StoreUnavailable: 503,
}
