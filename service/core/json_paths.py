"""Paths into JSON values: the part of RFC 9535 that names places without looking at what is there.

    $          the whole, where every path begins          [*]  .*    every member or element
    .name      a member; ['name'] where the name is not    ..name     the members of that name, at any depth
               letters, digits and _                       [n]        the element of that index, from 0

What lives here: reading a path's text. What does not: following it (service.endpoint.redaction). Filters, slices,
unions and indices from the end are refused: which places a rule reaches must be plain to whoever reads it.
"""

import json
import re
from dataclasses import dataclass
from enum import Enum
from typing import Final

from monitor_jobs.contract.errors import BadInput

_STEP: Final = re.compile(
    r"""(?P<deep>\.\.)(?P<deep_name>[^\W\d]\w*)
    | \.(?P<name>[^\W\d]\w*)
    | (?P<wildcard>\.\*|\[\*\])
    | \[(?P<index>0|[1-9][0-9]{0,8})\]
    | (?P<deep_quote>\.\.)?\[(?P<quoted>'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")\]""",
    re.VERBOSE,
)
_SINGLE_ESCAPES: Final = re.compile(r"""\\(['"])|(")""")


class Every(Enum):
    """The step to every member or element."""

    EVERY = "*"


@dataclass(frozen=True, slots=True)
class Anywhere:
    """The step to the members of one name, here and at any depth below."""

    name: str


Step = str | int | Every | Anywhere


def parse_path(text: str) -> tuple[Step, ...]:
    """The steps of a path, at least one. Raises BadInput naming where it stops to be one."""
    if not text.startswith("$"):
        raise BadInput(f"JSON path {text!r} does not begin with $: write it like $.user.email")
    steps: list[Step] = []
    position = 1
    while position < len(text):
        match = _STEP.match(text, position)
        if match is None:
            raise BadInput(
                f"JSON path {text!r} has {text[position:]!r} at {position}: known are .name, ['name'], [0], [*], .* "
                "and ..name"
            )
        steps.append(_step(match))
        position = match.end()
    if not steps:
        raise BadInput("JSON path '$' names the whole body: capture the other half alone (CaptureOptions) instead")
    return tuple(steps)


def _step(match: re.Match[str]) -> Step:
    if match["index"] is not None:
        return int(match["index"])
    if match["wildcard"] is not None:
        return Every.EVERY
    name = match["name"] or match["deep_name"] or _unquoted(match["quoted"])
    return Anywhere(name) if match["deep"] or match["deep_quote"] else name


def _unquoted(text: str) -> str:
    """The name in quotes, with the escapes of JSON."""
    inner = _SINGLE_ESCAPES.sub(lambda each: "'" if each[1] == "'" else '\\"', text[1:-1])
    try:
        return str(json.loads(f'"{inner}"'))
    except ValueError as error:
        raise BadInput(f"{text} in a JSON path is no name in quotes: {error}") from error
