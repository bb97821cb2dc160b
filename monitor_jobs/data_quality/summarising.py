"""Summaries of feature tables: made, and merged.

What lives here: `summarise`, `merge`, `empty`. What does not: the values (summary), sketches and categories (modules of
their own), reading tables (monitor_jobs.feature_table).
"""

import math
from collections import Counter
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from monitor_jobs.data_quality.categories import (
    categories_of,
    categories_of_integers,
    merged_categories,
    uncounted,
)
from monitor_jobs.data_quality.sketches import merged_quantiles, quantiles_of
from monitor_jobs.data_quality.summary import Categories, ColumnSummary, DatasetSummary, Moments, Quantiles
from monitor_jobs.data_quality.witnesses import merged_witnesses
from monitor_jobs.feature_table import FeatureTable, numbers_in

Floats = npt.NDArray[np.float64]

MAX_INTEGERS = 100  # an integral column of more distinct values is a quantity, not a label


class _Numbers(NamedTuple):
    """What is kept of numbers: those below zero, those that are not finite, and what the finite ones look like."""

    negative: int
    infinite: int
    moments: Moments
    quantiles: Quantiles


def empty() -> DatasetSummary:
    """The summary of nothing, the identity of `merge`."""
    return DatasetSummary(columns={}, rows=0)


def summarise(table: FeatureTable) -> DatasetSummary:
    """The summary of a part of a dataset."""
    return DatasetSummary(
        columns={name: _column(name, array, table.integral.get(name, 0)) for name, array in table.columns.items()},
        rows=table.rows,
        records=table.records,
        unreadable={reason.value: count for reason, count in table.unreadable.items() if count},
        earliest=table.earliest,
        latest=table.latest,
    )


def merge(left: DatasetSummary, right: DatasetSummary) -> DatasetSummary:
    """The summary of two disjoint parts together; where a part has no such column, its rows miss that value.

    Counts are the same whatever parts a dataset is cut into; moments to rounding, sketches to their stated error, and
    categories exactly as long as a column has at most 1,000 texts and is text in every part.
    """
    names = {**left.columns, **right.columns}
    earliest = [moment for moment in (left.earliest, right.earliest) if moment is not None]
    latest = [moment for moment in (left.latest, right.latest) if moment is not None]
    return DatasetSummary(
        columns={name: _merged_column(_of(left, name), _of(right, name)) for name in names},
        rows=left.rows + right.rows,
        records=left.records + right.records,
        unreadable=dict(Counter(left.unreadable) + Counter(right.unreadable)),
        earliest=min(earliest, default=None),
        latest=max(latest, default=None),
        witnesses=merged_witnesses(left.witnesses, right.witnesses),
    )


def merged_moments(left: Moments, right: Moments) -> Moments:
    """The moments of both.

    mean = a + d n_b / n and squares = S_a + S_b + d^2 n_a n_b / n, where d = b - a is the distance of the means: Chan,
    Golub & LeVeque, "Updating Formulae and a Pairwise Algorithm for Computing Sample Variances", 1979; checked in
    tests/papers/test_pairwise_moments.py.
    """
    if not (left.count and right.count):
        return left if left.count else right
    count = left.count + right.count
    distance = right.mean - left.mean
    mean = left.mean + distance * (right.count / count)
    if not math.isfinite(mean):  # means further apart than the largest number
        mean = left.mean * (left.count / count) + right.mean * (right.count / count)
    squares = left.squares + right.squares + distance * distance * (left.count * (right.count / count))
    return Moments(count, mean, squares, min(left.minimum, right.minimum), max(left.maximum, right.maximum))


def _of(part: DatasetSummary, name: str) -> ColumnSummary:
    return part.columns.get(name) or _missing_column(name, part.rows)


def _missing_column(name: str, rows: int) -> ColumnSummary:
    return ColumnSummary(
        name=name,
        missing=rows,
        integral=0,
        fractional=0,
        text=0,
        negative=0,
        infinite=0,
        moments=Moments(),
        quantiles=Quantiles(),
        categories=Categories(),
    )


def _merged_column(left: ColumnSummary, right: ColumnSummary) -> ColumnSummary:
    return _settled(
        ColumnSummary(
            name=left.name,
            missing=left.missing + right.missing,
            integral=left.integral + right.integral,
            fractional=left.fractional + right.fractional,
            text=left.text + right.text,
            negative=left.negative + right.negative,
            infinite=left.infinite + right.infinite,
            moments=merged_moments(left.moments, right.moments),
            quantiles=merged_quantiles(left.quantiles, right.quantiles),
            categories=merged_categories(left.categories, right.categories),
        )
    )


