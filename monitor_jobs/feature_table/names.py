"""What columns are called.

What lives here: names by position, names that come twice, and a bound on their number. What does not: the files that
they come from, and names of captured values (captures.rows).
"""

from collections.abc import Iterable, Mapping
from typing import Final

MAX_COLUMNS: Final = 4096  # more are not features: names made of data, or an array


def name_at(position: int) -> str:
    """The name of a column that has none, as Spark's: `_c0`, `_c1`, ..."""
    return f"_c{position}"


def unique_names(names: Iterable[str]) -> tuple[str, ...]:
    """The names, of which none is empty or comes twice, as Spark's: `_c1` for an empty one, `a1` for a second `a`."""
    unique: dict[str, None] = {}
    for position, name in enumerate(names):
        candidate = name or name_at(position)
        while candidate in unique:
            candidate += str(position)
        unique[candidate] = None
    return tuple(unique)


class KnownNames:
    """The names of one file's columns so far, in order; a row that would bring them above MAX_COLUMNS is not admitted.

    So a file whose rows are named by data, one name a row, takes no more memory than any other.
    """

    def __init__(self) -> None:
        self._names: dict[str, None] = {}
        self._shapes: set[tuple[str, ...]] = set()

    def admit(self, row: Mapping[str, object]) -> bool:
        """True where the row may be kept; its names then are known."""
        shape = tuple(row)
        if shape in self._shapes:
            return True
        fresh = [name for name in shape if name not in self._names]
        if len(self._names) + len(fresh) > MAX_COLUMNS:
            return False
        self._names.update(dict.fromkeys(fresh))
        if len(self._shapes) < MAX_COLUMNS:
            self._shapes.add(shape)
        return True
