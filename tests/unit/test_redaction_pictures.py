"""Pictures stripped of what they tell beside their pixels: not one pixel changes, and nothing else is left."""

import io
import random
import struct
import zlib

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from service.endpoint.redaction.pictures import strip_picture
from service.endpoint.redaction.withheld import Withheld, WithheldReason

CANARY = b"CANARY-4711"
TEXT = CANARY.decode()


def picture(mode: str = "RGB") -> Image.Image:
    pixels = np.random.default_rng(7).integers(0, 256, (48, 64, 3), dtype=np.uint8)
    return Image.fromarray(pixels).convert(mode)


def jpeg(mode: str = "RGB", **options: object) -> bytes:
    exif = Image.Exif()
    exif[0x010E] = TEXT  # ImageDescription
    exif[0x0112] = 6
    stream = io.BytesIO()
    picture(mode).save(stream, "JPEG", exif=exif, comment=CANARY, icc_profile=b"profile of " + CANARY, **options)
    return stream.getvalue()


def png(mode: str = "RGB") -> bytes:
    told = PngImagePlugin.PngInfo()
    told.add_text("Author", TEXT)
    told.add_text("Comment", TEXT, zip=True)
    told.add_itxt("Title", TEXT, "en", TEXT)
    exif = Image.Exif()
    exif[0x010E] = TEXT
    stream = io.BytesIO()
    picture(mode).save(stream, "PNG", pnginfo=told, exif=exif, icc_profile=b"profile of " + CANARY)
    return stream.getvalue()


def pixels(body: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(body)) as image:
        return np.array(image.convert("RGB"))


def segment(marker: int, content: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(content) + 2) + content


def chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


JPEGS = {
    "baseline": jpeg(),
    "progressive": jpeg(progressive=True),
    "restarts": jpeg(restart_marker_blocks=2),
    "grey": jpeg("L"),
    "cmyk": jpeg("CMYK"),
}
PNGS = {"rgb": png(), "grey": png("L"), "palette": png("P"), "alpha": png("RGBA")}


@pytest.mark.parametrize("body", [*JPEGS.values(), *PNGS.values()], ids=[*JPEGS, *PNGS])
def test_the_pixels_stay_and_what_was_told_beside_them_goes(body: bytes) -> None:
    stripped = strip_picture(body)
    assert (pixels(stripped) == pixels(body)).all()
    assert CANARY in body
    assert CANARY not in stripped


@pytest.mark.parametrize("body", [*JPEGS.values(), *PNGS.values()], ids=[*JPEGS, *PNGS])
def test_stripping_what_is_stripped_changes_nothing(body: bytes) -> None:
    assert strip_picture(strip_picture(body)) == strip_picture(body)


@pytest.mark.parametrize("body", [JPEGS["baseline"], PNGS["rgb"]], ids=["jpeg", "png"])
def test_what_follows_the_end_goes(body: bytes) -> None:
    assert strip_picture(body + CANARY) == strip_picture(body)


@pytest.mark.parametrize("marker", [*range(0xE1, 0xF0), 0xF0, 0xFE])
def test_no_application_segment_and_no_comment_is_left(marker: int) -> None:
    body = JPEGS["baseline"]
    assert CANARY not in strip_picture(body[:2] + segment(marker, CANARY * 3) + body[2:])


def test_the_thumbnail_of_a_jfif_header_goes() -> None:
    body = JPEGS["baseline"]
    header = segment(0xE0, b"JFIF\0\x01\x02\0\0\x01\0\x01\x02\x02" + CANARY + b"\0")
    stripped = strip_picture(body[:2] + header + body[20:])
    assert CANARY not in stripped
    assert (pixels(stripped) == pixels(body)).all()


def test_a_segment_between_two_scans_goes() -> None:
    body = JPEGS["progressive"]
    second_scan = body.index(b"\xff\xda", body.index(b"\xff\xda") + 2)
    told = body[:second_scan] + segment(0xFE, CANARY) + body[second_scan:]
    assert strip_picture(told) == strip_picture(body)


@pytest.mark.parametrize("name", [b"tEXt", b"zTXt", b"iTXt", b"eXIf", b"tIME", b"iCCP", b"sPLT", b"fdAT", b"vpAg"])
def test_no_chunk_beside_the_picture_is_left(name: bytes) -> None:
    body = PNGS["rgb"]
    assert strip_picture(body[:33] + chunk(name, CANARY) + body[33:]) == strip_picture(body)


def test_a_chunk_that_is_longer_than_its_kind_can_be_goes() -> None:
    body = PNGS["rgb"]
    assert CANARY not in strip_picture(body[:33] + chunk(b"gAMA", CANARY) + body[33:])


@pytest.mark.parametrize(
    "body",
    [b"", b"GIF89a", b"\xff\xd8", b"\xff\xd8\xff\xd9"[:3], PNGS["rgb"][:8], PNGS["rgb"][:-12], JPEGS["baseline"][:-2]],
)
def test_what_is_no_whole_picture_is_withheld(body: bytes) -> None:
    with pytest.raises(Withheld) as outcome:
        strip_picture(body)
    assert outcome.value.reason is WithheldReason.NOT_IMAGE


def test_no_damage_makes_anything_but_a_stripped_picture_or_a_refusal() -> None:
    draw = random.Random(7)
    for body in (*JPEGS.values(), *PNGS.values()):
        for _ in range(200):
            damaged = bytearray(body)
            damaged[draw.randrange(2, len(body))] ^= 1 << draw.randrange(8)
            try:
                stripped = strip_picture(bytes(damaged[: draw.randrange(1, len(body) + 1)]))
            except Withheld:
                continue
            assert len(stripped) <= len(damaged)
