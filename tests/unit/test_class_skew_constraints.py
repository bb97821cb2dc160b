"""Where the limits of class skew come from, and which are refused."""

import pytest

from monitor_jobs.class_skew.constraints import ClassSkewConstraints, constraints_from, suggest_baseline
from monitor_jobs.class_skew.summary import empty, summarise
from monitor_jobs.contract.errors import BadInput
from monitor_jobs.contract.report import Constraints
from tests.unit.class_skew_columns import columns


def constraints_file(**section: object) -> Constraints:
    return Constraints(monitoring_config={"class_skew": section, "data_quality": {"anything": 1}})


def test_nothing_said_gives_the_defaults():
    assert constraints_from({}, None) == ClassSkewConstraints()


def test_the_environment_is_heard_before_the_file():
    limits = constraints_from({"THRESHOLD": "0.8"}, constraints_file(threshold=0.6, unreadable_limit=0.2))
    assert (limits.threshold, limits.unreadable_limit) == (0.8, 0.2)


def test_a_file_of_another_monitor_changes_nothing():
    assert constraints_from({}, Constraints(monitoring_config={"data_quality": {}})) == ClassSkewConstraints()


def test_a_broken_file_is_mended_by_the_environment():
    assert constraints_from({"THRESHOLD": "0.8"}, constraints_file(threshold="much")).threshold == 0.8


@pytest.mark.parametrize("text", ["nan", "inf", "", "half", "-0.1", "1.1", "50", "0,5", "0.5 %"])
def test_a_threshold_that_is_no_share_is_refused_by_name_and_value(text):
    with pytest.raises(BadInput, match=rf"^THRESHOLD is '{text}': "):
        constraints_from({"THRESHOLD": text}, None)


@pytest.mark.parametrize(
    ("variable", "text"),
    [
        ("LOW_CONFIDENCE_BELOW", "2"),
        ("LOW_CONFIDENCE_LIMIT", "x"),
        ("MINIMUM_SHIFT", "-1"),
        ("SHIFT_FALSE_ALARM_RATE", "0"),
        ("MINIMUM_PREDICTIONS", "2.5"),
        ("UNREADABLE_LIMIT", "nan"),
    ],
)
def test_every_variable_is_checked(variable, text):
    with pytest.raises(BadInput, match=f"^{variable} is"):
        constraints_from({variable: text}, None)


@pytest.mark.parametrize("value", [float("nan"), "x", None, [0.5], 7])
def test_a_bad_field_of_the_file_is_named_with_its_place(value):
    with pytest.raises(BadInput, match=r"monitoring_config\.class_skew\.threshold in constraints\.json"):
        constraints_from({}, constraints_file(threshold=value))


def test_a_misspelt_field_of_the_file_is_refused():
    with pytest.raises(BadInput, match="treshold"):
        constraints_from({}, constraints_file(treshold=0.5))


def test_a_section_that_is_no_object_is_refused():
    with pytest.raises(BadInput, match="make it an object"):
        constraints_from({}, Constraints(monitoring_config={"class_skew": [0.5]}))


def test_a_suggested_threshold_lies_half_way_between_the_top_share_and_all():
    summary = summarise(columns(["4"] * 60 + ["7"] * 40), low_confidence_below=0.5)
    _, constraints = suggest_baseline(summary)
    assert constraints_from({}, constraints).threshold == 0.8


def test_a_suggested_confidence_limit_leaves_room_above_what_was_seen():
    summary = summarise(columns(["4"] * 10, confidences=[0.1] + [0.9] * 9), low_confidence_below=0.5)
    _, constraints = suggest_baseline(summary)
    assert constraints_from({}, constraints).low_confidence_limit == 0.25


def test_a_baseline_without_scores_suggests_no_confidence_limit_of_its_own():
    _, constraints = suggest_baseline(summarise(columns(["4"]), low_confidence_below=0.5))
    assert constraints_from({}, constraints).low_confidence_limit == ClassSkewConstraints().low_confidence_limit


def test_suggested_constraints_survive_their_file():
    _, constraints = suggest_baseline(summarise(columns(["4", "7"]), low_confidence_below=0.5))
    read_back = Constraints.model_validate_json(constraints.to_json())
    assert constraints_from({}, read_back) == constraints_from({}, constraints)


def test_a_baseline_of_nothing_is_refused():
    with pytest.raises(BadInput, match="none of 0 records holds a prediction"):
        suggest_baseline(empty())
