"""What a request is held to beyond its published shape: how deep it may be, and which buckets it may name.

What lives here: the walk to every S3 address of a request. What does not: what an operation does with one.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

import orjson

from monitor_jobs.contract.errors import BadInput
from monitor_jobs.object_store import S3Address
from service.control.shapes import Shape

DEEPEST: Final = 64  # far beyond any shape, and far from what would exhaust a stack
ADDRESS_PATTERN: Final = "(https|s3)://"
ADDRESS_IN_TEXT: Final = re.compile(r"s3://[^\s\"',;]+")


def require_shallow(request: object) -> None:
    """Return where lists and objects lie at most 64 deep in each other, unknown members too. Raises BadInput."""
    level = [request]
    for _ in range(DEEPEST):
        level = [inner for value in level for inner in _inside(value)]
        if not level:
            return
    raise BadInput(f"Request has more than {DEEPEST} levels of lists and objects inside each other: flatten it")


def require_addresses(request: object, shape_name: str, shapes: Mapping[str, Shape]) -> None:
    """Return where every address of a request that fits its shape lies in the store. Raises BadInput with the member.

    AWS's shapes let https URLs through as well, which would be other servers.
    """
    for path, address in _addresses(request, shape_name, shapes):
        try:
            S3Address.parse(address)
        except BadInput as error:
            raise BadInput(f"{path}: {error}") from error


def require_allowed(found: Iterable[str], allowed: frozenset[str]) -> None:
    """Return where every address lies in an allowed bucket. Raises BadInput that names the one that is not."""
    for address in found:
        bucket = S3Address.parse(address).bucket
        if bucket not in allowed:
            raise BadInput(
                f"Bucket {bucket} of {address!r} is not allowed here: allowed are {', '.join(sorted(allowed))}"
            )


def addresses(value: object, shape_name: str, shapes: Mapping[str, Shape]) -> Iterator[str]:
    """Every S3 address in a request that fits its shape: the members of which a shape says that they are one."""
    return (address for _, address in _addresses(value, shape_name, shapes))


def mentioned(value: object, shape_name: str, shapes: Mapping[str, Shape]) -> Iterator[str]:
    """Every S3 address in the texts of a request's maps, inside JSON as well.

    An environment carries addresses too: where tensors are written, for one.
    """
    for _, shape, leaf in _leaves(value, shape_name, shapes):
        if shape["type"] == "map":
            yield from (
                found for text in leaf.values() for said in _said(text) for found in ADDRESS_IN_TEXT.findall(said)
            )


def _addresses(value: object, shape_name: str, shapes: Mapping[str, Shape]) -> Iterator[tuple[str, str]]:
    for path, shape, leaf in _leaves(value, shape_name, shapes):
        if shape.get("pattern", "").startswith(ADDRESS_PATTERN):
            yield ".".join(path), leaf


def _leaves(
    value: Any,  # noqa: ANN401 -- wire value
    shape_name: str,
    shapes: Mapping[str, Shape],
    path: tuple[str, ...] = (),
) -> Iterator[tuple[tuple[str, ...], Shape, Any]]:
    """The values inside a wire value that have no members or items of a published shape, with the way to each."""
    shape = shapes[shape_name]
    if shape["type"] == "structure":
        for name, member in shape["members"].items():
            if value.get(name) is not None:
                yield from _leaves(value[name], member["shape"], shapes, (*path, name))
    elif shape["type"] == "list":
        for number, item in enumerate(value):
            yield from _leaves(item, shape["member"]["shape"], shapes, (*path, str(number)))
    else:
        yield path, shape, value


def _said(text: object) -> Iterator[str]:
    """A text, and where it is JSON the texts in it, whose slashes may be escaped there."""
    if not isinstance(text, str):
        return
    yield text
    try:
        level = [orjson.loads(text)]
    except orjson.JSONDecodeError:
        return
    while level:
        yield from (value for value in level if isinstance(value, str))
        level = [inner for value in level for inner in _inside(value)]


def _inside(value: object) -> Iterable[object]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()
