"""Merged captures and datasets to labelled predictions: attributes, spellings, batches, and lines that are none."""

import base64
import io
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from monitor_jobs.contract.dataset_format import CsvFormat
from monitor_jobs.contract.errors import BadInput
from monitor_jobs.contract.model_package import ModelCard
from monitor_jobs.contract.window import Window
from monitor_jobs.model_quality.attributes import NotThere, parse_attribute, values_in_csv, values_in_json
from monitor_jobs.model_quality.spelling import Classes, column_name
from monitor_jobs.monitor import CaptureFile
from tests.unit.model_quality_files import merged_line, summarised, written

BLANK_CARD = ModelCard(classes=("a", ""))
AT_NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
BINARY, MULTICLASS, REGRESSION = "BinaryClassification", "MulticlassClassification", "Regression"


@pytest.fixture
def pairs(tmp_path):
    """How often each (truth, prediction) came in a file of lines."""

    def read(*lines, problem=MULTICLASS, card=None, **environment):
        summary = summarised(written(tmp_path / "a.jsonl", list(lines), card=card), problem, **environment)
        assert not summary.unreadable
        return dict(summary.measured.confusions[0])

    return read


@pytest.fixture
def unreadable(tmp_path):
    """The reasons for which lines of a file did not count."""

    def read(*lines, problem=MULTICLASS, **environment):
        return dict(summarised(written(tmp_path / "a.jsonl", list(lines)), problem, **environment).unreadable)

    return read


@pytest.mark.parametrize(
    ("text", "body", "values"),
    [
        ("0", "1,0.9\n0,0.2\n", ["1", "0"]),
        ("1", "1, 0.9", ["0.9"]),
    ],
)
def test_an_index_names_a_column_of_csv(text, body, values):
    assert values_in_csv(body, parse_attribute("x", text)) == values


@pytest.mark.parametrize(
    ("text", "body", "values"),
    [
        ("label", '{"label": 3, "score": 0.5}', [3]),
        ("label", '{"predictions": [{"label": "cat"}, {"label": "dog"}]}', ["cat", "dog"]),
        ("1", "[0.1, 0.9]", [0.9]),
        ("1", "[[0.1, 0.9], [0.7, 0.3]]", [0.9, 0.3]),
        ("$.predictions[*].score", '{"predictions": [{"score": 1}, {"score": 2}]}', [1, 2]),
        ("$.out['the label'][0]", '{"out": {"the label": [7, 8]}}', [7]),
        ("$.labels", '{"labels": [1, 2]}', [1, 2]),
    ],
)
def test_a_name_an_index_or_a_path_names_a_place_in_json(text, body, values):
    assert values_in_json(body, parse_attribute("x", text)) == values


@pytest.mark.parametrize("body", ['{"a": 1}', "[]", "not json", "[[1], 2]", "null"])
def test_what_is_not_there_is_not_made_up(body):
    with pytest.raises(NotThere):
        values_in_json(body, parse_attribute("x", "label"))


def test_a_path_that_is_none_is_refused_where_it_stops():
    with pytest.raises(BadInput, match=r"inference_attribute is '\$\.a\[\?\]', with '\[\?\]' at 3"):
        parse_attribute("inference_attribute", "$.a[?]")


@pytest.mark.parametrize("truth", ["1", 1, 1.0, " 1 ", "1.0", "+1", "1e0"])
@pytest.mark.parametrize("answer", ["1", "1.0", "[1]", "[1.0]"])
def test_a_class_number_is_one_class_however_it_is_spelt(pairs, truth, answer):
    encoding = "JSON" if answer.startswith("[") else "CSV"
    assert pairs(merged_line(truth, answer, encoding=encoding), inference_attribute="0") == {("1", "1"): 1}


@pytest.mark.parametrize(("truth", "answer"), [("cat", "cat"), ("2", "cat"), (2, "2"), ("cat", "2.0")])
def test_a_class_of_the_model_card_has_its_name(pairs, truth, answer):
    card = ModelCard(classes=("ant", "bee", "cat"))
    assert pairs(merged_line(truth, answer), inference_attribute="0", card=card) == {("cat", "cat"): 1}


@pytest.mark.parametrize("truth", ["1", "1.0", 1.0])
def test_a_name_of_the_card_that_is_a_number_is_no_index_however_it_is_spelt(pairs, truth):
    card = ModelCard(classes=("1", "2", "3"))
    assert pairs(merged_line(truth, "1"), inference_attribute="0", card=card) == {("1", "1"): 1}


