"""Pages of verdicts and baselines: what is on them, in which order, and how large they get."""

import json
from pathlib import Path

import numpy as np
import pytest

from monitor_jobs.contract.report import Constraints, Measurement, Statistics, UnreadableLines
from monitor_jobs.monitor import Baseline
from monitor_jobs.report_page import baseline_page, verdict_page
from tests.unit.report_pages import Page, numbers, report, statistics, texts, verdict, violation

GENERATOR = np.random.default_rng(3)
NOTHING = Baseline()
MAX_BYTES = 2_000_000
AGES = numbers("age", GENERATOR.normal(40, 10, 500))


def page(told=None, now=None, before=None, constraints=None) -> Page:
    now = statistics() if now is None else now
    return Page(verdict_page(told or report(), verdict(now), Baseline(before, constraints), schedule="hourly"))


def position(drawn: Page, *words: str) -> list[int]:
    places = [drawn.text.find(word) for word in words]
    assert -1 not in places, drawn.text
    return places


def measured(name: str, value: float, limit: float | None = None) -> Measurement:
    return Measurement(name=name, value=value, unit="ratio", limit=limit)


def test_a_page_says_what_was_judged():
    told = report(unreadable=UnreadableLines(by_reason={"not_json": 3, "truncated": 1}), records=1400)
    text = page(told).text
    assert "data_quality on loans" in text
    for words in ("hourly", "2026-11-20 12:00:00 to 2026-11-20 13:00:00 UTC", "1,400", "4 (3 not_json, 1 truncated)"):
        assert words in text


@pytest.mark.parametrize(
    ("told", "words", "kind"),
    [
        (report([measured("a", 1, 2)]), "No violations, 1 limit kept", ""),
        (report(), "No violations", ""),
        (report(remark="No verdict: 0 records"), "No verdict: 0 records", "withheld"),
        (report(violations=[violation(), violation("b")]), "2 violations: baseline_drift_check", "broken"),
    ],
    ids=["kept", "without limits", "withheld", "broken"],
)
def test_the_verdict_is_one_line(told, words, kind):
    drawn = page(told)
    assert words in drawn.text
    assert {"class": f"verdict {kind}"} in drawn.attributes("p")


def test_a_remark_is_told_beside_violations():
    assert "too few" in page(report(violations=[violation()], remark="No verdict: too few")).text


def test_a_violation_names_its_records():
    drawn = page(report(violations=[violation(records=3, inference_id="order-7")]))
    assert "0.4 exceeds 0.1" in drawn.text
    assert "3 records that show it" in drawn.text
    assert "loans/AllTraffic/2026/11/20/12/a.jsonl:3" in drawn.text
    assert drawn.text.count("order-7") == 3


def test_broken_limits_come_first_and_then_kept_ones():
    told = report([measured("d", 5), measured("c", 1, 2), measured("a", float("nan"), 1), measured("b", 3, 2)])
    rows = page(told).text.split("Measurements")[1].split()
    assert [word for word in rows if word in "abcd"] == ["a", "b", "c", "d"]


def test_kept_limits_are_folded_away_but_for_the_nearest():
    drawn = page(report([measured(f"m{number:02}", number, 100) for number in range(30)]))
    told = drawn.text[drawn.text.index("Measurements") :]
    assert "22 more, none of them broken" in told
    assert told.index("m29") < told.index("m22") < told.index("22 more") < told.index("m21")


def test_what_could_not_be_better_is_not_near_its_limit():
    whole = Measurement(name="whole", value=1, unit="ratio", limit=0.99, keeps=">=")
    told = page(report([whole, measured("none", 0, 0.001), measured("near", 0.09, 0.1)])).text
    assert told.index("near") < told.index("none")
    assert told.index("near") < told.index("whole")


def test_broken_limits_are_never_folded_away():
    drawn = page(report([measured(f"m{number:02}", number, -1) for number in range(30)]))
    assert "none of them broken" not in drawn.text


def test_a_drift_is_told_as_the_monitor_judged_it():
    told = report([measured("feature_baseline_drift_age", 0.125, 0.1)])
    drawn = page(told, statistics(AGES), statistics(AGES))
    assert "Largest difference from the baseline: 0 %; judged as 0.125, limit 0.1" in drawn.text


def test_what_is_suggested_without_a_baseline_is_drawn_and_linked():
    suggested = Constraints(features=[{"name": "age", "completeness": 0.75}])
    drawn = Page(verdict_page(report(), verdict(statistics(AGES), suggested), NOTHING, schedule=""))
    assert "75.0 % at least to be" in drawn.text
    assert "constraints.json" in [attributes["href"] for attributes in drawn.attributes("a")]


def test_the_feature_that_differs_most_comes_first():
    moved = numbers("zeta", GENERATOR.normal(80, 10, 500))
    drawn = page(now=statistics(AGES, moved), before=statistics(AGES, numbers("zeta", GENERATOR.normal(40, 10, 500))))
    first, second = position(drawn, "zeta", "age")
    assert first < second