def _settled(column: ColumnSummary) -> ColumnSummary:
    """The column without categories where it has none: numbers that are neither whole nor few."""
    few = len(column.categories.counts) <= MAX_INTEGERS and not column.categories.others
    if column.text or (few and not column.fractional):
        return column
    return replace(column, categories=uncounted(column.present))


def _column(name: str, array: pa.Array, integral: int) -> ColumnSummary:
    """The summary of a column, `integral` of whose values were written as whole numbers where it is float64."""
    present = array.drop_null()
    if not len(present):
        return _missing_column(name, len(array))
    if pa.types.is_integer(present.type):
        return _integral_column(name, present, rows=len(array))
    if pa.types.is_floating(present.type):
        return _fractional_column(name, present, rows=len(array), integral=integral)
    return _text_column(name, present, rows=len(array))


def _integral_column(name: str, present: pa.Array, *, rows: int) -> ColumnSummary:
    ordered = np.sort(present.to_numpy(zero_copy_only=False))
    numbers = _numbers(ordered.astype(np.float64))
    starts = np.flatnonzero(np.concatenate(([True], ordered[1:] != ordered[:-1])))
    few = starts.size <= MAX_INTEGERS
    counts = np.diff(starts, append=ordered.size)
    return replace(
        _missing_column(name, rows - ordered.size),
        integral=ordered.size,
        negative=numbers.negative,
        moments=numbers.moments,
        quantiles=numbers.quantiles,
        categories=categories_of_integers(ordered[starts], counts) if few else uncounted(ordered.size),
    )


def _fractional_column(name: str, present: pa.Array, *, rows: int, integral: int) -> ColumnSummary:
    ordered = np.sort(present.to_numpy(zero_copy_only=False))
    ordered = ordered[: np.searchsorted(ordered, np.nan)]  # NaN sorts last
    numbers = _numbers(ordered)
    return replace(
        _missing_column(name, rows - ordered.size),
        integral=integral,
        fractional=ordered.size - integral,
        negative=numbers.negative,
        infinite=numbers.infinite,
        moments=numbers.moments,
        quantiles=numbers.quantiles,
        categories=uncounted(ordered.size),
    )


def _text_column(name: str, present: pa.StringArray, *, rows: int) -> ColumnSummary:
    distinct = pc.value_counts(present)
    texts, counts = distinct.field("values"), distinct.field("counts").to_numpy()
    found = numbers_in(texts)
    numeric = found.integral | found.fractional
    numbers = _numbers(np.sort(np.repeat(found.numbers[numeric], counts[numeric])))
    column = replace(
        _missing_column(name, rows - len(present)),
        integral=int(counts[found.integral].sum()),
        fractional=int(counts[found.fractional].sum()),
        text=int(counts[~numeric].sum()),
        negative=numbers.negative,
        infinite=numbers.infinite,
        moments=numbers.moments,
        quantiles=numbers.quantiles,
        categories=categories_of(texts, counts),
    )
    return _settled(column)


def _numbers(ordered: Floats) -> _Numbers:
    """What is kept of numbers in ascending order, none of them NaN."""
    first, last = np.searchsorted(ordered, -np.inf, side="right"), np.searchsorted(ordered, np.inf)
    finite = ordered[first:last]
    return _Numbers(
        negative=int(np.searchsorted(ordered, 0.0)),
        infinite=int(ordered.size - finite.size),
        moments=_moments(finite),
        quantiles=quantiles_of(finite),
    )


def _moments(ordered: Floats) -> Moments:
    if not ordered.size:
        return Moments()
    lowest, highest = float(ordered[0]), float(ordered[-1])
    with np.errstate(over="ignore", invalid="ignore"):
        deviations = ordered - lowest  # from the lowest first: equal numbers then have no spread at all
        shift = deviations.mean()
        if not np.isfinite(shift):
            return Moments(ordered.size, float((ordered / ordered.size).sum()), math.inf, lowest, highest)
        deviations -= shift
        squares = float(np.square(deviations, out=deviations).sum())
        return Moments(ordered.size, lowest + float(shift), squares, lowest, highest)