def test_columns_of_scores_keep_their_places_where_the_card_names_other_numbers():
    classes = Classes(("1", "2", "7", ""))
    assert [column_name(position, classes) for position in range(5)] == ["1", "2", "7", "3", "4"]


def test_without_attributes_an_answer_of_scores_is_its_best_class(pairs):
    card = ModelCard(classes=("ant", "bee"))
    assert pairs(merged_line("bee", "[[0.2, 0.8]]", encoding="JSON"), card=card) == {("bee", "bee"): 1}


def test_whole_answers_are_put_beside_the_labels_of_their_own_lines(tmp_path):
    lines = [
        merged_line("1", "[[0.1, 0.9], [0.2, 0.8]]", event="a", encoding="JSON", groundTruthData={"data": "1,0"}),
        b"",
        b"not json",
        merged_line("0", "[[0.1, 0.9]]", event="b", encoding="JSON"),
        merged_line("1", "[[0.1, 0.9]]", event="c", encoding="JSON", groundTruthData=None),
        merged_line("0,0", "[[0.1, 0.9]]", event="d", encoding="JSON"),
        merged_line("1", "[[0.9, 0.1]]", event="e", encoding="JSON"),
    ]
    summary = summarised(written(tmp_path / "a.jsonl", lines), BINARY)
    assert dict(summary.measured.confusions[0]) == {("1", "1"): 1, ("0", "1"): 2, ("1", "0"): 1}
    assert sorted(summary.measured.scores.rows()["score"].tolist()) == pytest.approx([0.1, 0.8, 0.9, 0.9])
    assert summary.unreadable == {"malformed": 1, "labels_differ": 1}
    assert summary.unlabelled == 1
    assert summary.records == 3


@pytest.mark.parametrize(
    ("blank", "card"), [('" "', ModelCard()), ('{"predicted_label": " "}', ModelCard()), ("[0.1, 0.9]", BLANK_CARD)]
)
def test_an_answer_that_names_no_class_is_one_line_less(tmp_path, blank, card):
    lines = [merged_line("a", blank, encoding="JSON"), merged_line("a", '"a"', encoding="JSON")]
    summary = summarised(written(tmp_path / "a.jsonl", lines, card=card), MULTICLASS)
    assert (dict(summary.measured.confusions[0]), summary.unreadable) == ({("a", "a"): 1}, {"wrong_schema": 1})


def test_a_label_of_a_class_that_the_card_leaves_blank_is_none(tmp_path):
    line = merged_line("1", '"a"', encoding="JSON")
    assert summarised(written(tmp_path / "a.jsonl", [line], card=BLANK_CARD), MULTICLASS).unreadable == {
        "wrong_label": 1
    }


@pytest.mark.parametrize(
    "answers",
    [
        ["[2e-9, 0.999999998]", "[1e-9, 0.999999999]", "[3e-9, 0.999999997]"],
        ["[0.0, 20.0]", "[0.0, 21.0]", "[0.5, 20.0]"],
        ["0.999999998", "0.999999999", "0.999999997"],
        ["2e-20", "3e-20", "1e-20"],
        ['{"predicted_label": 0, "score": 2e-20}', '{"predicted_label": 0, "score": 3e-20}', "1e-20"],
        ['{"label": "1", "score": 0.999999998}', '{"label": "1", "score": 0.999999999}', "[3e-9, 0.999999997]"],
    ],
)
def test_scores_that_only_doubles_tell_apart_are_told_apart(tmp_path, answers):
    lines = [merged_line(truth, said, encoding="JSON") for truth, said in zip("110", answers, strict=True)]
    summary = summarised(written(tmp_path / "a.jsonl", lines), BINARY)
    assert summary.measured.metrics()["auc"].value == 1.0


def test_the_score_of_a_positive_class_named_by_the_card_is_its_own_column(tmp_path):
    file = written(
        tmp_path / "a.jsonl",
        [merged_line("yes", "[0.75, 0.25]", encoding="JSON")],
        card=ModelCard(classes=("yes", "no")),
    )
    summary = summarised(file, BINARY, positive_label="yes")
    assert summary.measured.scores.rows()["score"].tolist() == [0.75]


