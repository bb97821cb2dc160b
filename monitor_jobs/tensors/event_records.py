"""Tensors in the event files of SageMaker Debugger: TensorFlow's records around a few protocol buffer messages.

A record is its length (8 bytes), the length's checksum (4), an Event, and that one's checksum (4). Of Event, Summary,
Value and TensorProto the handful of fields is read that smdebug writes, so that nobody needs TensorFlow, or smdebug, to
read what it left. Pure: bytes to an array. Whatever the bytes are, nothing but BadInput is raised.
"""

import struct
from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

from monitor_jobs.contract.errors import BadInput

Array = NDArray[np.generic]

LENGTH: Final = struct.Struct("<Q")
CHECKSUM_BYTES: Final = 4
RECORD_OVERHEAD_BYTES: Final = LENGTH.size + 2 * CHECKSUM_BYTES
VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
# tensorflow.DataType; smdebug writes numbers only
DTYPES: Final = {
    1: "<f4",
    2: "<f8",
    3: "<i4",
    4: "|u1",
    5: "<i2",
    6: "|i1",
    9: "<i8",
    10: "|b1",
    17: "<u2",
    19: "<f2",
    22: "<u4",
    23: "<u8",
}
EVENT_SUMMARY, SUMMARY_VALUE, VALUE_TENSOR = 5, 1, 8
TENSOR_DTYPE, TENSOR_SHAPE, TENSOR_CONTENT = 1, 2, 4
SHAPE_DIM, DIM_SIZE = 2, 1

Field = tuple[int, int | bytes]


def tensor_in_record(record: bytes) -> Array:
    """The tensor of one record of an event file. Raises BadInput where it holds none.

    Contract: smdebug 1.0.34, core/tfrecord; checked in tests/unit/test_debugger_trial.py against files that it wrote.
    """
    try:
        return _tensor(_message(_payload(record), EVENT_SUMMARY, SUMMARY_VALUE, VALUE_TENSOR))
    except (ValueError, struct.error, IndexError, OverflowError, MemoryError) as error:
        raise BadInput(f"a record of {len(record)} bytes holds no tensor: {error}") from error


def _payload(record: bytes) -> bytes:
    (length,) = LENGTH.unpack_from(record)
    if length != len(record) - RECORD_OVERHEAD_BYTES:
        raise ValueError(f"it says that it has {length} bytes, and is cut short or longer")
    return record[LENGTH.size + CHECKSUM_BYTES : -CHECKSUM_BYTES]


def _message(message: bytes, *path: int) -> bytes:
    """The first message below a path of field numbers. Raises ValueError where there is none."""
    for number in path:
        below = (value for found, value in _fields(message) if found == number and isinstance(value, bytes))
        inner = next(below, None)
        if inner is None:
            raise ValueError(f"it has no field {number}")
        message = inner
    return message


def _tensor(proto: bytes) -> Array:
    dtype: int | None = None
    shape: tuple[int, ...] = ()
    content = b""
    for number, value in _fields(proto):
        if number == TENSOR_DTYPE and isinstance(value, int):
            dtype = value
        elif number == TENSOR_SHAPE and isinstance(value, bytes):
            shape = tuple(_sizes(value))
        elif number == TENSOR_CONTENT and isinstance(value, bytes):
            content = value
    if dtype not in DTYPES:
        raise ValueError(f"its type {dtype} is none of numbers")
    return np.frombuffer(content, np.dtype(DTYPES[dtype])).reshape(shape)


def _sizes(shape: bytes) -> Iterator[int]:
    for number, dimension in _fields(shape):
        if number == SHAPE_DIM and isinstance(dimension, bytes):
            yield next((size for found, size in _fields(dimension) if found == DIM_SIZE and isinstance(size, int)), 0)


def _fields(message: bytes) -> Iterator[Field]:
    """Field numbers and values, in their order: integers, or bytes of a message, text or fixed number."""
    place = 0
    while place < len(message):
        key, place = _varint(message, place)
        number, kind = key >> 3, key & 7
        if kind == VARINT:
            value, place = _varint(message, place)
            yield number, value
            continue
        if kind == BYTES:
            size, place = _varint(message, place)
        elif kind in (FIXED64, FIXED32):
            size = 8 if kind == FIXED64 else 4
        else:
            raise ValueError(f"field {number} is of kind {kind}, which is none")
        if place + size > len(message):
            raise ValueError(f"field {number} is cut short")
        yield number, message[place : place + size]
        place += size


def _varint(message: bytes, place: int) -> tuple[int, int]:
    value = 0
    for index in range(10):
        byte = message[place + index]
        value |= (byte & 0x7F) << (7 * index)
        if byte < 0x80:
            return value, place + index + 1
    raise ValueError("a number has more than ten bytes")
