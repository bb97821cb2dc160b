"""Turns request bodies into arrays and answers into bytes, where the model package does not do it itself.

What lives here: the content types that SageMaker's PyTorch toolkit decodes (npy, JSON, CSV), PNG and JPEG, and the
three it encodes. What does not: the package's functions (functions), HTTP (service.endpoint). Bodies are hostile:
sizes are checked before anything is allocated for them, and nothing is ever unpickled. Pure functions; checked in
tests/unit/test_codecs.py.
"""

import io
import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
import orjson

from monitor_jobs.contract.capture import media_type
from monitor_jobs.contract.errors import BadInput, ModelUnsuitable
from monitor_jobs.images import decode_image
from monitor_jobs.json_arrays import decode_json_array
from monitor_jobs.npy import Array, decode_npy

JSON: Final = "application/json"
CSV: Final = "text/csv"
NPY: Final = "application/x-npy"
TEXT_TYPES: Final = frozenset({JSON, CSV})
CONTENT_TYPE_MAX_CHARACTERS: Final = 256


class UnsupportedContentType(BadInput):
    """No decoder knows the request's content type."""


class NotAcceptable(BadInput):
    """No encoder writes a content type that the caller accepts."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes back to the caller; `value` is the answer before it became bytes, None where the package wrote it."""

    body: bytes
    content_type: str
    value: object = None
    has_nan: bool = False


def decode(body: bytes | str, content_type: str) -> Array:
    """The array that a request body holds: numbers as they are, images as uint8 [height, width, channels].

    Raises UnsupportedContentType for a type without a decoder, BadInput where the body is not what its type says.
    """
    decoder = _DECODERS.get(media_type(content_type))
    if decoder is None:
        raise UnsupportedContentType(
            f"content type {content_type!r} is not decoded: send one of {', '.join(_DECODERS)}"
        )
    return decoder(body.encode() if isinstance(body, str) else body)


def decode_text(body: bytes, content_type: str) -> str:
    """The body as text. Raises BadInput where it is not UTF-8."""
    try:
        return body.decode()
    except UnicodeDecodeError as error:
        raise BadInput(
            f"the {content_type} body is not UTF-8: byte {error.start} is 0x{body[error.start]:02x}"
        ) from error


def accepted_types(accept: str) -> list[str]:
    """The media types of an Accept header that are wanted at all, most wanted first."""
    weighted = [(_weight(item), media_type(item)) for item in accept.split(",") if item.strip()]
    return [name for weight, name in sorted(weighted, key=lambda pair: -pair[0]) if weight > 0]


def choose_encoder(accept: str) -> str:
    """The content type that answers an Accept header. Raises NotAcceptable where no encoder writes one of its types."""
    for wanted in accepted_types(accept):
        for offered in _ENCODERS:
            if wanted in (offered, "*/*", offered.partition("/")[0] + "/*"):
                return offered
    raise NotAcceptable(f"no answer can be written as {accept!r}: accept one of {', '.join(_ENCODERS)}")


def encode(value: object, content_type: str) -> Answer:
    """A value as bytes of one of the encoders' types; NaN and infinity become null in JSON.

    Raises ModelUnsuitable where the value does not fit the type.
    """
    plain = as_plain(value)
    return _ENCODERS[content_type](plain)


def answer_from(result: object, accept: str) -> Answer:
    """What the package's last function returned, as an answer: text and bytes as they are, everything else encoded.

    The toolkit's rule: the result may be a pair (body, content type); otherwise the answer has the accepted type. A
    body that is no text, such as the nested list that many packages return, is written as its type asks, else as
    JSON. Raises NotAcceptable, or ModelUnsuitable where the result cannot be written.
    """
    body, content_type = _split(result)
    if isinstance(body, str | bytes | bytearray | memoryview):
        return _written_by_package(body, content_type or next(iter(accepted_types(accept)), JSON))
    if content_type is None:
        return encode(body, choose_encoder(accept))
    named = media_type(content_type)
    encoded = encode(body, named if named in _ENCODERS else JSON)
    return Answer(encoded.body, content_type, encoded.value, encoded.has_nan)


def as_plain(value: object) -> object:
    """A tensor or array as a numpy array that JSON can hold; anything else as it is."""
    if hasattr(value, "detach"):
        tensor = value.detach().cpu()
        return tensor.numpy() if str(tensor.dtype) != "torch.bfloat16" else tensor.float().numpy()
    return value


