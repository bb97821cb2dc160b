"""One name for a class, however captures and ground truth spell it.

`1`, `1.0`, `"1"`, ` 1 ` and `+1` are the class `1`; `true` and `True` are `true`. A name of the model card is itself;
a whole number that is none of its names is the card's class of that index. In two classes `true` is `1` and `false` is
`0`, unless one of them was named as the positive class.

What lives here: values to names. What does not: where values come from (attributes).
"""

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

MAX_NAME_CHARACTERS: Final = 256
AS_NUMBERS: Final = {"true": "1", "false": "0"}


class NoClass(Exception):
    """A value that names no class."""


@dataclass(frozen=True, slots=True, eq=False)  # a card of 10,000 names is not hashed for each of a million labels
class Classes:
    """How classes are named: by the model card, and in two classes by number where they are true and false."""

    card: tuple[str, ...] = ()
    renamed: tuple[tuple[str, str], ...] = ()


def class_name(value: Any, classes: Classes) -> str:  # noqa: ANN401  any JSON value
    """The name of the class that a value stands for. Raises NoClass."""
    if isinstance(value, bool) or value is None or isinstance(value, dict | list):
        if not isinstance(value, bool):
            raise NoClass
        value = str(value).lower()
    return _name(str(value), classes)


def column_name(position: int, classes: Classes) -> str:
    """The class whose score stands at this position of an answer; the position where the card leaves its name blank."""
    try:
        return _name(classes.card[position] if position < len(classes.card) else str(position), classes)
    except NoClass:
        return str(position)


def number(value: Any) -> float:  # noqa: ANN401  any JSON value
    """The finite number that a value stands for, be it written as text. Raises NoClass."""
    try:
        found = math.nan if isinstance(value, bool) or not isinstance(value, str | int | float) else float(value)
    except (ValueError, OverflowError):
        found = math.nan
    if not math.isfinite(found):
        raise NoClass
    return found


@lru_cache(maxsize=65_536)
def _name(text: str, classes: Classes) -> str:
    name = _printable(text.strip())
    if name in classes.card:
        return name
    if name.lower().lstrip("+-") == "nan":  # a missing value, as in the columns of a dataset
        raise NoClass
    whole = _whole_number(name)
    if whole is not None:
        name = _printable(_name_of_number(whole, classes.card))
    lowered = name.lower()
    name = lowered if lowered in AS_NUMBERS else name
    return name if name in classes.card else dict(classes.renamed).get(name, name)


def _printable(name: str) -> str:
    if not 0 < len(name) <= MAX_NAME_CHARACTERS or not name.isprintable():
        raise NoClass
    return name


def _name_of_number(whole: int, card: tuple[str, ...]) -> str:
    """A card may name its classes by numbers that are not their indices: then `1.0` is its class `1`."""
    name = str(whole)
    return card[whole] if name not in card and 0 <= whole < len(card) else name


def _whole_number(text: str) -> int | None:
    if len(text) > 24 or "_" in text:
        return None
    try:
        return int(text)
    except ValueError:
        pass
    try:
        found = float(text)
    except ValueError:
        return None
    return int(found) if found.is_integer() and abs(found) < 2**53 else None
