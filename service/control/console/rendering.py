"""Answers of the console: HTML by templates, JSON, redirections, each with the headers that keep it where it belongs.

What does not live here: what a page shows.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import orjson
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.responses import RedirectResponse, Response

TEMPLATES: Final = Path(__file__).parent / "templates"
# Nothing but our own files, no script inside a page, no page inside another.
POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; "
    "frame-ancestors 'none'; base-uri 'none'"
)
# Of what others wrote: no script at all, no form, and an origin of its own, so that it is nothing of the console's.
FOREIGN_POLICY: Final = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'none'"
HEADERS: Final[Mapping[str, str]] = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    # With no-referrer, browsers would send our own forms with `Origin: null`.
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


def page(template: str, status: int = 200, /, **values: object) -> Response:
    """A page of HTML."""
    text = _TEMPLATES.get_template(f"{template}.html").render(now=datetime.now(UTC), **values)
    return Response(text, status, HEADERS, "text/html; charset=utf-8")


def foreign_page(text: bytes) -> Response:
    """A page that a job wrote, in a sandbox."""
    headers = {**HEADERS, "Content-Security-Policy": FOREIGN_POLICY}
    return Response(text, 200, headers, "text/html; charset=utf-8")


def picture(png: bytes) -> Response:
    """A picture that a job drew; nothing else is taken for one, whatever is in it."""
    return Response(png, 200, HEADERS, "image/png")


def as_json(value: object, status: int = 200) -> Response:
    """A JSON document; times in ISO 8601."""
    body = orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_UTC_Z | orjson.OPT_APPEND_NEWLINE)
    return Response(body, status, HEADERS, "application/json")


def redirection(path: str) -> Response:
    """To another page of ours, by GET."""
    return RedirectResponse(path, 303, HEADERS)


def _told(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M")


def _ago(moment: datetime, now: datetime) -> str:
    """How long ago a moment was, in the largest unit that fits."""
    age = now - moment
    if age < timedelta(minutes=1):
        return "just now" if age > -timedelta(minutes=1) else _told(moment)
    units = ((timedelta(days=1), "d"), (timedelta(hours=1), "h"), (timedelta(minutes=1), "min"))
    unit, word = next((unit, word) for unit, word in units if age >= unit)
    return f"{age // unit} {word} ago"


def _number(value: Any) -> str:  # noqa: ANN401 -- whatever JSON holds
    return f"{value:,}" if isinstance(value, int) else f"{value:.4g}" if isinstance(value, float) else str(value)


def _environment() -> Environment:
    # Everything that is put into a template is escaped; a name that is not there is a fault of ours.
    made = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(told=_told, ago=_ago, number=_number)
    return made


_TEMPLATES: Final = _environment()
