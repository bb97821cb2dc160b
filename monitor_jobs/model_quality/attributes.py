"""Where in a body a prediction, a probability or a label is, as AWS's attributes say it.

    0              the column of that index, from 0          $.score             a place in JSON: members by name,
    prediction     the column or member of that name         $.rows[*].score     elements by index, or all of them

What lives here: reading an attribute, and following it. What does not: what is found there (spelling, reading).
"""

import csv
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from monitor_jobs.contract.errors import BadInput
from monitor_jobs.feature_table.json_values import UnreadableJson, json_value

_STEP: Final = re.compile(
    r"\.(?P<name>[^\W\d]\w*)|\['(?P<quoted>[^']+)'\]|\[(?P<index>0|[1-9][0-9]{0,8})\]|(?P<every>\[\*\])"
)
EVERY: Final = object()
WRAPPER: Final = "predictions"


class NotThere(Exception):
    """A body that has nothing where an attribute points, and which."""


@dataclass(frozen=True, slots=True)
class Attribute:
    """An attribute as it was written; `steps` where it is a path, `index` where it is a column's."""

    text: str
    index: int | None = None
    steps: tuple[Any, ...] | None = None


def parse_attribute(variable: str, text: str) -> Attribute:
    """The attribute that a variable's text states. Raises BadInput naming where a path stops to be one."""
    if re.fullmatch(r"[0-9]{1,6}", text):
        return Attribute(text, index=int(text))
    if not text.startswith("$"):
        return Attribute(text)
    steps: list[Any] = []
    position = 1
    while position < len(text):
        match = _STEP.match(text, position)
        if match is None:
            raise BadInput(
                f"{variable} is {text!r}, with {text[position:]!r} at {position}: known are .name, ['name'], [0] and "
                "[*], such as $.predictions[*].score"
            )
        steps.append(_step(match))
        position = match.end()
    return Attribute(text, steps=tuple(steps))


def values_in_csv(text: str, attribute: Attribute | None) -> list[Any]:
    """One value a line: of a column by its index, or of the only one. Raises NotThere."""
    try:
        rows = [row for row in csv.reader(io.StringIO(text), strict=True) if row]
    except csv.Error as error:
        raise NotThere(str(error)) from error
    return [cell.strip() for cell in _cells(rows, attribute)]


def values_in_json(text: str, attribute: Attribute | None) -> list[Any]:
    """One value a prediction, of a JSON text. Raises NotThere."""
    try:
        value = json_value(text)
    except UnreadableJson as error:
        raise NotThere("no JSON") from error
    return values_in(value, attribute)


def values_in(value: Any, attribute: Attribute | None) -> list[Any]:  # noqa: ANN401  any JSON value
    """One value a prediction. Raises NotThere.

    Rows are objects or lists, bare or as `predictions`; a flat list is one row where an index names one of its values,
    and a row a value otherwise.
    """
    if attribute is not None and attribute.steps is not None:
        return _followed(value, attribute.steps)
    if isinstance(value, dict) and WRAPPER in value:
        value = value[WRAPPER]
    if not isinstance(value, list):
        return _cells([value], attribute)
    nested = bool(value) and all(isinstance(row, list | dict) for row in value)
    return _cells(value if nested or attribute is None else [value], attribute)


def _step(match: re.Match[str]) -> Any:  # noqa: ANN401  a name, an index, or EVERY
    if match["every"]:
        return EVERY
    return int(match["index"]) if match["index"] else match["name"] or match["quoted"]


def _cells(rows: Sequence[Any], attribute: Attribute | None) -> list[Any]:
    if not rows:
        raise NotThere("empty")
    return [_cell(row, attribute) for row in rows]


def _cell(row: Any, attribute: Attribute | None) -> Any:  # noqa: ANN401  any JSON value
    if attribute is None:
        only = row if isinstance(row, list) else [row]
        if len(only) != 1 or isinstance(only[0], dict | list):
            raise NotThere("several values, and no attribute that names one")
        return only[0]
    if attribute.index is not None and not isinstance(row, dict):
        row = row if isinstance(row, list) else [row]
        return _found(row, attribute.index)
    return _found(row, attribute.text)


def _followed(value: Any, steps: Sequence[Any]) -> list[Any]:  # noqa: ANN401
    places = [value]
    for step in steps:
        if step is EVERY:
            places = [each for place in places for each in (place if isinstance(place, list) else [])]
        else:
            places = [_found(place, step) for place in places]
    if not places:
        raise NotThere("empty")
    # A path to a list without [*] is one to each of its elements: batches are answered so.
    return [each for place in places for each in (place if isinstance(place, list) else [place])]


def _found(place: Any, step: Any) -> Any:  # noqa: ANN401
    fits = isinstance(place, list) if isinstance(step, int) else isinstance(place, dict)
    try:
        if fits:
            return place[step]
    except (KeyError, IndexError):
        pass
    raise NotThere(f"nothing at {step!r}")
