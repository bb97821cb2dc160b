import json

import numpy as np
import pytest

from monitor_jobs.contract.dataset_format import CsvFormat
from monitor_jobs.contract.errors import BadInput
from monitor_jobs.contract.model_package import ModelCard
from monitor_jobs.contract.report import Constraints
from monitor_jobs.label_free_quality.constraints import SECTION
from monitor_jobs.model_quality.monitor import ModelQuality
from monitor_jobs.monitor import Baseline, CaptureFile
from tests.unit.labelled_scores import accuracy, by_best_score, drawn
from tests.unit.model_quality_files import merged_line, written

MULTICLASS = {"problem_type": "MulticlassClassification"}
BINARY = {
    "problem_type": "BinaryClassification",
    "probability_attribute": "chance",
    "ground_truth_attribute": "truth",
    "inference_attribute": "said",
}
CARD = ModelCard(classes=("ant", "bee", "cow", "dog", "elk"))


def run(file, environment, constraints=None):
    """The monitor's summary of a file, and its settings."""
    settings = ModelQuality().settings(environment, Baseline(constraints=constraints))
    return ModelQuality().summarise_file(file, settings), settings


def suggested(file, environment):
    """constraints.json that a labelled file suggests, through its text."""
    summary, _ = run(file, environment)
    return Constraints.model_validate_json(ModelQuality().suggest_baseline(summary).constraints.to_json())


def judged(file, environment, constraints):
    return ModelQuality().judge(*run(file, environment, constraints))


def captures(labelled, path, *, with_truth=True, answer=None):
    answer = answer or (lambda row: json.dumps([labelled.scores[row].round(4).tolist()]))
    unlabelled = {} if with_truth else {"groundTruthData": None}
    lines = [
        merged_line(str(truth), answer(row), event=f"{path.name}-{row}", encoding="JSON", **unlabelled)
        for row, truth in enumerate(labelled.labels)
    ]
    return written(path, lines, card=CARD)


def two_classes(path, rows, seed, sureness):
    """A CSV file of a binary model's answers and truths: right as often as its probabilities say."""
    generator = np.random.default_rng(seed)
    chances = 1 / (1 + np.exp(-sureness * generator.normal(size=rows)))
    truths = generator.random(rows) < chances
    text = "".join(
        f"{int(chance >= 0.5)},{chance:.6f},{int(truth)}\n" for chance, truth in zip(chances, truths, strict=True)
    )
    path.write_text("said,chance,truth\n" + text)
    return CaptureFile(path, path.name, None, ModelCard(), CsvFormat(header=True)), float(
        ((chances >= 0.5) == truths).mean()
    )


def values(verdict):
    return {row.name: row.value for row in verdict.measurements}


@pytest.fixture(scope="module")
def constraints(tmp_path_factory):
    return suggested(captures(drawn(1500, seed=1), tmp_path_factory.mktemp("baseline") / "a.jsonl"), MULTICLASS)


def test_score_vectors_are_calibrated_under_the_names_of_the_model_card(constraints):
    calibration = constraints.model_extra[SECTION]["calibration"]
    assert calibration["names"] == list(CARD.classes)
    assert calibration["scaling"]["temperature"] == pytest.approx(1, abs=0.15)


def test_best_scores_are_calibrated_where_answers_hold_no_more(tmp_path):
    best = by_best_score(drawn(1000, seed=2))
    file = captures(
        best,
        tmp_path / "a.jsonl",
        answer=lambda row: json.dumps({"label": str(best.predicted[row]), "score": float(best.best_scores[row])}),
    )
    found = suggested(file, MULTICLASS)
    assert {"slope", "intercept"} == found.model_extra[SECTION]["calibration"]["scaling"].keys()
    assert "estimated_accuracy" in values(judged(file, MULTICLASS, found))


def test_a_probability_of_the_positive_class_is_one_less_it_of_the_other(tmp_path):
    baseline, _ = two_classes(tmp_path / "baseline.csv", 3000, 1, sureness=3)
    window, truth = two_classes(tmp_path / "window.csv", 3000, 4, sureness=3)
    found = values(judged(window, BINARY, suggested(baseline, BINARY)))
    assert found["estimated_accuracy"] == pytest.approx(truth, abs=0.03)
    assert found["estimate_covers_truth"] == 1


