"""The captured records that break a column's rules: a few of each kind, whatever the size of the window.

What lives here: finding them while rows are at hand, and merging what was found. What does not: whether a rule is
broken by more than chance (checks), which names them in its violation.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from monitor_jobs.contract.report import MAX_OFFENDING_RECORDS, OffendingRecord
from monitor_jobs.data_quality.checks.column_case import shown
from monitor_jobs.data_quality.checks.limits import ColumnLimits, Limits
from monitor_jobs.data_quality.summary import InferredType, Witnesses
from monitor_jobs.feature_table import FeatureTable, numbers_in

Mask = npt.NDArray[np.bool_]


def witnesses_of(table: FeatureTable, limits: Limits) -> Witnesses:
    """The latest records of a table that break each rule of each column, at most 25; none where rows have no record."""
    if not table.sources:
        return {}
    judged = (limits.columns[name] for name in table.columns if name in limits.columns)
    masks = (
        (column.name, check, rule(table.columns[column.name], column))
        for column in judged
        if column.config.evaluated
        for check, rule in RULES.items()
    )
    return {(name, check): _latest_of(table, name, mask) for name, check, mask in masks if mask.any()}


def merged_witnesses(left: Witnesses, right: Witnesses) -> Witnesses:
    """The latest of both."""
    return {key: _latest((*left.get(key, ()), *right.get(key, ()))) for key in left.keys() | right}


def _missing(values: pa.Array, limits: ColumnLimits) -> Mask:
    return _mask(values.is_null()) if limits.completeness is not None else _none(values)


def _of_another_type(values: pa.Array, limits: ColumnLimits) -> Mask:
    texts, present = pa.types.is_string(values.type), _mask(values.is_valid())
    match limits.expected:
        case InferredType.INTEGRAL if pa.types.is_floating(values.type):
            return present & _mask(pc.not_equal(values, pc.floor(values)))
        case InferredType.INTEGRAL if texts:
            return present & ~numbers_in(values).integral
        case InferredType.FRACTIONAL if texts:
            found = numbers_in(values)
            return present & ~(found.integral | found.fractional)
        case InferredType.STRING if texts:
            found = numbers_in(values)
            return found.integral | found.fractional
        case InferredType.STRING:
            return present
        case _:
            return _none(values)


def _negative(values: pa.Array, limits: ColumnLimits) -> Mask:
    if not limits.non_negative or pa.types.is_null(values.type):
        return _none(values)
    if pa.types.is_string(values.type):
        below: Mask = numbers_in(values).numbers < 0
        return below
    return _mask(pc.less(values, 0))


def _unknown(values: pa.Array, limits: ColumnLimits) -> Mask:
    if limits.domain is None:
        return _none(values)
    known = pc.is_in(values.cast(pa.string()), value_set=pa.array(sorted(limits.domain), pa.string()))
    return _mask(values.is_valid()) & ~_mask(known)


RULES: Final[Mapping[str, Callable[[pa.Array, ColumnLimits], Mask]]] = {
    "data_type_check": _of_another_type,
    "completeness_check": _missing,
    "is_non_negative_check": _negative,
    "categorical_values_check": _unknown,
}


def _none(values: pa.Array) -> Mask:
    return np.zeros(len(values), dtype=bool)


def _mask(truths: pa.BooleanArray) -> Mask:
    """True where it is true; what is unknown is not."""
    mask: Mask = truths.fill_null(fill_value=False).to_numpy(zero_copy_only=False)
    return mask


def _latest_of(table: FeatureTable, name: str, mask: Mask) -> tuple[OffendingRecord, ...]:
    values = table.columns[name]
    latest: dict[tuple[str, int], OffendingRecord] = {}
    for row in reversed(np.flatnonzero(mask).tolist()):
        source = table.sources[row]
        if (source.object_key, source.line) in latest:  # a batch has several rows of one record
            continue
        latest[source.object_key, source.line] = OffendingRecord(
            event_id=source.event_id,
            object_key=source.object_key,
            line=source.line,
            inference_id=source.inference_id,
            detail=_detail(name, values[row].as_py()),
        )
        if len(latest) == MAX_OFFENDING_RECORDS:
            break
    return _latest(latest.values())


def _detail(name: str, value: object) -> str:
    return f"no value of {shown(name)}" if value is None else f"{shown(name)} is {shown(str(value))}"


def _latest(records: Iterable[OffendingRecord]) -> tuple[OffendingRecord, ...]:
    """At most 25 different records, the last ones first: keys and lines are in the order of time."""
    places = {(record.object_key, record.line): record for record in records}
    return tuple(places[place] for place in sorted(places, reverse=True)[:MAX_OFFENDING_RECORDS])
