"""Feature tables for tests: what the columns of a file say, whatever parts it was read in."""

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa

from monitor_jobs.contract.dataset_format import CAPTURE_FORMAT, DatasetFormat
from monitor_jobs.contract.model_package import ModelCard
from monitor_jobs.contract.window import Window
from monitor_jobs.feature_table import FeatureTable, RowRules, numbers_in, read_table
from monitor_jobs.monitor import CaptureFile


@dataclass
class Meaning:
    """What a column says: how many values are missing, integral and fractional, all numbers, and texts."""

    missing: int = 0
    integral: int = 0
    fractional: int = 0
    numbers: Counter[float] = field(default_factory=Counter)
    texts: Counter[str] = field(default_factory=Counter)

    def add(self, values: pa.Array, integral: int) -> None:
        """Take one more part of the column."""
        self.missing += values.null_count
        present = values.drop_null()
        if values.type == pa.string():
            self._add_texts(present)
            return
        whole = len(present) if values.type == pa.int64() else integral
        self.integral += whole
        self.fractional += len(present) - whole
        self.numbers.update(float(number) for number in present.to_pylist())

    def _add_texts(self, present: pa.Array) -> None:
        found = numbers_in(present)
        self.integral += int(found.integral.sum())
        self.fractional += int(found.fractional.sum())
        self.numbers.update(number for number in found.numbers.tolist() if not math.isnan(number))
        texts = ~(found.integral | found.fractional)
        self.texts.update(np.array(present.to_pylist(), dtype=object)[texts].tolist())


@dataclass
class Reading:
    """A whole file: its columns' values, and counts."""

    columns: dict[str, list[object]] = field(default_factory=dict)
    integral: Counter[str] = field(default_factory=Counter)
    rows: int = 0
    records: int = 0
    unreadable: Counter[str] = field(default_factory=Counter)
    tables: list[FeatureTable] = field(default_factory=list)


def reading(
    path: Path,
    dataset_format: DatasetFormat = CAPTURE_FORMAT,
    *,
    rules: RowRules | None = None,
    window: Window | None = None,
    card: ModelCard | None = None,
) -> Reading:
    """Everything in a file."""
    file = CaptureFile(path, "key", window, card or ModelCard(), dataset_format)
    whole = Reading()
    for table in read_table(file, rules=rules or RowRules()):
        assert {len(column) for column in table.columns.values()} <= {table.rows}
        for name, column in table.columns.items():
            before = whole.columns.setdefault(name, [None] * whole.rows)
            before.extend(column.to_pylist())
        whole.rows += table.rows
        for name in whole.columns.keys() - table.columns.keys():
            whole.columns[name] += [None] * table.rows
        whole.records += table.records
        whole.unreadable.update({reason.value: count for reason, count in table.unreadable.items()})
        whole.integral.update(table.integral)
        whole.tables.append(table)
    return whole


def meanings(tables: Iterable[FeatureTable]) -> dict[str, Meaning]:
    """What the columns of all tables together say."""
    found: dict[str, Meaning] = {}
    for table in tables:
        for name, values in table.columns.items():
            found.setdefault(name, Meaning()).add(values, table.integral.get(name, 0))
    return found
