"""The dataset of the data-quality benchmark: twenty columns of numbers and texts, as a baseline and as a window.

Three columns of the window have moved, and seventeen come from where the baseline came. CSV, because that is what a
baseline job is given most often. What does not live here: measuring.
"""

from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.csv

from tests.benchmarks.figures import BENCH_FOLDER, SEED

COLUMNS: Final = 20
FULL_ROWS, QUICK_ROWS, BASELINE_ROWS = 1_000_000, 50_000, 10_000
PARTS: Final = 10
MOVED: Final = frozenset({"amount_0", "count_0", "label_0"})
LABELS: Final = (2, 5, 10, 20, 50, 100)
BLOCK: Final = 100_000


def baseline_file() -> Path:
    """The CSV file that both were taught from."""
    return _file(BASELINE_ROWS, frozenset(), part=0)


def window_file(rows: int, part: int = 0) -> Path:
    """A CSV file of as many rows in which three columns have moved; each part has rows of its own."""
    return _file(rows, MOVED, part)


def _file(rows: int, moved: frozenset[str], part: int) -> Path:
    """Made once."""
    path = BENCH_FOLDER / "data_quality" / f"{rows}{'-moved' if moved else ''}-{part}.csv"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        generator = np.random.default_rng([SEED, rows, len(moved), part])
        made = path.with_suffix(".part")
        with pyarrow.csv.CSVWriter(made, _table(0, moved, generator).schema) as writer:
            for start in range(0, rows, BLOCK):
                writer.write(_table(min(BLOCK, rows - start), moved, generator))
        made.rename(path)
    return path


def _table(rows: int, moved: frozenset[str], generator: np.random.Generator) -> pa.Table:
    columns: dict[str, np.ndarray] = {}
    for index in range(10):
        name = f"amount_{index}"
        centre = 1.0 if name in moved else 0.0
        columns[name] = np.round(10.0**index * generator.normal(centre, 1.0, rows) / 1000, 6)
    for index in range(4):
        name = f"count_{index}"
        columns[name] = generator.poisson(3 * 10**index * (3 if name in moved else 1), rows)
    for index, kinds in enumerate(LABELS):
        name = f"label_{index}"
        shares = np.arange(1, kinds + 1)[:: -1 if name in moved else 1] ** 2.0
        labels = np.array([f"kind {kind}" for kind in range(kinds)])
        columns[name] = labels[generator.choice(kinds, rows, p=shares / shares.sum())]
    return pa.table(columns)
