"""Forms that a browser sends: few short fields, each once, in one encoding.

What does not live here: whether a form was sent by one of our pages (browser), what is done with it.
"""

from collections.abc import Mapping
from typing import Final
from urllib.parse import parse_qsl

from starlette.requests import Request

from monitor_jobs.contract.errors import SextantError
from service.request_bodies import BodyRoom, BodyTooLong

ENCODING: Final = "application/x-www-form-urlencoded"
MOST_BYTES: Final = 4096
MOST_FIELDS: Final = 8
TOKEN: Final = "token"  # noqa: S105 -- the name of a field


class FormRefused(SextantError):
    """What was sent is no form that a page of ours sends."""

    code = "FormRefused"

    def __init__(self, sentence: str, status: int = 400) -> None:
        super().__init__(sentence)
        self.status = status


Form = Mapping[str, str]


async def read_form(request: Request, room: BodyRoom) -> Form:
    """The fields of a form. Raises FormRefused for anything else, TooManyBodies, CallerGone."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != ENCODING:
        raise FormRefused(f"a form is sent as {ENCODING}", 415)
    try:
        body = await room.read(request.scope, request.receive, limit=MOST_BYTES)
    except BodyTooLong as error:
        raise FormRefused(f"a form has at most {MOST_BYTES} bytes", 413) from error
    return parsed(body)


def parsed(body: bytes) -> Form:
    """The fields of a form's body. Raises FormRefused."""
    try:
        text = body.decode("ascii")
        fields = parse_qsl(
            text, keep_blank_values=True, strict_parsing=True, errors="strict", max_num_fields=MOST_FIELDS
        )
    except ValueError as error:
        raise FormRefused(f"a form has 1 to {MOST_FIELDS} fields in UTF-8, each as name=value") from error
    if len(dict(fields)) < len(fields):
        raise FormRefused("a form has each of its fields once")
    return dict(fields)
