"""Model quality with a user's script: its rows are what was predicted, the label stays that of the record."""

import textwrap
from dataclasses import replace

import pytest

from monitor_jobs.record_scripts import RecordScript, ScriptFailed
from tests.unit.model_quality_files import merged_line, summarised, written

MULTICLASS = "MulticlassClassification"


@pytest.fixture
def summary(tmp_path):
    """What is kept of lines, given a script."""

    def read(text, *lines, **environment):
        path = tmp_path / "pre.py"
        path.write_text(textwrap.dedent(text))
        file = replace(written(tmp_path / "a.jsonl", list(lines)), script=RecordScript(path))
        return summarised(file, MULTICLASS, **environment)

    return read


NAMED = """
    def preprocess_handler(inference_record):
        name, _, sure = inference_record.endpoint_output.data.partition("=")
        return [] if name == "skip" else {"name": name, "sure": float(sure), "seen": inference_record.ground_truth.data}
"""


def test_an_attribute_names_a_column_of_the_scripts_rows(summary):
    lines = [merged_line("cat", "cat=0.9"), merged_line("cat", "dog=0.7"), merged_line("dog", "dog=0.8")]
    found = summary(NAMED, *lines, inference_attribute="name")
    assert dict(found.measured.confusions[0]) == {("cat", "cat"): 1, ("cat", "dog"): 1, ("dog", "dog"): 1}


def test_ground_truth_is_read_by_the_script_too(summary):
    found = summary(NAMED, merged_line("cat", "dog=0.9"), inference_attribute="seen")
    assert dict(found.measured.confusions[0]) == {("cat", "cat"): 1}


def test_a_record_that_the_script_leaves_out_is_not_counted(summary):
    found = summary(NAMED, merged_line("cat", "skip=0"), merged_line("cat", "cat=1"), inference_attribute="name")
    assert (found.records, dict(found.unreadable)) == (1, {})


@pytest.mark.parametrize("broken", [b'{"captureData": ', b"[1]", b'{"captureData": 1, "eventMetadata": {}}'])
def test_a_line_that_is_no_record_is_counted_and_never_reaches_the_script(summary, broken):
    found = summary(NAMED, merged_line("cat", "cat=1"), broken, merged_line("cat", "cat=1"), inference_attribute="name")
    assert found.records == 2
    assert sum(found.unreadable.values()) == 1


def test_a_column_that_the_script_does_not_make_is_counted(summary):
    found = summary(NAMED, merged_line("cat", "cat=1"), inference_attribute="absent")
    assert dict(found.unreadable) == {"wrong_schema": 1}


def test_a_script_that_fails_names_the_record(summary):
    with pytest.raises(ScriptFailed, match=r"at record 2 \(event id b\): ValueError"):
        summary(NAMED, merged_line("cat", "cat=1"), merged_line("cat", "cat=x", event="b"), inference_attribute="name")
