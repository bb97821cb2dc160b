"""The members of InvokeEndpoint that travel as headers: what each may hold, and what is done with it.

What lives here: one table, held against AWS's published shape. What does not: the endpoint's name and the body.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any, Final

from botocore.loaders import Loader

from monitor_jobs.contract.errors import BadInput
from service.control.gateway.errors import UnsupportedEncoding, ValidationError
from service.control.shapes import Shape, validate

ENCODING: Final = b"content-encoding"
INPUT: Final = "InvokeEndpointInput"

# Forwarded to the process as they came. A model that keeps no sessions takes no notice of SessionId, as at AWS.
FORWARDED: Final = ("ContentType", "Accept", "CustomAttributes", "InferenceId", "SessionId")
# Decide who answers.
ROUTING: Final = ("TargetVariant",)
# A hint for a RoutingStrategy that no variant here has; AWS ignores it for any other.
IGNORED: Final = ("PrefixAwareId",)
# Name kinds of endpoints that are not served. AWS refuses them on an endpoint of another kind; the first and the last
# sentence are its own.
REFUSED: Final[Mapping[str, str]] = {
    "TargetModel": "Endpoint {endpoint} is not a multi-model endpoint and does not support target model header.",
    "TargetContainerHostname": (
        "Endpoint {endpoint} is not a multi-container endpoint and does not support target container hostname header."
    ),
    "EnableExplanations": "Endpoint {endpoint} has no explainer and does not support enable explanations header.",
    "InferenceComponentName": (
        "Inference Component Name header is not allowed for endpoints to which you dont plan to deploy inference"
        " components. Please remove the Inference Component Name header and try again."
    ),
}
# What of a process's answer goes back besides its body.
RETURNED: Final = ("ContentType", "CustomAttributes", "NewSessionId", "ClosedSessionId")


@dataclass(frozen=True, slots=True)
class Invocation:
    """One request's members: what goes on to the process, and the variant that was asked for by name."""

    forwarded: Mapping[bytes, bytes]
    target_variant: str | None
    custom_attributes: bytes | None


def read_members(endpoint: str, headers: Iterable[tuple[bytes, bytes]]) -> Invocation:
    """The members among a request's headers, lower case names. Raises ValidationError for one that cannot be served.

    Limits are those of the published shape; checked in tests/unit/test_invocation_members.py.
    """
    given: dict[str, bytes] = {}
    known = member_of_header()
    for name, value in headers:  # of a message, so that names are in lower case
        member = known.get(name)
        if member is not None:
            if member in given:
                raise ValidationError(f"The header {name.decode()} is given twice: send it once.")
            given[member] = value
        elif name == ENCODING and value.lower() not in (b"", b"identity"):
            raise UnsupportedEncoding(f"Content-Encoding {value[:80].decode('latin-1')!r}: send the body as it is.")
    _check(endpoint, given)
    target = given.get("TargetVariant")
    return Invocation(
        forwarded={header_of(member): given[member] for member in FORWARDED if member in given},
        target_variant=None if target is None else target.decode(),
        custom_attributes=given.get("CustomAttributes"),
    )


def returned_headers(answered: Iterable[tuple[bytes, bytes]], asked: Invocation) -> list[tuple[bytes, bytes]]:
    """The headers that go back; a model that sets no custom attributes returns the caller's own.

    AWS leaves it to the model's code to return them; model packages here cannot, and callers trace by them.
    """
    wanted = _returned()
    kept = [(name, value) for name, value in answered if name in wanted]
    attributes = _output_headers()["CustomAttributes"]
    if asked.custom_attributes is not None and all(name != attributes for name, _ in kept):
        kept.append((attributes, asked.custom_attributes))
    return kept


@cache
def member_of_header() -> Mapping[bytes, str]:
    """The published header members by header name in lower case."""
    return {header: member for member, header in _headers(INPUT).items()}


def header_of(member: str) -> bytes:
    """The header that a member travels in."""
    return _input_headers()[member]


def _check(endpoint: str, given: Mapping[str, bytes]) -> None:
    text = {"EndpointName": endpoint, **{member: value.decode("latin-1") for member, value in given.items()}}
    try:
        for member, value in text.items():
            _check_member(member, value)
    except BadInput:
        _check_together(text)
    for member, sentence in REFUSED.items():
        if member in given:
            raise ValidationError(sentence.format(endpoint=endpoint))


@lru_cache(maxsize=1024)
def _check_member(member: str, value: str) -> None:
    # The same few values come again and again; only what fits is remembered.
    validate({member: value}, INPUT, {**_shapes(), INPUT: {**_shapes()[INPUT], "required": ()}})


def _check_together(text: Mapping[str, str]) -> None:
    try:
        validate({**text, "Body": b""}, INPUT, _shapes())
    except BadInput as error:
        raise ValidationError(str(error)) from error


@cache
def _shapes() -> Mapping[str, Shape]:
    shapes: Mapping[str, Any] = Loader().load_service_model("sagemaker-runtime", "service-2")["shapes"]
    return shapes


def _headers(shape: str) -> Mapping[str, bytes]:
    members: Mapping[str, Shape] = _shapes()[shape]["members"]
    found = ((name, member) for name, member in members.items() if member.get("location") == "header")
    return {name: member["locationName"].lower().encode() for name, member in found}


@cache
def _input_headers() -> Mapping[str, bytes]:
    return _headers(INPUT)


@cache
def _output_headers() -> Mapping[str, bytes]:
    return _headers("InvokeEndpointOutput")


@cache
def _returned() -> frozenset[bytes]:
    return frozenset(_output_headers()[member] for member in RETURNED)
