"""JSON texts to values, and objects to flat rows.

What lives here: integers of any size exactly, Python's NaN, and names within names. What does not: files and bodies.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any, Final

import msgspec

from monitor_jobs.contract.capture import UnreadableReason
from monitor_jobs.feature_table.names import MAX_COLUMNS

NESTED: Final = frozenset({dict, list})


class UnreadableJson(Exception):
    """A text that has no JSON value, and why."""

    def __init__(self, reason: UnreadableReason) -> None:
        super().__init__(reason)
        self.reason = reason


class TooWide(Exception):
    """An object of more than MAX_COLUMNS values, or of objects within objects without end."""


def json_value(text: str | bytes) -> Any:  # noqa: ANN401  any JSON value
    """The value of a JSON text; Python's NaN and Infinity are read too.

    Raises UnreadableJson: WRONG_ENCODING where it is no JSON, WRONG_SCHEMA where it is too deep or a number too long.
    """
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        pass
    try:
        return json.loads(text.decode() if isinstance(text, bytes) else text)
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise UnreadableJson(UnreadableReason.WRONG_ENCODING) from error
    except (ValueError, RecursionError) as error:
        raise UnreadableJson(UnreadableReason.WRONG_SCHEMA) from error


def flattened(item: Mapping[str, Any]) -> dict[str, object]:
    """An object's values by their names, those of objects and lists within it by names such as `a.b` and `a.0`.

    Raises TooWide.
    """
    try:
        row = dict(item if is_flat(item.values()) else islice(_values(item, ""), MAX_COLUMNS + 1))
    except RecursionError as error:
        raise TooWide from error
    if len(row) > MAX_COLUMNS:
        raise TooWide
    return row


def is_flat(values: Iterable[object]) -> bool:
    """True where none of the values is an object or a list."""
    return NESTED.isdisjoint(map(type, values))


def _values(item: Mapping[str, Any] | list[Any], prefix: str) -> Iterator[tuple[str, object]]:
    named = item.items() if isinstance(item, Mapping) else enumerate(item)
    for key, value in named:
        if isinstance(value, dict | list):
            yield from _values(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value
