"""NumPy's file format, as far as answers need it: plain numbers, nothing executed, nothing allocated in vain.

Follows numpy.lib.format, versions 1 to 3. The header is matched, not evaluated; objects and records are refused.
"""

import re
from functools import lru_cache
from math import prod
from typing import Any, Final

import numpy as np
import numpy.typing as npt

MAGIC: Final = b"\x93NUMPY"
MAX_HEADER_BYTES: Final = 1024
_LENGTH_BYTES: Final = {1: 2, 2: 4, 3: 4}  # by major version
_HEADER: Final = re.compile(
    rb"\s*\{\s*'descr':\s*'([<>|=][biuf][1248])',\s*'fortran_order':\s*(True|False),"
    rb"\s*'shape':\s*\(((?:\d{1,12},?\s*)*)\),?\s*\}\s*"
)


def parse_npy(body: bytes) -> npt.NDArray[Any]:
    """The array of a whole .npy body: dtype kind b, i, u or f. Read-only; shares the body's memory.

    Raises ValueError where the body is no such array, or its length is not the one that its header tells.
    """
    if not body.startswith(MAGIC) or len(body) < 12 or body[6] not in _LENGTH_BYTES:
        raise ValueError("no .npy magic of version 1 to 3")
    begin = 8 + _LENGTH_BYTES[body[6]]
    size = int.from_bytes(body[8:begin], "little")
    if size > MAX_HEADER_BYTES:
        raise ValueError(f"a .npy header of {size} bytes")
    dtype, fortran, shape = _parse_header(body[begin : begin + size])
    content = memoryview(body)[begin + size :]
    if prod(shape) * dtype.itemsize != len(content):
        raise ValueError(f"{len(content)} bytes for {shape} of {dtype}")
    return np.frombuffer(content, dtype).reshape(shape, order="F" if fortran else "C")


@lru_cache(maxsize=256)
def _parse_header(header: bytes) -> tuple[np.dtype[Any], bool, tuple[int, ...]]:
    match = _HEADER.fullmatch(header)
    if not match:
        raise ValueError(f"unexpected .npy header {header[:80]!r}")
    try:
        dtype = np.dtype(match[1].decode())
    except TypeError as error:
        raise ValueError(f"unknown dtype {match[1]!r}") from error
    return dtype, match[2] == b"True", tuple(int(number) for number in re.findall(rb"\d+", match[3]))
