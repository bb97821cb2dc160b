"""What a request is held to beyond its published shape: how deep it may be, and which buckets it may name.

What lives here: the walk to every S3 address of a request. What does not: what an operation does with one.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

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


def require_allowed(found: Iterable[str], allowed: frozenset[str]) -> None:
    """Return where every address lies in an allowed bucket. Raises BadInput that names the one that is not."""
    for address in found:
        bucket = S3Address.parse(address).bucket
        if bucket not in allowed:
            raise BadInput(
                f"Bucket {bucket} of {address!r} is not allowed here: allowed are {', '.join(sorted(allowed))}"
            )


def addresses(value: Any, shape_name: str, shapes: Mapping[str, Shape]) -> Iterator[str]:  # noqa: ANN401 -- wire value
    """Every S3 address in a request that fits its shape: what a shape says is one, and those in the values of maps."""
    shape = shapes[shape_name]
    if shape["type"] == "structure":
        for name, member in shape["members"].items():
            if value.get(name) is not None:
                yield from addresses(value[name], member["shape"], shapes)
    elif shape["type"] == "list":
        for item in value:
            yield from addresses(item, shape["member"]["shape"], shapes)
    elif shape["type"] == "map":
        # An environment carries addresses too, also inside JSON: where tensors are written, for one.
        yield from (
            found for item in value.values() if isinstance(item, str) for found in ADDRESS_IN_TEXT.findall(item)
        )
    elif shape.get("pattern", "").startswith(ADDRESS_PATTERN):
        yield value


def _inside(value: object) -> Iterable[object]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()
