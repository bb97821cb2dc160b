"""JPEG and PNG without what they tell beside their pixels, which stay as they were, bit for bit.

Kept is what decoding needs, by an allow-list: whatever else a camera or a program wrote (EXIF and its place and
thumbnail, XMP, IPTC, comments, texts, times, profiles, further pictures, whatever follows the end) is gone. So is the
orientation: a capture shows the pixels as the model got them.

Sources: ITU-T T.81 annex B, JFIF 1.02, Adobe Technical Note 5116 (APP14), W3C PNG third edition section 11.
"""

import re
import struct
from collections.abc import Iterator
from typing import Final

from service.endpoint.redaction.withheld import Withheld, WithheldReason

PNG_SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
JPEG_START: Final = b"\xff\xd8"
_SOI, _EOI, _SOS, _APP0, _APP14, _TEM = 0xD8, 0xD9, 0xDA, 0xE0, 0xEE, 0x01
_RESTARTS: Final = range(0xD0, 0xD8)
_MISPLACED: Final = frozenset({*_RESTARTS, _SOI, _TEM})  # none of them has a segment
# Frames, tables and restart intervals; of the others (APPn, JPGn, COM) only what `_kept_segment` lets pass.
_DECODED: Final = frozenset({*range(0xC0, 0xD0), *range(0xDA, 0xE0)})
_MARKER: Final = re.compile(rb"\xff+([^\x00\xff])")
_JFIF, _JFIF_BYTES = b"JFIF\x00", 14
_ADOBE, _ADOBE_BYTES = b"Adobe", 12
# What each chunk may have at most: one that is longer holds something else.
_CHUNK_BYTES: Final = {
    b"IHDR": 13,
    b"PLTE": 3 * 256,
    b"IDAT": 2**31 - 1,
    b"IEND": 0,
    b"tRNS": 256,
    b"gAMA": 4,
    b"cHRM": 32,
    b"sRGB": 1,
    b"sBIT": 4,
    b"bKGD": 6,
    b"pHYs": 9,
}


def strip_picture(body: bytes) -> bytes:
    """The picture with nothing but what its pixels need, not encoded anew. Raises Withheld where it is none."""
    if body.startswith(PNG_SIGNATURE):
        return b"".join(_png(body))
    if body.startswith(JPEG_START):
        return b"".join(_jpeg(body))
    raise Withheld(WithheldReason.NOT_IMAGE)


def _png(body: bytes) -> Iterator[bytes]:
    yield PNG_SIGNATURE
    position, name = len(PNG_SIGNATURE), b""
    while name != b"IEND":
        start, size = position, int.from_bytes(body[position : position + 4])
        position += size + 12
        first, name = not name, body[start + 4 : start + 8]
        if position > len(body) or (name == b"IHDR") is not first:
            raise Withheld(WithheldReason.NOT_IMAGE)
        if size <= _CHUNK_BYTES.get(name, -1):
            yield body[start:position]
        elif name[:1].isupper():  # without a critical chunk there is no picture
            raise Withheld(WithheldReason.NOT_IMAGE)


def _jpeg(body: bytes) -> Iterator[bytes]:
    yield JPEG_START
    position = len(JPEG_START)
    while True:
        marker, position = _next_marker(body, position)
        if marker == _EOI:
            yield b"\xff\xd9"
            return
        if marker in _MISPLACED:
            raise Withheld(WithheldReason.NOT_IMAGE)
        content, position = _segment(body, position)
        yield from _kept_segment(marker, content)
        if marker == _SOS:
            start, position = position, _end_of_scan(body, position)
            yield body[start:position]


def _next_marker(body: bytes, position: int) -> tuple[int, int]:
    match = _MARKER.match(body, position)
    if match is None:
        raise Withheld(WithheldReason.NOT_IMAGE)
    return match[1][0], match.end()


def _segment(body: bytes, position: int) -> tuple[bytes, int]:
    size = int.from_bytes(body[position : position + 2])
    if size < 2 or position + size > len(body):
        raise Withheld(WithheldReason.NOT_IMAGE)
    return body[position + 2 : position + size], position + size


def _kept_segment(marker: int, content: bytes) -> Iterator[bytes]:
    if marker == _APP0 and content.startswith(_JFIF) and len(content) >= _JFIF_BYTES:
        content = content[: _JFIF_BYTES - 2] + b"\0\0"  # no thumbnail
    elif marker == _APP14 and content.startswith(_ADOBE) and len(content) >= _ADOBE_BYTES:
        content = content[:_ADOBE_BYTES]  # how colours were turned, without which they cannot be turned back
    elif marker not in _DECODED:
        return
    yield struct.pack(">BBH", 0xFF, marker, len(content) + 2) + content


def _end_of_scan(body: bytes, position: int) -> int:
    """Where the next marker begins that is no restart within the scan."""
    for match in _MARKER.finditer(body, position):
        if match[1][0] not in _RESTARTS:
            return match.start()
    raise Withheld(WithheldReason.NOT_IMAGE)