def test_a_batch_takes_as_many_labels_as_it_has_predictions(pairs):
    assert pairs(merged_line("0,1,1", "0\n1\n0\n"), inference_attribute="0") == {
        ("0", "0"): 1,
        ("1", "1"): 1,
        ("1", "0"): 1,
    }


@pytest.mark.parametrize(("truth", "answer"), [(True, "true"), ("1", "true"), ("false", "0"), ("False", "False")])
def test_true_and_false_are_one_and_nought_of_two_classes(pairs, truth, answer):
    (pair,) = pairs(merged_line(truth, answer), problem=BINARY, inference_attribute="0")
    assert pair in {("1", "1"), ("0", "0")}


def test_a_probability_predicts_by_its_threshold(pairs):
    lines = [merged_line("1", "0.7", event="a"), merged_line("0", "0.69", event="b")]
    by_score = {"probability_attribute": "0", "probability_threshold_attribute": "0.7"}
    assert pairs(*lines, problem=BINARY, **by_score) == {("1", "1"): 1, ("0", "0"): 1}


def test_below_the_threshold_every_other_class_is_the_negative_one(pairs):
    by_score = {"probability_attribute": "0", "positive_label": "spam"}
    assert pairs(merged_line("ham", "0.1"), problem=BINARY, **by_score) == {("not spam", "not spam"): 1}


@pytest.mark.parametrize(
    ("positive", "lines"),
    [
        ("1.0", [merged_line("1", "1"), merged_line("0", "0")]),
        ("True", [merged_line("true", "true"), merged_line("false", "false")]),
    ],
)
def test_a_positive_label_is_spelt_as_labels_are(tmp_path, positive, lines):
    file = written(tmp_path / "a.jsonl", lines)
    summary = summarised(file, BINARY, positive_label=positive, inference_attribute="0")
    assert summary.measured.metrics()["recall"].value == 1.0


@pytest.mark.parametrize("names", [("no", "yes"), ("false", "true")])
@pytest.mark.parametrize("attributes", [{"probability_attribute": "0"}, {}])
def test_the_positive_class_is_the_cards_class_one(tmp_path, names, attributes):
    lines = [merged_line("1", "0.9"), merged_line(names[0], "0.2"), merged_line("0", "0.1")]
    summary = summarised(written(tmp_path / "a.jsonl", lines, card=ModelCard(classes=names)), BINARY, **attributes)
    metrics = summary.measured.metrics()
    assert (metrics["accuracy"].value, metrics["auc"].value, summary.measured.positive) == (1.0, 1.0, names[1])


def test_scores_of_all_classes_refuse_no_row_of_many_classes(pairs):
    line = merged_line("a", '{"label": "a", "probs": [0.9, 0.1]}', encoding="JSON")
    named = {"inference_attribute": "$.label", "probability_attribute": "$.probs"}
    assert pairs(line, **named) == {("a", "a"): 1}


def test_numbers_of_npy_answers_are_read(tmp_path):
    buffer = io.BytesIO()
    np.save(buffer, np.array([[2.5]]))
    line = merged_line("3", base64.b64encode(buffer.getvalue()).decode(), encoding="BASE64")
    summary = summarised(written(tmp_path / "a.jsonl", [line]), REGRESSION)
    assert summary.measured.metrics()["mae"].value == 0.5


def test_ground_truth_may_be_json_with_a_place_of_its_own(pairs):
    truth = {"data": '{"verdict": "1"}', "encoding": "JSON"}
    environment = {"inference_attribute": "0", "ground_truth_attribute": "verdict"}
    assert pairs(merged_line(truth, "1"), **environment) == {("1", "1"): 1}


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (merged_line("1", "1")[:-9], "truncated"),
        (merged_line("", "1"), "labels_differ"),
        (merged_line("1,2", "1"), "labels_differ"),
        (merged_line('"1', "1"), "wrong_label"),
        (merged_line("\x07", "1"), "wrong_label"),
        (merged_line("NaN", "1"), "wrong_label"),
        (merged_line("-nan", "1"), "wrong_label"),
        (merged_line({"data": "[NaN]", "encoding": "JSON"}, "1"), "wrong_label"),
        (merged_line("1", "nan"), "wrong_schema"),
        (merged_line("1", ""), "wrong_schema"),
        (merged_line("1", "{}", encoding="JSON"), "wrong_schema"),
        (merged_line("1", "?", encoding="BASE64"), "wrong_encoding"),
        (merged_line("1", "1", eventMetadata={"eventId": "a", "inferenceTime": "noon"}), "wrong_schema"),
    ],
)
def test_a_line_that_counts_in_no_metric_is_counted_by_reason(unreadable, line, reason):
    assert unreadable(line, inference_attribute="0") == {reason: 1}


