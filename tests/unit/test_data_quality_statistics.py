"""statistics.json: AWS's fields, written of summaries and read back by the checks."""

import json
import math
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor_jobs.contract.report import FeatureStatistics, Statistics
from monitor_jobs.data_quality.checks.baseline_columns import baseline_columns
from monitor_jobs.data_quality.statistics import statistics_of
from monitor_jobs.data_quality.summarising import summarise
from tests.unit.feature_tables import table

# What the developer guide, "Schema for Statistics", shows of the two kinds of features, and a field that it lacks.
AWS_FILE = {
    "version": 0,
    "dataset": {"item_count": 6},
    "features": [
        {
            "name": "age",
            "inferred_type": "Integral",
            "numerical_statistics": {
                "common": {"num_present": 5, "num_missing": 1},
                "mean": 3.0,
                "sum": 15.0,
                "std_dev": 1.41,
                "min": 1.0,
                "max": 5.0,
                "distribution": {
                    "kll": {
                        "buckets": [{"lower_bound": 1.0, "upper_bound": 5.0, "count": 5.0}],
                        "sketch": {"parameters": {"c": 0.64, "k": 2048.0}, "data": [[1.0, 3.0, 5.0], [2.0]]},
                    }
                },
            },
            "approximate_num_distinct_values": 5,
        },
        {
            "name": "city",
            "inferred_type": "String",
            "string_statistics": {
                "common": {"num_present": 5, "num_missing": 1},
                "distinct_count": 2.0,
                "distribution": {"categorical": {"buckets": [{"value": "Ulm", "count": 3}, {"value": "", "count": 2}]}},
            },
        },
    ],
}
FINITE = st.floats(allow_nan=False, allow_infinity=False)


def written(**columns) -> dict[str, FeatureStatistics]:
    file = statistics_of(summarise(table(**columns)))
    return {feature.name: feature for feature in Statistics.model_validate_json(file.to_json()).features}


def buckets(values) -> list:
    (feature,) = written(x=pa.array(values, pa.float64())).values()
    return feature.numerical_statistics.distribution.kll.buckets


def test_a_number_has_every_field_that_aws_documents():
    feature = json.loads(statistics_of(summarise(table(x=[1, 2, 3, None]))).to_json())["features"][0]
    numbers = feature["numerical_statistics"]
    assert (feature["name"], feature["inferred_type"], set(feature)) == (
        "x",
        "Integral",
        {"name", "inferred_type", "numerical_statistics"},
    )
    assert numbers["common"] == {"num_present": 3, "num_missing": 1}
    assert {name: numbers[name] for name in ("mean", "sum", "min", "max")} == {"mean": 2, "sum": 6, "min": 1, "max": 3}
    assert numbers["std_dev"] == pytest.approx(math.sqrt(2 / 3))
    assert numbers["distribution"]["kll"]["sketch"] == {"parameters": {"c": 0.64, "k": 2048}, "data": [[1, 2, 3]]}
    assert len(numbers["distribution"]["kll"]["buckets"]) == 10


def test_a_text_has_every_field_that_aws_documents_most_frequent_first():
    feature = json.loads(statistics_of(summarise(table(x=["b", "a", "b", "c", None]))).to_json())["features"][0]
    assert feature["inferred_type"] == "String"
    assert feature["string_statistics"] == {
        "common": {"num_present": 4, "num_missing": 1},
        "distinct_count": 3,
        "distribution": {
            "categorical": {
                "buckets": [{"value": "b", "count": 2}, {"value": "a", "count": 1}, {"value": "c", "count": 1}]
            }
        },
    }


def test_the_dataset_has_its_rows_and_columns_in_order():
    file = statistics_of(summarise(table(z=[1, 2], a=["x", "y"])))
    assert (file.version, file.dataset.item_count, [feature.name for feature in file.features]) == (0, 2, ["z", "a"])


def test_buckets_cover_the_range_in_ten_equal_steps():
    found = buckets(range(101))
    assert [bucket.lower_bound for bucket in found] == pytest.approx(list(range(0, 100, 10)))
    assert [bucket.upper_bound for bucket in found] == pytest.approx(list(range(10, 101, 10)))
    assert [bucket.count for bucket in found] == [10] * 9 + [11]  # the last one holds its upper bound


@given(st.lists(FINITE, min_size=1, max_size=300))
def test_buckets_hold_every_number_and_join_each_other(values):
    found = buckets(values)
    assert sum(bucket.count for bucket in found) == len(values)
    assert (found[0].lower_bound, found[-1].upper_bound) == (min(values), max(values))
    assert all(left.upper_bound == right.lower_bound for left, right in pairwise(found))


def test_buckets_of_many_numbers_are_within_the_sketchs_error():
    numbers = np.random.default_rng(3).normal(size=200_000)
    found = buckets(numbers)
    edges = [found[0].lower_bound, *(bucket.upper_bound for bucket in found)]
    assert [bucket.count for bucket in found] == pytest.approx(np.histogram(numbers, edges)[0], abs=0.004 * 200_000)


def test_a_column_without_values_is_unknown():
    feature = written(x=pa.nulls(3, pa.string()))["x"]
    assert (feature.inferred_type, feature.numerical_statistics) == ("Unknown", None)
    assert (feature.string_statistics.common.num_missing, feature.string_statistics.distinct_count) == (3, 0)


def test_infinite_numbers_are_present_and_in_no_figure():
    numbers = written(x=[math.inf, -math.inf])["x"].numerical_statistics
    assert (numbers.common.num_present, numbers.mean, numbers.min) == (2, None, None)
    assert (numbers.distribution.kll.buckets, numbers.distribution.kll.sketch.data) == ([], [])


def test_what_is_written_is_read_back_by_the_checks():
    summary = summarise(table(x=[1.5, 2.5, None, math.inf], t=["a", "b", "a", None]))
    read = baseline_columns(Statistics.model_validate_json(statistics_of(summary).to_json()))
    assert (read["x"].present, read["x"].missing, read["x"].numbers.values.tolist()) == (3, 1, [1.5, 2.5])
    assert (read["t"].present, read["t"].mix.counts) == (3, {"a": 2, "b": 1})


def test_rare_texts_that_are_not_told_apart_are_read_back_as_such():
    summary = summarise(table(t=["often"] * 3000 + [f"rare-{number}" for number in range(2000)]))
    read = baseline_columns(Statistics.model_validate_json(statistics_of(summary).to_json()))["t"].mix
    assert (list(read.counts), read.total) == (["often"], 5000)


def test_awss_own_file_is_read_and_keeps_what_we_do_not_know():
    file = Statistics.model_validate(AWS_FILE)
    assert json.loads(file.to_json()) == AWS_FILE
    read = baseline_columns(file)
    assert (read["age"].numbers.values.tolist(), read["age"].numbers.counts.tolist()) == ([1, 2, 3, 5], [1, 3, 4, 5])
    assert read["city"].mix.counts == {"Ulm": 3, "": 2}
