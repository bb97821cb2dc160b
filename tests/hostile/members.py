"""Members of published shapes: the way to each that is of a kind, and requests that have a value there.

What does not live here: the values.
"""

from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from itertools import pairwise
from random import Random
from typing import Any

from service.control.admission import ADDRESS_PATTERN
from service.control.shapes import Shape
from tests.dialect.fuzz import Writer

Path = tuple[str | int, ...]
Shapes = Mapping[str, Shape]
FITTING_ADDRESS = "s3://captures/fitting"


def members(name: str, shapes: Shapes, wanted: Callable[[Path, Shape], bool]) -> Iterator[Path]:
    """The ways to the members below a shape that are wanted; a list's first item stands for all of it."""
    yield from _members(name, shapes, wanted, (), frozenset())


def with_value(request: Mapping[str, Any], name: str, shapes: Shapes, path: Path, value: object) -> dict[str, Any]:
    """The request of a shape with this value at a member, and with what the shape wants on the way there."""
    filled: dict[str, Any] = {**least(name, shapes), **deepcopy(dict(request))}
    holder: Any = filled
    for step, following in pairwise(path):
        name = _inner(name, step, shapes)
        if isinstance(step, int):
            holder = holder[0]
            continue
        if step not in holder:
            holder[step] = [least(_inner(name, 0, shapes), shapes)] if following == 0 else least(name, shapes)
        holder = holder[step]
    holder[path[-1]] = value
    return filled


def least(name: str, shapes: Shapes) -> Any:
    """The least that fits a shape; what is an S3 address in it is a fitting one."""
    shape = shapes[name]
    if shape["type"] == "structure":
        return {member: least(shape["members"][member]["shape"], shapes) for member in shape.get("required", ())}
    if shape["type"] == "list":
        return [least(shape["member"]["shape"], shapes)]
    if shape["type"] == "string":
        return FITTING_ADDRESS if is_address((), shape) else shape.get("enum", ["x" * max(1, shape.get("min", 1))])[0]
    return shape.get("min", 1) if shape["type"] in ("integer", "long") else Writer(Random(1)).value(name, full=0)


def is_address(_path: Path, shape: Shape) -> bool:
    """True for what a shape says is an S3 address."""
    return str(shape.get("pattern", "")).startswith(ADDRESS_PATTERN)


def is_name(path: Path, shape: Shape) -> bool:
    """True for texts that name something: a resource, a log, a page; no word out of a list, no address."""
    named = str(next((step for step in reversed(path) if isinstance(step, str)), "")).lower()
    ends = ("name", "names", "namecontains", "nameprefix", "namepattern", "arn", "id", "identifier", "token", "key")
    return shape["type"] == "string" and "enum" not in shape and named.endswith(ends)


def _inner(name: str, step: str | int, shapes: Shapes) -> str:
    shape = shapes[name]
    return str(shape["member"]["shape"] if isinstance(step, int) else shape["members"][step]["shape"])


def _members(
    name: str, shapes: Shapes, wanted: Callable[[Path, Shape], bool], path: Path, above: frozenset[str]
) -> Iterator[Path]:
    shape = shapes[name]
    if name in above:
        return
    if shape["type"] == "structure":
        for member, inner in shape["members"].items():
            yield from _members(inner["shape"], shapes, wanted, (*path, member), above | {name})
    elif shape["type"] == "list":
        yield from _members(shape["member"]["shape"], shapes, wanted, (*path, 0), above | {name})
    elif wanted(path, shape):
        yield path
