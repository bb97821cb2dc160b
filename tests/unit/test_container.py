"""The container contract's paths and messages."""

from pathlib import Path

import pytest

from monitor_jobs.contract.container import ContainerPaths, clip_message, completion_message
from monitor_jobs.contract.errors import BadInput


def test_a_container_path_lies_below_the_root(tmp_path):
    assert ContainerPaths(tmp_path).below_root("/opt/ml/output") == tmp_path / "opt" / "ml" / "output"


def test_without_a_root_a_container_path_is_itself():
    assert ContainerPaths().message == Path("/opt/ml/output/message")


@pytest.mark.parametrize("path", ["opt/ml", "", "../etc", "/opt/../../etc", "/opt/ml/.."])
def test_a_path_that_could_leave_the_root_is_refused(path, tmp_path):
    with pytest.raises(BadInput, match="no absolute container path"):
        ContainerPaths(tmp_path).below_root(path)


@pytest.mark.parametrize(
    ("violations", "words"), [(0, "no violations."), (1, "with 1 violation."), (60, "with 60 violations.")]
)
def test_the_exit_message_counts_in_sagemakers_words(violations, words):
    assert completion_message(violations).endswith(words)


def test_a_long_message_is_cut_between_characters():
    clipped = clip_message("a" + "ä" * 1000)
    assert (len(clipped), clipped.decode()) == (1023, "a" + "ä" * 511)
