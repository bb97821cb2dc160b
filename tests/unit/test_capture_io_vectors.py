import numpy as np
import pytest

from monitor_jobs.capture_io import read_predictions
from monitor_jobs.contract.model_package import ModelCard
from tests.unit.model_quality_files import merged_line, written


@pytest.fixture
def scores(tmp_path):
    """The score vectors of a capture file with these JSON answers."""

    def read(*answers):
        lines = [merged_line("0", answer, event=str(row), encoding="JSON") for row, answer in enumerate(answers)]
        file = written(tmp_path / "a.jsonl", lines)
        (columns,) = read_predictions(file.path, object_key="a", window=None, card=ModelCard())
        return columns.scores

    return read


def test_rows_of_scores_are_kept_whole(scores):
    assert scores("[[0.25, 0.75]]", "[[0.5, 0.5]]").tolist() == [[0.25, 0.75], [0.5, 0.5]]


def test_a_batch_among_rows_keeps_its_place(scores):
    found = scores("[[0.25, 0.75]]", "[[0.1, 0.9], [0.2, 0.8]]", "[[0.5, 0.5]]")
    assert found[:, 0].tolist() == [0.25, 0.1, 0.2, 0.5]


def test_a_bare_class_among_rows_has_no_scores(scores):
    found = scores("[[0.25, 0.75]]", "[[1]]")
    assert np.isnan(found[1]).all()
    assert found[0].tolist() == [0.25, 0.75]


@pytest.mark.parametrize("answers", [("[[1]]",), ("[[0.25, 0.75]]", "[[0.2, 0.3, 0.5]]"), ("0.75",)])
def test_answers_without_vectors_of_one_width_have_none(scores, answers):
    assert scores(*answers) is None
