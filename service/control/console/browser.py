"""What a browser tells of a request by itself: which session it has, and which page made it ask.

What lives here: the cookie, the rule for other pages, and that for paths which a browser is sent to. What does not:
other hosts (local_only), what a session is (access.sessions).
"""

import re
from dataclasses import dataclass
from typing import Final, Literal, TypedDict

from starlette.requests import Request
from starlette.responses import Response

from monitor_jobs.contract.errors import SextantError
from service.core.keys import without_api_keys
from service.core.secret import Secret

READING: Final = ("GET", "HEAD")
# A path of ours and nothing else: browsers take //host, and what has a backslash in it, for another server's.
OWN_PATH: Final = re.compile(r"/([A-Za-z0-9_-][A-Za-z0-9_.-]*(/[A-Za-z0-9_-][A-Za-z0-9_.-]*)*)?")
LONGEST_PATH: Final = 300
OWN_SITE: Final = ("same-origin", "none")  # none: typed, or from a bookmark


class _Kept(TypedDict):
    path: str
    secure: bool
    httponly: bool
    samesite: Literal["strict"]


class ForeignPage(SextantError):
    """A request that another page made a browser send."""

    code = "ForeignPage"


@dataclass(frozen=True, slots=True)
class Cookies:
    """How a browser keeps a session: `scheme` is the one that browsers speak, here or with the proxy in front."""

    scheme: str

    def held(self, request: Request) -> str | None:
        """The id of a session that the request brings, if any."""
        return request.cookies.get(self._name(request)) or None

    def give(self, response: Response, session_id: Secret, request: Request) -> None:
        """Have the browser keep a session until it is closed; the service ends it earlier."""
        response.set_cookie(self._name(request), session_id.reveal(), **self._kept())

    def take(self, response: Response, request: Request) -> None:
        """Have the browser forget it."""
        response.delete_cookie(self._name(request), **self._kept())

    def require_own_page(self, request: Request) -> None:
        """Return where no other page has made the browser ask. Raises ForeignPage.

        Every port of a host is the same site, so SameSite=Strict does not keep a page of another port away: the origin
        must be this one, to the letter. Only opening a page is everybody's, since whoever opens one cannot read it.
        """
        origins = request.headers.getlist("origin")
        own = f"{self.scheme}://{request.headers.get('host', '')}"
        if any(origin.lower() != own.lower() for origin in origins):
            raise ForeignPage("this request was made by a page of another origin")
        if request.method not in READING and not origins:
            raise ForeignPage("this request does not say which page it was made by (Origin header)")
        site = request.headers.get("sec-fetch-site", "none")
        if site not in OWN_SITE and not _opens_a_page(request):
            raise ForeignPage("this request was made by a page of another origin")

    def _name(self, request: Request) -> str:
        # The prefix has browsers take it over TLS only, for this host alone. Without TLS all ports of a host share
        # their cookies: another installation on this machine must not overwrite ours.
        server = request.scope.get("server")
        return "__Host-sextant" if self._is_encrypted else f"sextant-{server[1] if server else 0}"

    def _kept(self) -> _Kept:
        return {"path": "/", "secure": self._is_encrypted, "httponly": True, "samesite": "strict"}

    @property
    def _is_encrypted(self) -> bool:
        return self.scheme == "https"


def own_path(wanted: str) -> str:
    """The path where it is one of this service's own and holds no key, else that of the first page."""
    is_own = len(wanted) <= LONGEST_PATH and OWN_PATH.fullmatch(wanted) and without_api_keys(wanted) == wanted
    return wanted if is_own else "/"


def _opens_a_page(request: Request) -> bool:
    told = request.headers.get("sec-fetch-mode"), request.headers.get("sec-fetch-dest")
    return request.method in READING and told == ("navigate", "document")
