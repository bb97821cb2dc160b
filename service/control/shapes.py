"""Requests held against AWS's own published shapes: required members, types, lengths, ranges, patterns, words.

botocore ships the API models but its clients check only required members, types and lengths; a service must check
patterns and enumerations too. Here is the walk over a shape; which operations exist is their tables' business (api).
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from botocore.loaders import Loader

from monitor_jobs.contract.errors import BadInput

Shape = Mapping[str, Any]
MAX_COMPLAINTS = 10


@dataclass(frozen=True, slots=True)
class ApiModel:
    """The published model of one service, by botocore's name for it: its operations and the shapes that they reach."""

    service: str
    operations: Mapping[str, Shape]
    shapes: Mapping[str, Shape]
    metadata: Mapping[str, Any]

    def input_shape(self, operation: str) -> str | None:
        """The name of an operation's request shape; None where it has none, or the model has no such operation."""
        published = self.operations.get(operation, {}).get("input")
        return None if published is None else str(published["shape"])


# Keys of both kinds end at a time here: what IAM's shapes lack is said in their way. Clients of AWS's pass it over.
EXPIRATION: Final = {"ExpirationDate": {"shape": "dateType"}}
OWN_MEMBERS: Final[Mapping[str, Mapping[str, Shape]]] = {
    "iam": {
        "UpdateAccessKeyRequest": EXPIRATION,
        "AccessKeyMetadata": EXPIRATION,
        "UpdateServiceSpecificCredentialRequest": EXPIRATION,
    },
}


@cache
def published_model(service: str) -> ApiModel:
    """The API of a service, by botocore's name for it, as botocore publishes it, and the members that are ours."""
    model = Loader().load_service_model(service, "service-2")
    shapes: dict[str, Shape] = model["shapes"]
    for name, members in OWN_MEMBERS.get(service, {}).items():
        shapes[name] = {**shapes[name], "members": {**shapes[name]["members"], **members}}
    return ApiModel(service, model["operations"], shapes, model["metadata"])


def validate(request: object, shape_name: str, shapes: Mapping[str, Shape]) -> None:
    """Nothing, where a request fits its shape. Raises BadInput in AWS's wording with up to ten complaints.

    Members that the shape does not have are let through: clients newer than the published model send them.
    Proven by tests/unit/test_shapes.py.
    """
    complaints = list(_complaints(request, shape_name, shapes, path=""))
    if not complaints:
        return
    count = len(complaints)
    noun = "error" if count == 1 else "errors"
    raise BadInput(f"{count} validation {noun} detected: " + "; ".join(complaints[:MAX_COMPLAINTS]))


def _complaints(value: object, shape_name: str, shapes: Mapping[str, Shape], *, path: str) -> Iterator[str]:
    shape = shapes[shape_name]
    expected = _PYTHON_TYPES[shape["type"]]
    # bool is an int in Python, and never one on the wire.
    if not isinstance(value, expected) or (isinstance(value, bool) and shape["type"] != "boolean"):
        yield f"Value at '{_label(path)}' failed to satisfy constraint: Member must be a {shape['type']}"
        return
    yield from _limits(value, shape, path)
    walk = _WALKS.get(shape["type"])
    if walk is not None:
        yield from walk(value, shape, shapes, path)


def _structure(value: Mapping[str, object], shape: Shape, shapes: Mapping[str, Shape], path: str) -> Iterator[str]:
    for name in shape.get("required", ()):
        if value.get(name) is None:
            yield f"Value null at '{_label(_below(path, name))}' failed to satisfy constraint: Member must not be null"
    for name, member in shape["members"].items():
        if value.get(name) is not None:
            yield from _complaints(value[name], member["shape"], shapes, path=_below(path, name))


def _list(value: list[object], shape: Shape, shapes: Mapping[str, Shape], path: str) -> Iterator[str]:
    for index, item in enumerate(value, start=1):
        yield from _complaints(item, shape["member"]["shape"], shapes, path=_below(path, f"{index}.member"))


def _map(value: Mapping[str, object], shape: Shape, shapes: Mapping[str, Shape], path: str) -> Iterator[str]:
    for key, item in value.items():
        yield from _complaints(key, shape["key"]["shape"], shapes, path=_below(path, "key"))
        yield from _complaints(item, shape["value"]["shape"], shapes, path=_below(path, key))


def _limits(value: Any, shape: Shape, path: str) -> Iterator[str]:  # noqa: ANN401 -- any wire value
    size = len(value) if hasattr(value, "__len__") else value
    what = "value" if isinstance(value, (int, float)) else "length"
    if "min" in shape and not size >= shape["min"]:  # so that NaN is beyond every limit
        yield _failed(value, path, f"Member must have {what} greater than or equal to {shape['min']}")
    if "max" in shape and not size <= shape["max"]:
        yield _failed(value, path, f"Member must have {what} less than or equal to {shape['max']}")
    elif "pattern" in shape and not _compiled(shape["pattern"]).fullmatch(value):
        yield _failed(value, path, f"Member must satisfy regular expression pattern: {shape['pattern']}")
    if "enum" in shape and value not in shape["enum"]:
        yield _failed(value, path, f"Member must satisfy enum value set: [{', '.join(shape['enum'])}]")


# The published patterns are Java's; Python lacks its property classes.
_JAVA_CLASSES = {"L": r"\w", "N": r"\d", "Z": r"\s", "Alnum": "a-zA-Z0-9", "M": r"\w", "S": r"\W", "P": r"\W"}
_JAVA_CLASSES |= {"ASCII": r"[\x00-\x7f]", "Print": r"\x20-\x7e"}


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    python = re.sub(r"\\p\{(\w+)\}", lambda match: _JAVA_CLASSES[match[1]], pattern)
    python = python.replace(r"\uD800\uDC00-\uDBFF\uDFFF", r"\U00010000-\U0010FFFF")  # surrogate pairs
    python = python.replace(r"\z", r"\Z")
    python = re.sub(r"\$\{1,\d+\}$", "", python)  # a repeated end-of-text, which Java takes and Python refuses
    # Java's \d, \w and \s are ASCII unless a pattern asks for a property of Unicode's.
    return re.compile(python, re.DOTALL if r"\p{" in pattern else re.DOTALL | re.ASCII)


def _failed(value: object, path: str, constraint: str) -> str:
    shown = value if isinstance(value, (str, int, float)) else f"{type(value).__name__} of {len(value)}"  # type: ignore[arg-type]
    return f"Value '{str(shown)[:80]}' at '{_label(path)}' failed to satisfy constraint: {constraint}"


def _below(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _label(path: str) -> str:
    # AWS names members in lower camel case in its messages.
    return ".".join(part[:1].lower() + part[1:] for part in path.split(".")) or "request"


_NUMBER = (int, float)
_PYTHON_TYPES: Mapping[str, Any] = {
    "structure": dict,
    "map": dict,
    "list": list,
    "string": str,
    "integer": int,
    "long": int,
    "float": _NUMBER,
    "double": _NUMBER,
    "boolean": bool,
    "timestamp": (int, float, str),
    "blob": (str, bytes),
}
_WALKS: Mapping[str, Callable[..., Iterator[str]]] = {"structure": _structure, "list": _list, "map": _map}
