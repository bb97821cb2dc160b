"""JSON texts to values, and objects to flat rows.

What lives here: integers of any size exactly, Python's NaN, and names within names. What does not: files and bodies.
"""

import json
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any, Final

import msgspec

from monitor_jobs.contract.capture import UnreadableReason

MAX_COLUMNS: Final = 4096  # a wider row is an array, not a set of features


class UnreadableJson(Exception):
    """A text that has no JSON value, and why."""

    def __init__(self, reason: UnreadableReason) -> None:
        super().__init__(reason)
        self.reason = reason


class TooWide(Exception):
    """An object of more than MAX_COLUMNS values."""


def json_value(text: str | bytes) -> Any:  # noqa: ANN401  any JSON value
    """The value of a JSON text; Python's NaN and Infinity are read too.

    Raises UnreadableJson: WRONG_ENCODING where it is no JSON, WRONG_SCHEMA where it is too deep or a number too long.
    """
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        pass
    try:
        return json.loads(text)
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise UnreadableJson(UnreadableReason.WRONG_ENCODING) from error
    except (ValueError, RecursionError) as error:
        raise UnreadableJson(UnreadableReason.WRONG_SCHEMA) from error


def flattened(item: Mapping[str, Any]) -> dict[str, object]:
    """An object's values by their names, those of objects and lists within it by names such as `a.b` and `a.0`.

    Raises TooWide.
    """
    row = dict(islice(_values(item, ""), MAX_COLUMNS + 1))
    if len(row) > MAX_COLUMNS:
        raise TooWide
    return row


def _values(item: Mapping[str, Any] | list[Any], prefix: str) -> Iterator[tuple[str, object]]:
    named = item.items() if isinstance(item, Mapping) else enumerate(item)
    for key, value in named:
        if isinstance(value, dict | list):
            yield from _values(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value
