"""What class skew keeps of predictions, whatever shards they come in."""

import dataclasses
from functools import reduce

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from monitor_jobs.capture_io import PredictionColumns
from monitor_jobs.class_skew.summary import Summary, empty, merge, summarise
from monitor_jobs.contract.capture import UnreadableReason
from monitor_jobs.contract.report import MAX_OFFENDING_RECORDS
from tests.unit.class_skew_columns import NOON, columns

SURENESS = st.sampled_from([0.1, 0.2, 0.2, 0.49, 0.5, 0.9, float("nan")])
ROWS = st.lists(st.tuples(st.sampled_from("abcd"), SURENESS, st.integers(0, 5), st.integers(0, 2)), max_size=150)


def summary_of(*labels: str, **details: object) -> Summary:
    return summarise(columns(labels, **details), low_confidence_below=0.5)


def file_of(rows: list[tuple[str, float, int, int]], name: str) -> PredictionColumns:
    """A file whose rows share a line with their predecessor where the last number says 0."""
    lines = np.cumsum([1 if apart else 0 for *_, apart in rows]) + 1
    first_on_line = {line: when for line, (*_, when, _) in reversed(list(zip(lines.tolist(), rows, strict=True)))}
    return columns(
        [label for label, *_ in rows],
        object_key=name,
        lines=lines.tolist(),
        times=[NOON + first_on_line[line] for line in lines.tolist()],
        confidences=[confidence for _, confidence, *_ in rows],
    )


def cut(file: PredictionColumns, at: int) -> list[PredictionColumns]:
    """The rows before and after a cut, as a reader that hands over chunks gives them."""
    halves = []
    for part in (slice(None, at), slice(at, None)):
        names = ("files", "lines", "times", "classes", "confidences", "event_ids", "inference_ids")
        taken = {name: getattr(file, name)[part] for name in names}
        halves.append(dataclasses.replace(file, **taken, records=len(taken["lines"])))
    return halves


def merged(files: list[PredictionColumns]) -> Summary:
    return reduce(merge, (summarise(file, low_confidence_below=0.5) for file in files), empty())


@given(ROWS, st.integers(0, 150))
def test_a_file_cut_anywhere_gives_the_same_summary(rows, at):
    file = file_of(rows, "a.jsonl")
    whole = dataclasses.replace(file, records=len(rows))
    assert merged(cut(file, at)) == merged([whole])


@given(
    st.lists(ROWS, max_size=5).map(lambda all_rows: [file_of(r, f"{i}.jsonl") for i, r in enumerate(all_rows)]),
    st.randoms(),
)
def test_files_merge_to_the_same_summary_in_any_order(files, random):
    shuffled = random.sample(files, len(files))
    assert merged(shuffled) == merged(files)


@given(ROWS, ROWS, ROWS)
def test_merging_is_associative(first, second, third):
    a, b, c = (merged([file_of(rows, name)]) for name, rows in zip("abc", (first, second, third), strict=True))
    assert merge(merge(a, b), c) == merge(a, merge(b, c))


@given(ROWS)
def test_the_empty_summary_changes_nothing(rows):
    summary = merged([file_of(rows, "a.jsonl")])
    assert merge(summary, empty()) == summary == merge(empty(), summary)


@given(ROWS)
def test_the_newest_records_of_a_class_are_those_that_sorting_finds(rows):
    file = file_of(rows, "a.jsonl")
    of_a = {
        (time, line)
        for label, time, line in zip(rows, file.times.tolist(), file.lines.tolist(), strict=True)
        if label[0] == "a"
    }
    found = [(time, line) for time, _, line, *_ in merged([file]).recent.get("a", ())]
    assert found == sorted(of_a, reverse=True)[:MAX_OFFENDING_RECORDS]


@given(ROWS)
def test_the_least_sure_records_are_those_that_sorting_finds(rows):
    file = file_of(rows, "a.jsonl")
    lowest: dict[int, float] = {}
    for line, confidence in zip(file.lines.tolist(), file.confidences.tolist(), strict=True):
        if confidence < 0.5:
            lowest[line] = min(confidence, lowest.get(line, 1.0))
    found = [doubt.confidence for doubt in merged([file]).doubtful]
    assert found == sorted(lowest.values())[:MAX_OFFENDING_RECORDS]


def test_nothing_read_gives_the_empty_summary():
    assert summary_of() == empty()


def test_predictions_are_counted_by_label():
    assert summary_of("4", "7", "4").class_counts == {"4": 2, "7": 1}


def test_two_classes_of_one_name_count_as_one():
    twins = dataclasses.replace(columns(["x", "y"]), labels=("cat", "cat"))
    summary = summarise(twins, low_confidence_below=0.5)
    assert (summary.class_counts, len(summary.recent["cat"])) == ({"cat": 2}, 2)


def test_a_bare_class_is_not_scored():
    summary = summary_of("4", "4", confidences=[float("nan"), 0.9])
    assert (summary.scored, summary.low_confidence) == (1, 0)


def test_a_score_at_the_bar_is_sure_enough():
    assert summary_of("4", "4", confidences=[0.5, 0.4999]).low_confidence == 1


def test_the_bar_can_be_moved():
    sure = columns(["4"], confidences=[0.8])
    assert summarise(sure, low_confidence_below=0.9).low_confidence == 1


def test_a_batch_on_one_line_is_one_offending_record():
    summary = summary_of("4", "4", "4", lines=[1, 1, 2], confidences=[0.3, 0.1, 0.2])
    assert [record[2] for record in summary.recent["4"]] == [2, 1]
    assert [round(doubt.confidence, 3) for doubt in summary.doubtful] == [0.1, 0.2]


def test_a_large_unsure_batch_leaves_room_for_other_records():
    lines, scores = [1] * 100 + list(range(2, 40)), [0.1] * 100 + [0.2] * 38
    doubtful = summary_of(*["4"] * 138, lines=lines, confidences=scores).doubtful
    assert [doubt.record[2] for doubt in doubtful] == list(range(1, 26))


def test_lines_out_of_time_order_are_named_newest_first():
    summary = summary_of("4", "4", "4", times=[NOON + 9, NOON, NOON + 5])
    assert [record[2] for record in summary.recent["4"]] == [1, 3, 2]


def test_unreadable_lines_add_up_by_reason():
    part = dataclasses.replace(columns([]), unreadable={UnreadableReason.NUL: 2, UnreadableReason.NAN: 0})
    summary = summarise(part, low_confidence_below=0.5)
    assert merge(summary, summary).unreadable == {"nul": 4}


def test_a_summary_of_many_predictions_stays_small():
    summary = summary_of(*["4"] * 5000, confidences=[0.25] * 5000)
    assert (len(summary.recent["4"]), len(summary.doubtful)) == (MAX_OFFENDING_RECORDS, MAX_OFFENDING_RECORDS)


def test_more_classes_than_16_bits_hold_are_counted():
    many = dataclasses.replace(
        columns(["x"]), classes=np.array([70_000], dtype=np.int32), labels=tuple(map(str, range(70_001)))
    )
    assert list(summarise(many, low_confidence_below=0.5).recent) == ["70000"]


def test_the_first_and_last_time_are_kept():
    summary = merge(summary_of("4", times=[NOON + 7]), summary_of("4", times=[NOON]))
    assert (summary.earliest, summary.latest) == (NOON, NOON + 7)
