"""Templates, the page's content security policy, and how much of a list there is room for.

What lives here: the one Jinja environment, which escapes everything and refuses names that a template is not given.
"""

from base64 import b64encode
from collections.abc import Iterable
from functools import cache
from hashlib import sha256

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from monitor_jobs.report_page.drawing.wording import clipped, percent, shown

TEMPLATES = "templates"


def render(template: str, **values: object) -> Markup:
    """A template with its values, all of which are escaped but for markup that was rendered before."""
    return Markup(_environment().get_template(f"{template}.html").render(values))  # noqa: S704 - escaped by Jinja


def style() -> Markup:
    """The one style sheet of a page."""
    loader = _environment().loader
    assert loader is not None
    source, _, _ = loader.get_source(_environment(), "style.css")
    return Markup(source)  # noqa: S704 - ours, and not of this run


def policy() -> str:
    """What a page may do: show itself with its own style sheet, and nothing else.

    W3C, "Content Security Policy Level 3", section 4.2; proved by tests/unit/test_report_page_hostile.py.
    """
    digest = b64encode(sha256(style().encode()).digest()).decode()
    return f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"


def within(pieces: Iterable[Markup], *, room: int) -> list[Markup]:
    """The first pieces that fit into so many bytes together; those after them are never made."""
    kept: list[Markup] = []
    for piece in pieces:
        room -= len(piece.encode()) + 1
        if room < 0:
            break
        kept.append(piece)
    return kept


def joined(pieces: Iterable[Markup]) -> Markup:
    """Pieces a line apart."""
    return Markup("\n").join(pieces)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("monitor_jobs.report_page", TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
    )
    environment.filters |= {"shown": shown, "clipped": clipped, "percent": percent}
    return environment
