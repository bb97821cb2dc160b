"""Reads numpy's .npy format from hostile bytes: the header must account for every byte before an array is made of them.

What lives here: format versions 1 to 3 with plain numbers. What does not: structured and object arrays, which are
refused; the format's own reader would allocate what the header claims.
"""

import ast
import math
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from monitor_jobs.contract.errors import BadInput

Array: TypeAlias = NDArray[Any]

MAGIC: Final = b"\x93NUMPY"
HEADER_MAX_BYTES: Final = 10_000
AXES_MAX: Final = 64
SIZE_MAX: Final = 2**63 - 1
PLAIN_NUMBER: Final = re.compile(r"[<>|=]?[biuf][1248]")


def decode_npy(body: bytes) -> Array:
    """The array of a .npy body, in this machine's byte order, C-contiguous and writable.

    Raises BadInput for anything but bool, integer and float arrays whose shape accounts for exactly the bytes that
    follow the header. Format: numpy.lib.format, versions (1, 0), (2, 0) and (3, 0).
    """
    start, end = _header_span(body)
    layout = _layout(body[start:end])
    expected, left = math.prod(layout.shape) * layout.dtype.itemsize, len(body) - end
    if expected != left:
        claim = f"{expected} bytes ({layout.dtype} {str(layout.shape)[:80]})"
        raise BadInput(f"the npy header claims {claim} but {left} follow it")
    try:
        array = np.frombuffer(body, layout.dtype, offset=end).reshape(layout.shape, order=layout.order)
    except (ValueError, OverflowError) as error:
        raise BadInput(f"the npy shape {str(layout.shape)[:80]} is no shape of an array: {error}") from error
    return _native(array)


@dataclass(frozen=True, slots=True)
class _Layout:
    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    order: Literal["C", "F"]


def _header_span(body: bytes) -> tuple[int, int]:
    if not body.startswith(MAGIC) or len(body) < 10:
        raise BadInput("the body is no npy file: it does not start with \\x93NUMPY and a version")
    if body[6] not in (1, 2, 3):
        raise BadInput(f"npy format version {body[6]}.{body[7]} is unknown: write version 1, 2 or 3")
    start = 10 if body[6] == 1 else 12
    end = start + int.from_bytes(body[8:start], "little")
    if end > len(body) or end - start > HEADER_MAX_BYTES:
        raise BadInput(f"the npy header claims {end - start} bytes of {len(body)}: at most {HEADER_MAX_BYTES} are read")
    return start, end


@lru_cache(maxsize=64)
def _layout(header: bytes) -> _Layout:
    """Cached, because callers send one layout again and again, and reading it costs more than the rest of the array."""
    fields = _literal(header.decode("latin-1"))
    order = fields.get("fortran_order")
    if not isinstance(order, bool):
        raise BadInput(f"the npy header's fortran_order is {order!r}: True or False is meant")
    return _Layout(_dtype(fields.get("descr")), _shape(fields.get("shape")), "F" if order else "C")


def _literal(text: str) -> dict[str, Any]:
    try:
        header = ast.literal_eval(text.strip())
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError) as error:
        raise BadInput("the npy header is no Python dictionary of descr, fortran_order and shape") from error
    if not isinstance(header, dict):
        raise BadInput(f"the npy header is a {type(header).__name__}, not a dictionary")
    return header


def _dtype(description: object) -> np.dtype[Any]:
    if not isinstance(description, str) or not PLAIN_NUMBER.fullmatch(description):
        raise BadInput(f"npy arrays of {str(description)[:40]!r} are refused: send bool, integer or float numbers")
    try:
        return np.dtype(description)
    except TypeError as error:
        raise BadInput(f"{description!r} is no numpy type") from error


def _shape(shape: object) -> tuple[int, ...]:
    if not isinstance(shape, tuple) or not all(type(size) is int and size >= 0 for size in shape):
        raise BadInput(f"the npy shape {str(shape)[:80]} is no tuple of sizes")
    # Beyond these numpy has no arrays, and the product may be too long a number to be written.
    if len(shape) > AXES_MAX or max(shape, default=0) > SIZE_MAX:
        raise BadInput(f"the npy shape is no shape of an array: it has more than {AXES_MAX} axes, or one beyond 2**63")
    return shape


def _native(array: Array) -> Array:
    if array.dtype.kind == "b":
        # Bytes other than 0 and 1 are no booleans, and native code that trusts them misbehaves.
        return array.view(np.uint8).astype(np.bool_, order="C")
    return array.astype(array.dtype.newbyteorder("="), order="C")
