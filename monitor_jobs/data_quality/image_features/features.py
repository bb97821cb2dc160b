"""Numeric features of captured bodies, so that columns can stand for pictures and arrays.

What lives here: one mapping an item, of many bodies at a time. What does not: decoding (content), what is measured
(measures). Pure functions of bytes.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from monitor_jobs.contract.errors import BadInput
from monitor_jobs.data_quality.image_features.content import read_content
from monitor_jobs.data_quality.image_features.items import Items, items_of, vectors
from monitor_jobs.data_quality.image_features.measures import measures
from monitor_jobs.npy import Array

Features = Mapping[str, float]
ITEMS_MAX: Final = 10_000  # a batch of more would take gigabytes as mappings
HELD_BODIES: Final = 256
HELD_BYTES: Final = 1 << 26
VALUES_AT_ONCE: Final = 1 << 18  # a megabyte of float32: what is worked on next is still in the processor's cache


def image_features(
    body: bytes, content_type: str, *, item_shape: Sequence[int] | None = None
) -> Sequence[Mapping[str, float]]:
    """The features of each item of a body: a picture is one, an array may be a batch (items.items_of says when).

    All have `size_bytes`, the body's size shared evenly among its items. Pictures, and arrays that are pictures, have
    `width`, `height`, `channels` (as they were sent) and measures.picture_measures; a JPEG has `jpeg_quality`; other
    arrays have measures.value_measures. The arrays of an npz put their names and a dot in front, where there are
    several. Of text, or a type that is not known, there is one item with its size alone. `item_shape` is that of one
    item, where the model's card tells it. Raises BadInput where a body is not what its type says.
    """
    (found,) = _measured([_read(body, content_type, item_shape)])
    if isinstance(found, BadInput):
        raise found
    return found


def features_of_many(
    bodies: Iterable[tuple[bytes, str]], *, item_shape: Sequence[int] | None = None
) -> Iterator[Sequence[Features] | BadInput]:
    """What image_features gives or raises, for each pair of body and content type in order.

    Items of one shape are measured together, which is several times as fast for small pictures. Holds at most
    HELD_BODIES decoded, and little more than HELD_BYTES.
    """
    held: list[_Body | BadInput] = []
    held_bytes = 0
    for body, content_type in bodies:
        held.append(_read(body, content_type, item_shape))
        held_bytes += held[-1].size_bytes if isinstance(held[-1], _Body) else 0
        if held_bytes > HELD_BYTES or len(held) == HELD_BODIES:
            yield from _measured(held)
            held, held_bytes = [], 0
    yield from _measured(held)


def _measured(read: Sequence["_Body | BadInput"]) -> list[Sequence[Features] | BadInput]:
    stacks = [stack for body in read if isinstance(body, _Body) for stack in body.stacks.values()]
    rows = iter(_rows_of_stacks(stacks))
    return [_assembled(body, rows) if isinstance(body, _Body) else body for body in read]


@dataclass(frozen=True, slots=True, eq=False)
class _Body:
    """A decoded body: its arrays as items, all of them equally many."""

    stacks: Mapping[str, Items]
    items: int
    facts: Features

    @property
    def size_bytes(self) -> int:
        """What its arrays take."""
        return sum(stack.values.nbytes for stack in self.stacks.values())


def _read(body: bytes, content_type: str, item_shape: Sequence[int] | None) -> _Body | BadInput:
    try:
        content = read_content(body, content_type)
    except BadInput as error:
        return error
    shape = content.item_shape or item_shape
    stacks = {name: items_of(array, shape) for name, array in content.arrays.items()}
    counts = {len(stack.values) for stack in stacks.values()} or {1}
    if len(counts) > 1 or max(counts) > ITEMS_MAX:  # the first axis is no batch: each array is looked at as a whole
        stacks = {name: vectors(array.reshape(1, -1)) for name, array in content.arrays.items()}
        counts = {1}
    (count,) = counts
    return _Body(stacks, count, {"size_bytes": len(body) / max(count, 1), **content.facts})


def _assembled(body: _Body, rows_of_stacks: Iterator[Sequence[Features]]) -> list[Features]:
    items: list[dict[str, float]] = [{} for _ in range(body.items)]
    for name in body.stacks:
        prefix = name and f"{name}."
        for item, row in zip(items, next(rows_of_stacks), strict=True):
            item.update({prefix + feature: value for feature, value in row.items()} if prefix else row)
    return [{**item, **body.facts} for item in items]


def _rows_of_stacks(stacks: Sequence[Items]) -> list[Sequence[Features]]:
    """The rows of each stack, those of one kind, type and shape measured together."""
    groups: dict[tuple[object, ...], list[int]] = {}
    for index, stack in enumerate(stacks):
        kind = (type(stack), stack.values.dtype, stack.values.shape[1:], *stack.size.values())
        groups.setdefault(kind, []).append(index)
    found: list[Sequence[Features]] = [()] * len(stacks)
    for indexes in groups.values():
        group = [stacks[index] for index in indexes]
        rows = _rows(group[0], [stack.values for stack in group])
        ends = np.cumsum([len(stack.values) for stack in group])
        for index, end in zip(indexes, ends.tolist(), strict=True):
            found[index] = rows[end - len(stacks[index].values) : end]
    return found


def _rows(like: Items, arrays: Sequence[Array]) -> list[Features]:
    values = arrays[0] if len(arrays) == 1 else np.concatenate(arrays)
    step = max(1, VALUES_AT_ONCE * len(values) // max(values.size, 1))
    rows: list[Features] = []
    size = like.size
    for start in range(0, len(values), step):
        part = values[start : start + step]
        named = measures(like.of(part))
        matrix = zip(*(column.tolist() for column in named.values()), strict=True) if named else [()] * len(part)
        rows += [{**size, **dict(zip(named, row, strict=True))} for row in matrix]
    return rows
