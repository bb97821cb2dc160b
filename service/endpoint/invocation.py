"""One invocation's way over the wire: its headers in, its answer or error out.

What lives here: reading and writing ASGI messages. What does not: its body (request_bodies), the model (worker), which
error has which status (app).
"""

import json
from dataclasses import dataclass
from typing import Final

from starlette.types import Message, Scope, Send

from monitor_jobs.contract.errors import BadInput
from monitor_jobs.model_functions.codecs import UnsupportedContentType

DEFAULT_CONTENT_TYPE: Final = "application/octet-stream"
HEADER_MAX_CHARACTERS: Final = {
    "content-type": 256,
    "accept": 1024,
    "x-amzn-sagemaker-inference-id": 64,
    "x-amzn-sagemaker-custom-attributes": 1024,
}


@dataclass(frozen=True, slots=True)
class InvocationHeaders:
    """The headers of InvokeEndpoint; identifier and attributes are None where the caller sent none."""

    content_type: str
    accept: str
    inference_id: str | None
    custom_attributes: str | None


def read_headers(scope: Scope) -> InvocationHeaders:
    """The headers that matter.

    Raises BadInput for one that is given twice, too long or not ASCII, UnsupportedContentType for a packed body.
    """
    found: dict[str, str] = {}
    for name, value in scope["headers"]:
        key = name.decode("latin-1")
        if key in HEADER_MAX_CHARACTERS:
            if key in found:
                raise BadInput(f"the header {key} is given twice: send it once")
            found[key] = _checked(key, value)
        elif key == "content-encoding" and value.lower() not in (b"", b"identity"):
            raise UnsupportedContentType(f"the body is packed by {value[:80].decode('latin-1')!r}: send it as it is")
    return InvocationHeaders(
        content_type=found.get("content-type") or DEFAULT_CONTENT_TYPE,
        accept=found.get("accept", ""),
        inference_id=found.get("x-amzn-sagemaker-inference-id"),
        custom_attributes=found.get("x-amzn-sagemaker-custom-attributes"),
    )


async def send_answer(send: Send, body: bytes, content_type: str) -> None:
    """Send a 200 answer."""
    await _send(send, 200, body, [(b"content-type", content_type.encode("ascii"))])


async def send_error(send: Send, status: int, error: str, **more: object) -> None:
    """Send an error as JSON: the sentence, and what else a program may want to know."""
    headers = [(b"content-type", b"application/json")]
    if status == 503:
        headers.append((b"retry-after", b"1"))
    if status == 405:
        headers.append((b"allow", b"POST"))
    await _send(send, status, json.dumps({"error": error, **more}).encode(), headers)


async def _send(send: Send, status: int, body: bytes, headers: list[tuple[bytes, bytes]]) -> None:
    headers.append((b"content-length", str(len(body)).encode()))
    start: Message = {"type": "http.response.start", "status": status, "headers": headers}
    await send(start)
    await send({"type": "http.response.body", "body": body})


def _checked(name: str, value: bytes) -> str:
    limit = HEADER_MAX_CHARACTERS[name]
    text = value.decode("latin-1")
    if len(text) > limit or not text.isascii() or not text.isprintable():
        raise BadInput(f"the header {name} must be at most {limit} visible ASCII characters")
    if not text and name.startswith("x-amzn-"):
        raise BadInput(f"the header {name} is empty: leave it out or give it a value")
    return text