def test_a_feature_that_breaks_a_check_comes_before_one_that_differs_more():
    moved = numbers("zeta", GENERATOR.normal(80, 10, 500))
    told = report(violations=[violation("age", "completeness_check")])
    drawn = page(told, statistics(AGES, moved), statistics(AGES, numbers("zeta", GENERATOR.normal(40, 10, 500))))
    cards = drawn.text[drawn.text.index("Features") :]
    assert cards.index("age") < cards.index("zeta")
    assert "completeness_check" in cards


def test_a_feature_is_drawn_on_both_sides():
    kinds = [attributes.get("class") for _, attributes in page(now=statistics(AGES), before=statistics(AGES)).tags]
    assert "baseline" in kinds
    assert "window" in kinds


def test_a_feature_of_one_side_only_is_said_to_be_missing_on_the_other():
    drawn = page(now=statistics(AGES), before=statistics(texts("country", {"DE": 3})))
    assert "Not in the window" in drawn.text
    assert "Not in the baseline" in drawn.text


def test_without_a_baseline_nothing_is_missing_from_it():
    assert "Not in the baseline" not in page(now=statistics(AGES)).text


def test_categories_stand_side_by_side_with_what_is_new():
    drawn = page(now=statistics(texts("country", {"DE": 6, "XX": 2})), before=statistics(texts("country", {"DE": 5})))
    assert "XX 25.0 % in the window, 0 % in the baseline" in drawn.text
    assert "Largest difference from the baseline: 25.0 %" in drawn.text


def test_categories_that_were_not_kept_count_among_the_others():
    assert "all others 90.0 % in the window" in page(now=statistics(texts("id", {"a": 10}, present=100))).text


def test_completeness_is_drawn_with_what_the_constraints_ask_for():
    constraints = Constraints(features=[{"name": "age", "completeness": 0.9}])
    drawn = page(now=statistics(numbers("age", [1.0, 2.0], missing=2)), constraints=constraints)
    assert "50.0 % in the window, 90.0 % at least to be" in drawn.text


@pytest.mark.parametrize("told", [{"completeness": "all"}, {"completeness": None}, {"completeness": float("nan")}, {}])
def test_constraints_of_others_that_say_no_number_are_passed_over(told):
    assert "age" in page(now=statistics(AGES), constraints=Constraints(features=[{"name": "age", **told}])).text


def test_every_picture_has_its_numbers_in_a_table():
    drawn = page(now=statistics(numbers("children", [0, 1, 1, 3], kind="Integral")))
    for words in ("Mean", "1.25", "Median", "Missing", "25.0 %"):
        assert words in drawn.text


NO_ROWS = {"num_present": 0, "num_missing": 0}


@pytest.mark.parametrize(
    "told",
    [
        {"inferred_type": "Unknown"},
        {"inferred_type": "Fractional", "numerical_statistics": {"common": NO_ROWS}},
        {"inferred_type": "Integral", "numerical_statistics": {"common": NO_ROWS, "mean": "NaN", "distribution": {}}},
        {"inferred_type": "Integral", "numerical_statistics": {"common": NO_ROWS, "distribution": {"kll": {}}}},
    ],
    ids=["nothing", "no rows", "no number", "an empty sketch"],
)
def test_a_feature_of_which_little_is_known_has_a_card_without_a_picture(told):
    known = Statistics.model_validate({"dataset": {"item_count": 0}, "features": [{"name": "a", **told}]})
    assert "Features" in page(now=known, before=known).text


def test_a_text_feature_that_is_always_missing_has_a_card():
    assert "0 % in the window" in page(now=statistics(texts("country", {}, missing=9))).text


def test_statistics_that_awss_container_wrote_are_drawn(tmp_path: Path):
    buckets = [{"lower_bound": low, "upper_bound": low + 1.0, "count": 4.0} for low in range(10)]
    kll = {"buckets": buckets, "sketch": {"parameters": {"c": 0.64, "k": 2048.0}, "data": [[0.5, 9.5]]}}
    numeric = {"common": {"num_present": 40, "num_missing": 0}, "mean": 5.0, "distribution": {"kll": kll}}
    feature = {"name": "Account Length", "inferred_type": "Integral", "numerical_statistics": numeric}
    written = tmp_path / "statistics.json"
    written.write_text(json.dumps({"version": 0.0, "dataset": {"item_count": 40}, "features": [feature]}))
    assert "Account Length" in page(before=Statistics.model_validate_json(written.read_text())).text


def test_a_baseline_says_what_it_was_made_of():
    made = Baseline(statistics(AGES), Constraints(features=[{"name": "age", "completeness": 1.0}]))
    drawn = Page(baseline_page(report(), made))
    assert "Baseline of 1 feature from 400 rows" in drawn.text
    assert "constraints.json" in [attributes["href"] for attributes in drawn.attributes("a")]
    assert "Not in the window" not in drawn.text


