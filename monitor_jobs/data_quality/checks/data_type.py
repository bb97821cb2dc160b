"""data_type_check: the share of values that are of the type that the baseline had."""

from typing import Final

import pyarrow as pa

from monitor_jobs.data_quality.checks.baseline_columns import BaselineColumn
from monitor_jobs.data_quality.checks.column_case import (
    ColumnCase,
    Finding,
    Tally,
    excuse,
    least_share,
    percent,
    share_finding,
)
from monitor_jobs.data_quality.summary import ColumnSummary, InferredType
from monitor_jobs.feature_table.values import numbers_in

NARROWER: Final = {InferredType.FRACTIONAL: (InferredType.INTEGRAL,)}


def data_type_check(case: ColumnCase) -> Finding | None:
    """The share of present values of the expected type; None where any type does, or no value is there.

    An integer is a fraction too. A number is no text where the baseline's texts were never numbers; where some were,
    and without a baseline, any value is a text.
    """
    wrong = _wrong(case.column, case.limits.expected, case.baseline)
    if wrong is None or not case.column.present:
        return None
    now = Tally(wrong, case.column.present)
    before = _before(case.limits.expected, case.baseline)
    required = case.limits.config.datatype_check_threshold
    limit = least_share(required, now, before, case.level)
    expected = case.limits.expected.value
    sentence = (
        f"Data type match requirement is not met. Expected data type: {expected}, Expected match: {percent(required)}. "
        f"Observed: Only {percent(now.kept_share)} of data is {expected}. "
        f"{now.broken} of {now.of} values are not{excuse(limit, required, now.of)}."
    )
    return share_finding(
        case, metric="data_type_match", check="data_type_check", share=now.kept_share, limit=limit, sentence=sentence
    )


def _wrong(column: ColumnSummary, expected: InferredType, baseline: BaselineColumn | None) -> int | None:
    numbers = column.integral + column.fractional
    match expected:
        case InferredType.INTEGRAL:
            return column.present - column.integral
        case InferredType.FRACTIONAL:
            return column.text
        case InferredType.STRING if baseline is not None and _never_numbers(baseline):
            return numbers
        case _:
            return None


def _before(expected: InferredType, baseline: BaselineColumn | None) -> Tally | None:
    """The baseline's values, all of the expected type: one other, and it had inferred another one."""
    if baseline is None or baseline.inferred_type not in {expected, *NARROWER.get(expected, ())}:
        return None
    return Tally(0, baseline.present)


def _never_numbers(baseline: BaselineColumn) -> bool:
    mix = baseline.mix
    if mix is None or mix.untold:
        return False
    found = numbers_in(pa.array(list(mix.counts), type=pa.string()))
    return not (found.integral | found.fractional).any()