def test_a_stray_label_of_a_third_class_is_no_class_of_the_calibration(tmp_path):
    baseline, _ = two_classes(tmp_path / "baseline.csv", 1000, 1, sureness=3)
    with baseline.path.open("a") as file:
        file.write("1,0.9,n/a\n")
    assert suggested(baseline, BINARY).model_extra[SECTION]["calibration"]["names"] == ["0", "1"]


def test_a_binary_model_that_grew_unsure_is_found_without_labels(tmp_path):
    baseline, _ = two_classes(tmp_path / "baseline.csv", 3000, 1, sureness=4)
    window, _ = two_classes(tmp_path / "window.csv", 1000, 2, sureness=1)
    kinds = {row.constraint_check_type for row in judged(window, BINARY, suggested(baseline, BINARY)).violations}
    assert "estimated_accuracy_check" in kinds


def test_unlabelled_captures_count_in_the_estimate_and_labelled_ones_in_the_truth(constraints, tmp_path):
    seen, unseen = drawn(200, seed=3), drawn(300, seed=4)
    monitor = ModelQuality()
    labelled, settings = run(captures(seen, tmp_path / "a.jsonl"), MULTICLASS, constraints)
    unlabelled, _ = run(captures(unseen, tmp_path / "b.jsonl", with_truth=False), MULTICLASS, constraints)
    both = monitor.merge(labelled, unlabelled)
    assert (both.seen.window.predictions, both.seen.labelled.predictions, both.predictions) == (500, 200, 200)
    assert values(monitor.judge(both, settings))["accuracy"] == accuracy(seen)


def test_a_window_without_labels_tells_its_estimate(constraints, tmp_path):
    verdict = judged(captures(drawn(400, 5), tmp_path / "a.jsonl", with_truth=False), MULTICLASS, constraints)
    assert verdict.remark.startswith("No verdict: 0 of 400 captures have a label; ")
    assert "accuracy without labels is estimated at 0." in verdict.remark


def test_bare_classes_have_no_estimate_and_are_told_why(constraints, tmp_path):
    file = captures(drawn(50, 6), tmp_path / "a.jsonl", with_truth=False, answer=lambda _: "[[1]]")
    verdict = judged(file, MULTICLASS, constraints)
    assert "No estimate of accuracy: none of 50 predictions came with a score" in verdict.remark


def test_constraints_without_a_calibration_say_what_is_missing_where_labels_are(tmp_path):
    given = Constraints.model_validate({"multiclass_classification_constraints": {}})
    unlabelled = judged(captures(drawn(50, 7), tmp_path / "a.jsonl", with_truth=False), MULTICLASS, given)
    assert "constraints.json has no label_free_quality: suggest a baseline" in unlabelled.remark
    assert judged(captures(drawn(50, 7), tmp_path / "b.jsonl"), MULTICLASS, given).remark == ""


def test_truth_is_not_held_against_the_estimate_of_other_predictions(constraints, tmp_path):
    half = drawn(100, seed=8)
    file = captures(
        half, tmp_path / "a.jsonl", answer=lambda row: "[[1]]" if row % 2 else json.dumps([half.scores[row].tolist()])
    )
    found = values(judged(file, MULTICLASS, constraints))
    assert {"accuracy", "estimated_accuracy"} <= found.keys()
    assert "estimate_covers_truth" not in found


def test_a_damaged_calibration_ends_the_run_with_its_place(constraints, tmp_path):
    section = constraints.model_extra[SECTION]
    broken = Constraints.model_validate(constraints.model_extra | {SECTION: section | {"accuracy_limit": "high"}})
    with pytest.raises(BadInput, match=f"{SECTION}.accuracy_limit in constraints.json"):
        ModelQuality().settings(MULTICLASS, Baseline(constraints=broken))


def test_numbers_that_are_predicted_are_not_estimated(tmp_path):
    lines = [merged_line("1.5", "2.5", event=str(row)) for row in range(30)]
    file = written(tmp_path / "a.jsonl", lines)
    found = suggested(file, {"problem_type": "Regression"})
    assert SECTION not in found.model_extra
    assert "estimated_accuracy" not in values(judged(file, {"problem_type": "Regression"}, found))
