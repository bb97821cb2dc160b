"""Reads JSON's nested lists of numbers as arrays, from hostile text.

What lives here: lists of one depth, all of them numbers. What does not: text, objects and lists of uneven lengths,
which are refused before memory is given to them.
"""

from typing import Any, Final

import numpy as np
import orjson
import simdjson

from monitor_jobs.contract.errors import BadInput
from monitor_jobs.npy import Array

LIST_BYTES: Final = 64  # of text to a list, from which on looking at each list costs less than looking at each number


def decode_json_array(body: bytes) -> Array:
    """The array of a JSON body: integers as int64 or uint64 where they fit, else float64.

    Raises BadInput for what is no JSON, or no nested list of numbers: tests/unit/test_hostile_bodies.py.
    """
    floats = None if b'"' in body else floats_of(body)
    return _array_of(body) if floats is None else floats


def _array_of(body: bytes) -> Array:
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise BadInput(f"the body is not JSON: {error}") from error
    if b'"' in body:
        # An array of texts gives each of a million the room of the longest: a few megabytes become many gigabytes.
        raise _no_numbers()
    return _numbers(value)


def floats_of(body: bytes) -> Array | None:
    """The array of lists of one depth that hold a float; None for all else, which the other way has the words for.

    It looks at no number by itself, which takes less than half of the time. Checked in tests/unit/test_json_arrays.py.
    """
    lists = body.count(b"[")
    if b"." not in body or lists * LIST_BYTES > len(body):
        return None
    try:
        document: Any = simdjson.Parser().parse(body)
        shape = _shape_of(document, lists)
        return None if shape is None else np.frombuffer(document.as_buffer(of_type="d")).reshape(shape).copy()
    except (ValueError, TypeError, IndexError, RuntimeError):
        return None


def _shape_of(document: Any, lists: int) -> list[int] | None:  # noqa: ANN401  # simdjson has no types
    """The shape of an array that is written as so many lists; None where they are of several lengths or depths.

    A list among numbers is one more than were looked at, and a number among lists has no length: TypeError.
    """
    level, shape, seen = [document], [len(document)], 1
    while isinstance(level[0][0], simdjson.Array):
        level = [each for one in level for each in one]
        seen += len(level)
        lengths = set(map(len, level))
        if len(lengths) > 1:
            return None
        shape += lengths
    return shape if seen == lists else None


def _numbers(value: object) -> Array:
    try:
        array = np.asarray(value)
    except ValueError as error:
        raise BadInput(
            "the JSON body is no array: rows of one axis must have the same length, and axes be 64 at most"
        ) from error
    if array.dtype.kind not in "biuf":
        raise _no_numbers()
    return array


def _no_numbers() -> BadInput:
    return BadInput("the JSON body is no array of numbers: send nested lists of numbers")