def _split(result: object) -> tuple[object, str | None]:
    if not (isinstance(result, tuple) and len(result) == 2 and isinstance(result[1], str)):
        return result, None
    content_type = result[1]
    if len(content_type) > CONTENT_TYPE_MAX_CHARACTERS or not content_type.isascii() or not content_type.isprintable():
        raise ModelUnsuitable(f"the package answers with the content type {content_type[:80]!r}: write type/subtype")
    return result


def _written_by_package(body: str | bytes | bytearray | memoryview, content_type: str) -> Answer:
    text = body.encode() if isinstance(body, str) else bytes(body)
    if media_type(content_type) == JSON and (b"NaN" in text or b"Infinity" in text):
        return _without_nan(text, content_type)
    return Answer(text, content_type)


def _without_nan(text: bytes, content_type: str) -> Answer:
    """Python's json module writes NaN, which is no JSON; the words may also stand harmlessly inside a string."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return Answer(text, content_type)
    if not _holds_nan(value):
        return Answer(text, content_type)
    return Answer(orjson.dumps(value), content_type, value, has_nan=True)


def _encode_json(value: object) -> Answer:
    try:
        body = orjson.dumps(value, default=_jsonable, option=orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_NON_STR_KEYS)
    except TypeError as error:
        raise ModelUnsuitable(f"the model's answer cannot be written as JSON: {error}") from error
    # orjson writes NaN as null; only where there is a null it is worth looking which of the two it was.
    return Answer(body, JSON, value, has_nan=b"null" in body and _holds_nan(value))


def _jsonable(value: object) -> object:
    plain = as_plain(value)
    if hasattr(plain, "tolist"):
        return plain.tolist()
    raise TypeError(f"{type(value).__name__} has no JSON form")


def _encode_csv(value: object) -> Answer:
    rows = np.atleast_1d(_array(value))
    if rows.ndim > 2:
        raise ModelUnsuitable(f"an answer of shape {rows.shape} has no CSV form: ask for {JSON}")
    stream = io.StringIO()
    np.savetxt(stream, rows, delimiter=",", fmt="%s")
    return Answer(stream.getvalue().encode(), CSV, value, has_nan=_holds_nan(value))


def _encode_npy(value: object) -> Answer:
    stream = io.BytesIO()
    np.save(stream, _array(value), allow_pickle=False)
    return Answer(stream.getvalue(), NPY, value, has_nan=_holds_nan(value))


def _array(value: object) -> Array:
    try:
        array = np.asarray(value)
    except ValueError as error:
        raise ModelUnsuitable(f"the model's answer is no array ({error}): ask for {JSON}") from error
    if array.dtype.kind not in "biufUS":
        raise ModelUnsuitable(f"the model's answer is an array of {array.dtype}: ask for {JSON}")
    return array


def _holds_nan(value: object) -> bool:
    plain = as_plain(value)
    if isinstance(plain, np.ndarray):
        return plain.dtype.kind == "f" and not bool(np.isfinite(plain).all())
    if isinstance(plain, float | np.floating):
        return not math.isfinite(plain)
    if isinstance(plain, dict):
        return any(_holds_nan(item) for item in plain.values())
    return isinstance(plain, list | tuple) and any(_holds_nan(item) for item in plain)


def _decode_csv(body: bytes) -> Array:
    text = decode_text(body, CSV)
    if not text.strip():
        raise BadInput("the CSV body is empty: send rows of numbers")
    try:
        return np.loadtxt(io.StringIO(text), delimiter=",", comments=None)
    except ValueError as error:
        raise BadInput(f"the CSV body is not rows of numbers: {error}") from error


def _weight(item: str) -> float:
    """An Accept item's q; 1 where it has none, 0 where it is no number."""
    for parameter in item.split(";")[1:]:
        name, _, value = parameter.strip().partition("=")
        if name.lower() == "q":
            return float(value) if value.replace(".", "", 1).isdecimal() and value.isascii() else 0.0
    return 1.0


_DECODERS: Final[dict[str, Callable[[bytes], Array]]] = {
    NPY: decode_npy,
    JSON: decode_json_array,
    CSV: _decode_csv,
    "image/png": lambda body: decode_image(body, "PNG"),
    "image/jpeg": lambda body: decode_image(body, "JPEG"),
}
_ENCODERS: Final[dict[str, Callable[[object], Answer]]] = {JSON: _encode_json, CSV: _encode_csv, NPY: _encode_npy}
