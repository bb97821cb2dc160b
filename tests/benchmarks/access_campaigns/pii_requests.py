"""Requests that carry what captures must not hold: a distinct word in every place where a person's data may be.

What lives here: the words, the rules that are to take them out, the requests that carry them. What does not: sending
them and looking for them (pii).
"""

import io
import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from PIL import Image, PngImagePlugin

PREFIX = "PII-CANARY"
RULES = {
    "request": {
        "json": {
            "$.user.email": "drop",
            "$..ssn": "hash",
            "$.user.name": "mask",
            "$.visits[*].place": "drop",
            "$.notes.*": "drop",
            "$.echo": "drop",
        },
        "csv": {"0": "hash", "2": "drop"},
        "images": "strip",
    },
    "response": {"json": {"$.told": "drop"}},
    "headers": {"inference_id": "hash", "custom_attributes": "drop"},
}
# Answers class scores; tells what `echo` says, fails over `fail` while it quotes it.
MODEL = """
import json

def model_fn(model_dir):
    return None

def transform_fn(model, data, content_type, accept):
    if content_type.partition(";")[0] == "application/json":
        asked = json.loads(data)
        if "fail" in asked:
            raise ValueError(f"cannot judge {asked['fail']}")
        if "echo" in asked:
            return {"predictions": [[0.25, 0.75]], "told": asked["echo"]}, "application/json"
    return [[0.25, 0.75]], "application/json"
"""


@dataclass(frozen=True)
class Request:
    """One request. `captured` are the words that its capture holds without rules, `others` those that none may hold."""

    body: bytes
    content_type: str
    captured: tuple[str, ...] = ()
    others: tuple[str, ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    query: str = ""


def word(name: str) -> str:
    """The canary of one place."""
    return f"{PREFIX}-{name}"


def requests() -> list[Request]:
    """All of them; those that end in an error come last."""
    return [_json(), _json_lines(), _twice(), _echo(), _csv(), _jpeg(), _png(), _headers(), *_refused(), *_failing()]


def words(requests: list[Request]) -> tuple[set[str], set[str]]:
    """The canaries that captures hold without rules, and those that nothing may ever hold."""
    return {each for one in requests for each in one.captured}, {each for one in requests for each in one.others}


def _json() -> Request:
    names = ("email", "deep-ssn", "masked-name", "place", "note", "note-name")
    email, ssn, name, place, note, note_name = map(word, names)
    body = {
        "user": {"email": email, "name": name, "papers": [{"ssn": ssn}]},
        "visits": [{"place": place, "hour": 7}, {"place": place, "hour": 8}],
        "notes": {note_name: note},
        "x": 1,
    }
    return Request(json.dumps(body).encode(), "application/json", (email, ssn, name, place, note, note_name))


def _json_lines() -> Request:
    first, second = word("line-1"), word("line-2")
    lines = "\n".join(json.dumps({"ssn": each, "x": 1}) for each in (first, second))
    return Request(lines.encode(), "application/jsonlines", (first, second))


def _twice() -> Request:
    first, second = word("named-twice-1"), word("named-twice-2")
    body = f'{{"user": {{"email": "{first}"}}, "user": {{"email": "{second}"}}}}'
    return Request(body.encode(), "application/json", (first, second))


def _echo() -> Request:
    told = word("answer")
    return Request(json.dumps({"echo": told}).encode(), "application/json", (told,))


def _csv() -> Request:
    first, quoted = word("column-0"), word("column-2-quoted")
    return Request(f'{first},1,"a, {quoted}"\n'.encode(), "text/csv", (first, quoted))


def _jpeg() -> Request:
    exif, xmp, iptc, comment, icc, behind = (
        word(f"jpeg-{name}") for name in ("exif", "xmp", "iptc", "com", "icc", "end")
    )
    stream = io.BytesIO()
    told = Image.Exif()
    told[0x013B] = exif  # Artist
    _picture().save(stream, "JPEG", exif=told, comment=comment.encode(), icc_profile=icc.encode())
    plain = stream.getvalue()
    segments = _segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + xmp.encode()) + _segment(0xED, iptc.encode())
    body = plain[:2] + segments + plain[2:] + behind.encode()
    return Request(body, "image/jpeg", (exif, xmp, iptc, comment, icc, behind))


def _png() -> Request:
    text, international, exif, behind = (word(f"png-{name}") for name in ("text", "itxt", "exif", "end"))
    told, more, stream = PngImagePlugin.PngInfo(), Image.Exif(), io.BytesIO()
    told.add_text("Author", text)
    told.add_itxt("Title", international)
    more[0x013B] = exif
    _picture().save(stream, "PNG", pnginfo=told, exif=more)
    return Request(stream.getvalue() + behind.encode(), "image/png", (text, international, exif, behind))


def _headers() -> Request:
    attributes, inference_id, parameter = word("attributes"), word("inference-id"), word("content-type")
    query, cookie, agent = word("query"), word("cookie"), word("user-agent")
    headers = {
        "x-amzn-sagemaker-custom-attributes": attributes,
        "x-amzn-sagemaker-inference-id": inference_id,
        "cookie": f"session={cookie}",
        "user-agent": agent,
    }
    captured = (attributes, inference_id, parameter)
    content_type = f"application/json; for={parameter}"
    return Request(b'{"x": 1}', content_type, captured, (query, cookie, agent), headers, query=f"?q={query}")


def _refused() -> list[Request]:
    """Answered, and none that rules can be applied to: what is not captured must not be kept in any other way."""
    plain, npy = word("no-rule"), word("no-rule-npy")
    return [
        Request(plain.encode(), "text/plain", (plain,)),
        Request(npy.encode(), "application/x-npy", (npy,)),
    ]


def _failing() -> list[Request]:
    """Answered with an error: never captured, and the error must not be logged with what it quotes."""
    raised, malformed, long = word("raised"), word("malformed"), word("custom-attributes-too-long")
    too_long = {"x-amzn-sagemaker-custom-attributes": long * 64}
    return [
        Request(json.dumps({"fail": raised}).encode(), "application/json", others=(raised,)),
        Request(f'{{"ssn": "{malformed}"'.encode(), "application/json", others=(malformed,)),
        Request(b'{"x": 1}', "application/json", others=(long,), headers=too_long),
    ]


def _picture() -> Image.Image:
    return Image.fromarray(np.random.default_rng(7).integers(0, 256, (16, 16, 3), dtype=np.uint8))


def _segment(marker: int, content: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(content) + 2) + content
