"""Violations of captured windows name the records that show them: the latest ones, a few, whatever the parts."""

from dataclasses import replace
from itertools import pairwise, permutations

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor_jobs.contract.dataset_format import CAPTURE_FORMAT
from monitor_jobs.contract.model_package import ModelCard
from monitor_jobs.contract.report import Constraints, OffendingRecord
from monitor_jobs.data_quality.checks.limits import limits_from
from monitor_jobs.data_quality.monitor import DataQuality
from monitor_jobs.data_quality.witnesses import merged_witnesses, witnesses_of
from monitor_jobs.feature_table import RowSource
from monitor_jobs.monitor import Baseline, CaptureFile
from tests.unit.captured_rows import csv_half, exchange
from tests.unit.feature_tables import table

INTEGRAL = {"inferred_type": "Integral", "completeness": 1.0, "num_constraints": {"is_non_negative": True}}


def captured(values, batch: int = 1, key: str = "12/a.jsonl"):
    """A table of one captured column, so many rows a record."""
    made = table(x=values)
    sources = tuple(RowSource(f"e{row // batch}", key, 1 + row // batch, "inf-1") for row in range(made.rows))
    return replace(made, sources=sources)


def found(values, batch: int = 1, **feature):
    limits = limits_from({}, Constraints(features=[{"name": "x", **feature}]))
    return {check: records for (_, check), records in witnesses_of(captured(values, batch), limits).items()}


def lines_of(records):
    return [record.line for record in records]


@pytest.mark.parametrize(
    ("values", "feature", "expected"),
    [
        ([1, None, 3, None], INTEGRAL, {"completeness_check": [4, 2]}),
        ([1, -5, 3], INTEGRAL, {"is_non_negative_check": [2]}),
        ([1.0, -0.5], INTEGRAL, {"data_type_check": [2], "is_non_negative_check": [2]}),
        (["1", "two", "-3"], INTEGRAL, {"data_type_check": [2], "is_non_negative_check": [3]}),
        (["1.5", "two"], {"inferred_type": "Fractional"}, {"data_type_check": [2]}),
        (["red", "7"], {"inferred_type": "String"}, {"data_type_check": [2]}),
        ([7, 8], {"inferred_type": "String"}, {"data_type_check": [2, 1]}),
        (["red", "mauve", None], {"string_constraints": {"domains": ["red"]}}, {"categorical_values_check": [2]}),
        ([1, 2], {"string_constraints": {"domains": ["1"]}}, {"categorical_values_check": [2]}),
        (pa.nulls(2), INTEGRAL, {"completeness_check": [2, 1]}),
        ([1, 2, 3], INTEGRAL, {}),
        ([None, -1.5], INTEGRAL | {"monitoringConfigOverrides": {"evaluate_constraints": "Disabled"}}, {}),
    ],
)
def test_each_rule_names_the_records_that_break_it(values, feature, expected):
    assert {check: lines_of(records) for check, records in found(values, **feature).items()} == expected


def test_a_record_is_named_with_what_was_wrong_in_it():
    assert found(["x" * 99], **INTEGRAL)["data_type_check"] == (
        OffendingRecord(
            event_id="e0",
            object_key="12/a.jsonl",
            line=1,
            inference_id="inf-1",
            detail=f"'x' is '{'x' * 37}...'",
        ),
    )


def test_a_batch_is_named_once_and_never_more_than_25_records():
    records = found([None] * 300, batch=10, **INTEGRAL)["completeness_check"]
    assert lines_of(records) == list(range(30, 5, -1))


def test_rows_that_were_not_captured_have_no_record_to_name():
    limits = limits_from({}, Constraints(features=[{"name": "x", **INTEGRAL}]))
    assert witnesses_of(table(x=[None, 1]), limits) == {}


@given(st.lists(st.sampled_from([1, None, -1]), max_size=40), st.integers(0, 40), st.integers(0, 40))
def test_the_same_records_are_named_whatever_the_parts_and_their_order(values, first, second):
    limits = limits_from({}, Constraints(features=[{"name": "x", **INTEGRAL}]))
    whole = captured(pa.array(values, pa.int64()))
    edges = [0, *sorted(min(place, whole.rows) for place in (first, second)), whole.rows]
    parts = [
        replace(
            whole,
            columns={"x": whole.columns["x"].slice(start, end - start)},
            rows=end - start,
            sources=whole.sources[start:end],
        )
        for start, end in pairwise(edges)
    ]
    for one, other, last in permutations(witnesses_of(part, limits) for part in parts):
        assert merged_witnesses(one, merged_witnesses(other, last)) == witnesses_of(whole, limits)


def test_a_captured_windows_violation_names_its_records(tmp_path):
    lines = [exchange(csv_half(f"{value}"), None, event_id=f"e{row}") for row, value in enumerate(["1", "two", "3"])]
    path = tmp_path / "a.jsonl"
    path.write_bytes(b"".join(lines))
    monitor = DataQuality()
    constraints = Constraints(features=[{"name": "_c0", "inferred_type": "Integral"}])
    settings = monitor.settings({}, Baseline(constraints=constraints))
    summary = monitor.summarise_file(CaptureFile(path, "12/a.jsonl", None, ModelCard(), CAPTURE_FORMAT), settings)
    (violation,) = monitor.judge(summary, settings).violations
    assert [(record.event_id, record.line, record.detail) for record in violation.offending_records] == [
        ("e1", 2, "'_c0' is 'two'")
    ]
