"""Reads JSON's nested lists of numbers as arrays, from hostile text.

What lives here: lists of one depth, all of them numbers. What does not: text, objects and lists of uneven lengths,
which are refused before memory is given to them.
"""

import numpy as np
import orjson

from monitor_jobs.contract.errors import BadInput
from monitor_jobs.npy import Array


def decode_json_array(body: bytes) -> Array:
    """The array of a JSON body: integers as int64 or uint64 where they fit, else float64.

    Raises BadInput for what is no JSON, or no nested list of numbers: tests/unit/test_hostile_bodies.py.
    """
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise BadInput(f"the body is not JSON: {error}") from error
    if b'"' in body:
        # An array of texts gives each of a million the room of the longest: a few megabytes become many gigabytes.
        raise _no_numbers()
    return _numbers(value)


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
