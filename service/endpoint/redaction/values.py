"""One value, redacted."""

from collections.abc import Callable
from typing import Any, Final

import orjson

from service.core.redaction import Action

MASKED: Final = "***"

Hash = Callable[[bytes], str]


class Redacted(str):
    """A text that stands for a value that is gone already: hashed once more, it could not be joined any longer."""

    __slots__ = ()


def redacted(value: Any, action: Action, hashed: Hash) -> Redacted | None:  # noqa: ANN401 -- any JSON value
    """What a rule leaves in a value's place, which None empties.

    A text's digest is that of its UTF-8, another value's that of its JSON with sorted names: a number in JSON and the
    same digits in CSV have the same.
    """
    if action is Action.DROP:
        return None
    if action is Action.MASK:
        return Redacted(MASKED)
    if isinstance(value, Redacted):
        return value
    text = value.encode() if isinstance(value, str) else orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    return Redacted(hashed(text))
