"""Who may do what, cell by cell: every operation and route, every role, endpoints of one's own, foreign ones and none.

What lives here: counting. What does not: the cells and what each should come to (tests.access).
"""

from dataclasses import replace
from pathlib import Path

from tests.access.cells import Cell, Reach, Whose, cells
from tests.access.house import House, house, is_denied, operations
from tests.benchmarks.figures import Figure

QUICK_EVERY = 29  # of all cells; it divides neither roles nor owners, so that the short form sees some of each
SHOWN = 5


def measured(folder: Path, *, quick: bool) -> tuple[dict[str, Figure], dict[str, str]]:
    """The share of cells that were tried; all come to what they should, else AssertionError."""
    every = list(cells(operations()))
    tried = every[::QUICK_EVERY] if quick else every
    with house(folder) as furnished:
        wrong = [cell for cell in tried if is_wrong(furnished, cell)]
        assert not wrong, f"{len(wrong)} cells are wrong: {wrong[:SHOWN]}"
        assert notices_a_grant_too_wide(furnished), "a viewer of all endpoints was taken for one of some"
    if quick:
        return {}, {"matrix_cells_tested_share": f"the short form tries {len(tried)} of {len(every)} cells"}
    allowed = sum(cell.is_allowed for cell in every)
    note = f"{len(every)} cells of {len(operations())} operations and routes, {allowed} allowed; all as they should be"
    return {"matrix_cells_tested_share": Figure(len(tried) / len(every), "share", ">= 1", note)}, {}


def is_wrong(furnished: House, cell: Cell) -> bool:
    """True where the service answers what the cell forbids, or denies what it allows."""
    return is_denied(furnished.answers(cell)) == cell.is_allowed


def notices_a_grant_too_wide(furnished: House) -> bool:
    """True where a caller with a wider grant than he should have makes a wrong cell."""
    weak = replace(
        furnished, callers={**furnished.callers, ("viewer", Reach.OWN): furnished.callers["viewer", Reach.ALL]}
    )
    return is_wrong(weak, Cell("sagemaker:DescribeEndpoint", "viewer", Reach.OWN, Whose.FOREIGN))
