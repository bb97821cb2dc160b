"""What columns are called.

What lives here: names by position, names that come twice, and bounds on their number. What does not: the files that
they come from, and names of captured values (captures.rows).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from monitor_jobs.contract.errors import BadInput

MAX_COLUMNS: Final = 4096  # more are not features: names made of data, or an array
MAX_CELLS: Final = 1 << 22  # of one table: 32 MiB of numbers


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


def refuse_too_many(columns: int, path: Path) -> None:
    """Raises BadInput where a file has more columns than MAX_COLUMNS."""
    if columns > MAX_COLUMNS:
        raise BadInput(f"{path.name} has {columns} columns: at most {MAX_COLUMNS} are judged, leave some out")


def rows_of_a_table(columns: int) -> int:
    """How many rows of so many columns make a table of at most MAX_CELLS; at least one."""
    return max(1, MAX_CELLS // max(1, columns))


def parts_of_rows(rows: Sequence[Mapping[str, object]]) -> Iterator[slice]:
    """Which rows make tables of at most MAX_CELLS each, values that rows lack included; of no rows, one of none.

    So rows of which each has a few names of its own take no more memory than as many rows of the same names.
    """
    step = rows_of_a_table(len({name for shape in set(map(tuple, rows)) for name in shape}))
    for start in range(0, max(1, len(rows)), step):
        yield slice(start, start + step)


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