def test_a_page_of_nothing_is_a_page():
    assert Page(baseline_page(report(), NOTHING)).names[-1] == "a"


def test_a_thousand_features_are_all_there_in_two_megabytes():
    features = [numbers(f"pixel_{number:04}", GENERATOR.normal(number, 1, 60)) for number in range(1000)]
    rows = [violation(feature.name, records=25) for feature in features]
    measurements = [measured(f"feature_baseline_drift_{feature.name}", 0.3, 0.1) for feature in features]
    html = verdict_page(
        report(measurements, rows), verdict(statistics(*features)), Baseline(statistics(*features)), schedule="hourly"
    )
    table = html[html.index("All features as a table") :]
    assert len(html.encode()) <= MAX_BYTES
    assert all(feature.name in table for feature in features)


def test_what_there_is_no_room_for_is_counted():
    long = "x" * 5000
    rows = [violation(f"{number}{long}", long, records=25, object_key=long) for number in range(600)]
    features = [texts(f"{number}{long}", {f"{each}{long}": 1 for each in range(40)}) for number in range(2000)]
    html = verdict_page(
        report([measured(f"{number}{long}", 1, 0) for number in range(2000)], rows, monitor=long, endpoint=long),
        verdict(statistics(*features)),
        NOTHING,
        schedule=long,
    )
    assert len(html.encode()) <= MAX_BYTES
    for words in ("are in constraint_violations.json", "more, with less of a difference", "are in statistics.json"):
        assert words in html


QUALITY = {
    "confusion_matrix": {"cat": {"cat": 8, "dog": 2}, "dog": {"cat": 0, "dog": 5}},
    "accuracy": {"value": 0.87, "standard_deviation": 0.02},
    "accuracy_best_constant_classifier": {"value": 0.67, "standard_deviation": 0.0},
    "auc": {"value": "NaN", "standard_deviation": "NaN"},
    "receiver_operating_characteristic_curve": {
        "false_positive_rates": [0, 0.2, 1],
        "true_positive_rates": [0, 0.9, 1],
    },
    "precision_recall_curve": {"precisions": [1, 0.5], "recalls": [0, 1]},
}


def test_model_quality_has_a_matrix_curves_and_metrics_beside_the_baselines():
    now, before = (statistics(binary_classification_metrics=QUALITY) for _ in range(2))
    drawn = page(now=now, before=before)
    for words in ("Confusion matrix", "ROC curve", "Precision and recall", "0.87 ± 0.02", "0.67", "13 answers of 15"):
        assert words in drawn.text
    assert drawn.names.count("polyline") == 2


def test_classes_that_are_taken_for_each_other_are_named_most_often_first():
    counts = {"a": {"a": 5, "b": 1, "c": 3}, "b": {"b": 4}, "c": {"c": 2, "a": 2}}
    drawn = page(now=statistics(multiclass_classification_metrics={"confusion_matrix": counts}))
    told = drawn.text[drawn.text.index("Most often taken for another") :]
    assert told.index("ac\n333.3 %") < told.index("ca\n250.0 %") < told.index("ab\n111.1 %")


def test_a_regressions_metrics_have_no_place_between_0_and_1():
    drawn = page(now=statistics(regression_metrics={"mse": {"value": 1234.5, "standard_deviation": 3.0}}))
    assert "1,234 ± 3" in drawn.text
    assert "circle" not in drawn.names


@pytest.mark.parametrize(
    "section",
    [[], "text", {"confusion_matrix": 5}, {"confusion_matrix": {"a": {"a": -1}}}, {"accuracy": {"value": "high"}},
     {"receiver_operating_characteristic_curve": {"false_positive_rates": [0]}}, {"confusion_matrix": {}}],
)  # fmt: skip
def test_metrics_of_others_that_are_none_are_passed_over(section):
    assert "Confusion matrix" not in page(now=statistics(binary_classification_metrics=section)).text


def test_shares_are_of_all_that_is_true_where_not_every_class_is_drawn():
    counts = {f"c{each}": {f"c{each}": 100} for each in range(60)} | {"c1": {"c1": 100, "rare": 300}}
    drawn = page(now=statistics(multiclass_classification_metrics={"confusion_matrix": counts}))
    assert "true c1, predicted c1: 100 (25.0 % of the row)" in drawn.text
    assert "c1rare\n30075.0 %" in drawn.text


def test_of_many_classes_the_most_frequent_are_drawn():
    counts = {f"class {each}": {f"class {each}": each + 1} for each in range(80)}
    drawn = page(now=statistics(multiclass_classification_metrics={"confusion_matrix": counts}))
    assert "class 79" in drawn.text
    assert "class 29" not in drawn.text