@pytest.mark.parametrize("truth", ["cat", "nan", "inf", "1e200", True])
def test_a_label_that_is_no_number_is_none_of_a_regression(unreadable, truth):
    assert unreadable(merged_line(truth, "1"), problem=REGRESSION) == {"wrong_label": 1}


def test_only_records_inside_the_window_count(tmp_path):
    lines = [merged_line("1", "1")]
    for start, records in ((AT_NOON, 1), (AT_NOON + timedelta(seconds=1), 0)):
        file = written(tmp_path / "a.jsonl", lines, window=Window(start, start + timedelta(hours=1)))
        assert summarised(file, MULTICLASS, inference_attribute="0").records == records


def test_a_dataset_has_predictions_and_labels_in_its_columns(tmp_path):
    path = tmp_path / "validation.csv"
    path.write_text("label,prediction,probability\n1,1,0.9\n0,1,0.6\n0,0,0.1\n,1,0.9\n")
    named = {"inference_attribute": "prediction", "probability_attribute": "2", "ground_truth_attribute": "label"}
    file = CaptureFile(path, path.name, None, ModelCard(), CsvFormat(header=True))
    summary = summarised(file, BINARY, **named)
    assert dict(summary.measured.confusions[0]) == {("1", "1"): 1, ("0", "1"): 1, ("0", "0"): 1}
    assert summary.measured.metrics()["auc"].value == 1.0
    assert summary.unreadable == {"wrong_label": 1}


def test_a_column_of_scores_that_are_no_numbers_refuses_no_row_of_many_classes(tmp_path):
    path = tmp_path / "validation.csv"
    path.write_text("label,prediction,probability\na,a,high\nb,a,0.5\n")
    named = {"inference_attribute": "prediction", "probability_attribute": "2", "ground_truth_attribute": "label"}
    file = CaptureFile(path, path.name, None, ModelCard(), CsvFormat(header=True))
    assert summarised(file, MULTICLASS, **named).measured.rows == 2


@pytest.mark.parametrize(
    ("named", "words"),
    [
        ({"inference_attribute": "b"}, "needs ground_truth_attribute: name the column, one of a, b"),
        ({"ground_truth_attribute": "a"}, "needs inference_attribute, or probability_attribute"),
        (
            {"ground_truth_attribute": "a", "inference_attribute": "z"},
            "inference_attribute is 'z', and columns are a, b",
        ),
    ],
)
def test_a_dataset_without_the_columns_that_are_needed_is_refused(tmp_path, named, words):
    path = tmp_path / "validation.csv"
    path.write_text("a,b\n1,1\n")
    file = CaptureFile(path, path.name, None, ModelCard(), CsvFormat(header=True))
    with pytest.raises(BadInput, match=words):
        summarised(file, MULTICLASS, **named)


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({"problem_type": "Ranking"}, "problem_type is 'Ranking': set it to one of Regression"),
        ({}, "problem_type is ''"),
        ({"problem_type": BINARY, "probability_threshold_attribute": "half"}, "is 'half': give a number"),
        (
            {"problem_type": MULTICLASS, "probability_attribute": "$.p"},
            r"probability_attribute is '\$.p' and inference_attribute is not set: set it .* to BinaryClassification",
        ),
        ({"problem_type": REGRESSION, "probability_attribute": "0"}, "which is Regression, to BinaryClassification"),
        ({"problem_type": BINARY, "positive_label": "nan"}, "positive_label is 'nan': give the name of a class"),
        ({"problem_type": BINARY, "MINIMUM_PREDICTIONS": "-1"}, "MINIMUM_PREDICTIONS is '-1': give a whole number"),
    ],
)
def test_a_variable_that_does_not_fit_is_named_with_its_value(environment, words):
    from monitor_jobs.model_quality.monitor import ModelQuality
    from monitor_jobs.monitor import Baseline

    with pytest.raises(BadInput, match=words):
        ModelQuality().settings(environment, Baseline())
