"""safetensors files whose header lies: about its own length, and about where tensors lie and how large they are."""

import json
from typing import Any, Final

ENORMOUS: Final = 2**62
DATA: Final = bytes(16)


def _file(header: object, data: bytes = DATA, length: int | None = None) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return (len(text) if length is None else length).to_bytes(8, "little") + text + data


def _tensor(shape: list[Any], start: int, end: int, dtype: str = "F32") -> dict[str, Any]:
    return {"dtype": dtype, "shape": shape, "data_offsets": [start, end]}


HOSTILE_SAFETENSORS: Final = {
    "nothing": b"",
    "seven bytes": bytes(7),
    "a header of 2^63 bytes": _file({}, length=2**63),
    "a header of a gigabyte": _file({}, length=2**30),
    "a header beyond the file": _file({}, length=100),
    "a header of length 0": _file(b"", length=0),
    "no JSON": _file(b"\x80\x04cposix\nsystem\n"),
    "a list": _file([]),
    "deep JSON": _file(b'{"a":' * 50_000 + b"1" + b"}" * 50_000),
    "no UTF-8": _file(b'{"\xff\xfe": 1}'),
    "overlapping tensors": _file({"a": _tensor([4], 0, 16), "b": _tensor([4], 0, 16)}),
    "half overlapping tensors": _file({"a": _tensor([2], 0, 8), "b": _tensor([3], 4, 16)}),
    "a hole": _file({"a": _tensor([1], 0, 4), "b": _tensor([1], 12, 16)}),
    "bytes of no tensor": _file({"a": _tensor([1], 0, 4)}),
    "a tensor beyond the end": _file({"a": _tensor([8], 0, 32)}),
    "negative offsets": _file({"a": _tensor([4], -16, 0)}),
    "an end before the start": _file({"a": _tensor([4], 16, 0)}),
    "a negative size": _file({"a": _tensor([-4], 0, 16)}),
    "sizes whose product overflows": _file({"a": _tensor([ENORMOUS, 4], 0, 16)}),
    "an enormous tensor": _file({"a": _tensor([ENORMOUS], 0, 4 * ENORMOUS)}),
    "a size that is no integer": _file({"a": _tensor([1.5], 0, 16)}),
    "an unknown type": _file({"a": _tensor([2], 0, 16, "O")}),
    "a type of another width": _file({"a": _tensor([4], 0, 16, "F64")}),
    "one name twice": _file(b'{"a":' + json.dumps(_tensor([2], 0, 8)).encode() + b',"a":{"dtype":"F32"}}'),
    "metadata that is no text": _file({"__metadata__": {"a": [1]}, "a": _tensor([4], 0, 16)}),
}
