"""What a verdict says of ground truth that was merged."""

import pytest

from monitor_jobs.contract.ground_truth import MergeCounts
from monitor_jobs.contract.report import Dataset, Statistics
from monitor_jobs.job.ground_truth import with_ground_truth
from monitor_jobs.monitor import Verdict

VERDICT = Verdict((), (), Statistics(dataset=Dataset(item_count=0)))


def shares(**counts):
    told = with_ground_truth(VERDICT, MergeCounts(**counts)).measurements
    assert all(row.limit is None for row in told)
    return {row.name: row.value for row in told}


def test_a_verdict_on_captures_without_ground_truth_is_left_as_it_is():
    assert with_ground_truth(VERDICT, None) is VERDICT


def test_every_share_is_of_what_it_could_have_been():
    found = shares(
        captures=60,
        labelled=45,
        unreadable_captures={"nul": 20},
        labels=50,
        matched=40,
        repeated=50,
        conflicting=5,
        unreadable_labels={"malformed": 100},
    )
    assert found == {
        "unlabelled_share": 0.25,
        "unreadable_capture_share": 0.25,
        "unmatched_label_share": 0.2,
        "repeated_label_share": 0.5,
        "conflicting_label_share": 0.05,
        "unreadable_label_share": 0.5,
    }


def test_nothing_merged_is_nothing_missing():
    assert set(shares().values()) == {0.0}


def test_the_counts_survive_the_file_that_tells_them():
    counts = MergeCounts(captures=3, labelled=2, labels=2, matched=2, unreadable_labels={"too_long": 1})
    assert MergeCounts.model_validate_json(counts.model_dump_json()) == counts
    assert counts.summary() == "2 of 3 captures have a label, 1 lines of ground truth cannot be read"


def test_a_count_below_nought_is_refused():
    with pytest.raises(ValueError, match="greater than or equal to 0"):
        MergeCounts(captures=-1)
