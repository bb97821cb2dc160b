"""What is said of an object of tensors in its header, without the tensors: so that whoever asks whose they are need not
load them.

What lives here: safetensors packed by zstd, as far as the header. What does not: the tensors (tensors.step_file).
"""

import json
import struct
from pathlib import Path
from typing import Any, Final

import pyarrow as pa

from monitor_jobs.contract.errors import BadInput

FACTS: Final = "facts"  # the entry of the header that holds our JSON
HEADER_BYTES_MAX: Final = 100_000_000  # safetensors' own limit
_HEADER_LENGTH: Final = struct.Struct("<Q")


def facts_in_file(path: Path) -> str:
    """The JSON that was packed with the tensors of a file, "{}" where there was none.

    However much would come out of the file, no more than its header is unpacked. Raises BadInput where it is damaged,
    or nothing of ours. Checked in tests/unit/test_tensor_files.py.
    """
    try:
        with pa.input_stream(str(path), compression="zstd") as stream:
            length = header_bytes(stream.read(_HEADER_LENGTH.size))
            return facts_in_header(stream.read(length))
    except (struct.error, OSError, ValueError) as error:
        raise BadInput(f"an object of {path.stat().st_size} bytes holds no tensors: {error}") from error


def facts_in_tensors(text: bytes) -> str:
    """The same of what was unpacked already. Raises ValueError or struct.error where it has no such header."""
    length = header_bytes(text)
    return facts_in_header(text[_HEADER_LENGTH.size : _HEADER_LENGTH.size + length])


def header_bytes(text: bytes) -> int:
    """How long a header is, as what stands before it tells. Raises ValueError or struct.error."""
    (length,) = _HEADER_LENGTH.unpack_from(text)
    if length > HEADER_BYTES_MAX:
        raise ValueError(f"its header would have {length} bytes, which is more than {HEADER_BYTES_MAX}")
    return int(length)


def facts_in_header(header: bytes) -> str:
    """The facts in a header's JSON. Raises ValueError where it is none."""
    try:
        told: dict[str, Any] = json.loads(header)
        return str(told.get("__metadata__", {}).get(FACTS, "{}"))
    except (AttributeError, RecursionError) as error:
        raise ValueError(f"its header is none: {error}") from error
