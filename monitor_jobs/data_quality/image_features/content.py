"""The arrays that one captured body holds.

What lives here: which content types are pictures and arrays, and what is known of them beside their values. What does
not: decoding any of them (monitor_jobs.images, npy, json_arrays), telling a batch from an item (items). Bodies are
hostile: sizes are checked before anything is allocated for them.
"""

import io
import re
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from monitor_jobs.contract.capture import media_type
from monitor_jobs.contract.errors import BadInput
from monitor_jobs.data_quality.image_features.jpeg_quality import estimated_quality
from monitor_jobs.images import decode_picture
from monitor_jobs.json_arrays import decode_json_array
from monitor_jobs.npy import Array, decode_npy

BODY_MAX_BYTES: Final = 25_000_000  # InvokeEndpoint takes 6 MB by default, and 25 at most
LISTS_MAX_BYTES: Final = 8_000_000  # JSON's lists take 30 times their text's room while they are read
UNPACKED_MAX_BYTES: Final = 200_000_000
MEMBERS_MAX: Final = 64
PICTURE_TYPES: Final = frozenset(
    {
        "image/png",
        "image/jpeg",
        "image/jpg",
        "image/webp",
        "image/gif",
        "image/bmp",
        "image/x-ms-bmp",
        "application/x-image",  # what SageMaker's own image algorithms take
    }
)
_WRAPPED_LIST: Final = re.compile(rb'\s*\{\s*"(?:instances|inputs)"\s*:(.*)\}\s*', re.DOTALL)


@dataclass(frozen=True, slots=True, eq=False)
class Content:
    """What a body holds: arrays by name ("" of one alone), facts of all items, the shape of one if known."""

    arrays: Mapping[str, Array] = field(default_factory=dict)
    facts: Mapping[str, float] = field(default_factory=dict)
    item_shape: tuple[int, ...] | None = None


def read_content(body: bytes, content_type: str) -> Content:
    """The arrays of a body; of text, and of a type that is not known, there are none.

    A picture is an array [channels, height, width]. JSON is a nested list, or an object that has one as its `instances`
    or `inputs`, as TensorFlow's servers take it. Raises BadInput where a body is not what its type says, or would
    take more memory than any model's input needs.
    """
    reader = _READERS.get(media_type(content_type))
    if reader is None:
        return Content()
    if len(body) > BODY_MAX_BYTES:
        raise BadInput(f"the body has {len(body)} bytes: at most {BODY_MAX_BYTES} are read")
    return reader(body)


def _read_picture(body: bytes) -> Content:
    picture = decode_picture(body)
    facts = {"channels": float(picture.channels)}
    if picture.quantisation:
        facts["jpeg_quality"] = estimated_quality(picture.quantisation)
    planes = picture.pixels.transpose(2, 0, 1)
    return Content({"": planes}, facts, planes.shape)


def _read_json(body: bytes) -> Content:
    if len(body) > LISTS_MAX_BYTES:
        raise BadInput(f"the JSON body has {len(body)} bytes: at most {LISTS_MAX_BYTES} are read, npy may have more")
    wrapped = _WRAPPED_LIST.fullmatch(body)
    return Content({"": decode_json_array(wrapped[1] if wrapped else body)})


def _read_npy(body: bytes) -> Content:
    return Content({"": decode_npy(body)})


def _read_npz(body: bytes) -> Content:
    try:
        with zipfile.ZipFile(io.BytesIO(body)) as archive:
            members = list(_members(archive))
    except (zipfile.BadZipFile, zlib.error, OSError, EOFError, ValueError, NotImplementedError, RuntimeError) as error:
        raise BadInput(f"the body is no whole npz archive: {error}") from error
    if len(members) == 1:
        return Content({"": members[0][1]})
    return Content(dict(members))


def _members(archive: zipfile.ZipFile) -> Iterator[tuple[str, Array]]:
    entries = archive.infolist()
    if len(entries) > MEMBERS_MAX:
        raise BadInput(f"the npz archive has {len(entries)} arrays: at most {MEMBERS_MAX} are read")
    left = UNPACKED_MAX_BYTES
    for entry in entries:
        with archive.open(entry) as member:
            body = member.read(left + 1)  # whatever size the archive claims
        left -= len(body)
        if left < 0:
            raise BadInput(f"the npz archive holds more than {UNPACKED_MAX_BYTES} bytes: send fewer at once")
        yield entry.filename.removesuffix(".npy"), decode_npy(body)


_READERS: Final[dict[str, Callable[[bytes], Content]]] = {
    **dict.fromkeys(PICTURE_TYPES, _read_picture),
    "application/json": _read_json,
    "application/x-npy": _read_npy,
    "application/x-npz": _read_npz,
}
