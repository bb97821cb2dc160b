"""A browser as far as the console sees one: it keeps cookies, says where its pages come from, and sends their forms.

What does not live here: what a real browser makes of the pages' policies.
"""

import re
from html import unescape
from typing import Any, Self

import httpx

from tests import plain_http

TOKEN = re.compile(r'name="token" value="([^"]*)"')


class Visitor:
    """A browser with one window, on the console at a URL; a context that ends its connections."""

    def __init__(self, url: str, **options: Any) -> None:
        self.url = url
        self.client = plain_http.Client(base_url=url, **options)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_raised: object) -> None:
        self.client.close()

    @property
    def cookie(self) -> str:
        """What the one cookie holds."""
        (held,) = self.client.cookies.values()
        return held

    def get(self, path: str = "/", **headers: str) -> httpx.Response:
        """The page, which the visitor has typed."""
        return self.client.get(path, headers={"Sec-Fetch-Site": "none", **headers})

    def post(self, path: str, fields: Any = None, **headers: str) -> httpx.Response:
        """The answer to a form of our own page."""
        own = {"Origin": self.url, "Sec-Fetch-Site": "same-origin"}
        sent = {name: value for name, value in {**own, **headers}.items() if value}
        body = {"data": fields} if isinstance(fields, dict) else {"content": fields or b""}
        return self.client.post(path, headers=sent, **body)

    def log_in(self, api_key: str, **fields: str) -> httpx.Response:
        """The answer to a key in the form."""
        return self.post("/login", {"api_key": api_key, **fields})

    def token(self, path: str = "/") -> str:
        """The token in the forms of a page. Raises AssertionError where it has none."""
        found = TOKEN.search(self.get(path).text)
        assert found, f"no form on {path}"
        return unescape(found[1])

    def send(self, path: str, **headers: str) -> httpx.Response:
        """The answer to a form with the session's token and nothing else, as those of the console are."""
        return self.post(path, {"token": self.token()}, **headers)
