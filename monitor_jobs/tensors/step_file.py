"""One object of tensors: safetensors, packed by zstd, with what is said of them in its header.

Pure: tensors to bytes and back. Anything may be handed to `unpacked`; what comes out of it is held to a size.
"""

import hashlib
import struct
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

from monitor_jobs.contract.errors import BadInput
from monitor_jobs.tensor_header import FACTS, facts_in_tensors

Array = NDArray[np.generic]

UNPACKED_BYTES_MAX: Final = 2 * 2**30
CHUNK_BYTES: Final = 16 * 2**20
LEVEL: Final = 3


def packed(tensors: Mapping[str, Array], facts: str = "{}") -> bytes:
    """The object that holds these tensors and facts; tests/unit/test_tensor_files.py."""
    return bytes(pa.Codec("zstd", LEVEL).compress(save(dict(tensors), {FACTS: facts}), asbytes=True))


def unpacked(body: bytes) -> tuple[dict[str, Array], str]:
    """The tensors and facts of an object. Raises BadInput where it is damaged, or nothing of ours."""
    try:
        text = b"".join(_unzipped(body))
        return _numbers(load(text)), facts_in_tensors(text)
    except (struct.error, OSError, ValueError, KeyError, SafetensorError) as error:  # KeyError: a type numpy has not
        raise BadInput(f"an object of {len(body)} bytes holds no tensors: {error}") from error


def names_digest(names: Iterable[str]) -> str:
    """What stands for a set of names in an object's key, 16 hexadecimal digits."""
    return hashlib.sha256("\n".join(sorted(names)).encode()).hexdigest()[:16]


def _numbers(tensors: dict[str, Array]) -> dict[str, Array]:
    for name, values in tensors.items():
        if values.dtype.kind not in "biuf":
            raise ValueError(f"{name[:80]!r} is of {values.dtype}, neither integers nor floats")
    return tensors


def _unzipped(body: bytes) -> Iterator[bytes]:
    stream, left = pa.CompressedInputStream(pa.BufferReader(body), "zstd"), UNPACKED_BYTES_MAX
    while chunk := stream.read(CHUNK_BYTES):
        left -= len(chunk)
        if left < 0:
            raise ValueError(f"more than {UNPACKED_BYTES_MAX} bytes come out of it")
        yield chunk
