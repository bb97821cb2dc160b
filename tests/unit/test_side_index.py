"""The side index says of capture files exactly what reading them says, or it does not cover them."""

import tempfile
import uuid
from collections.abc import Iterable
from datetime import timedelta
from functools import reduce
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor_jobs.capture_io import CapturedBody, PredictionColumns, capture_line, read_predictions
from monitor_jobs.class_skew.summary import Summary, empty, merge, summarise
from monitor_jobs.contract.capture import capture_file_path
from monitor_jobs.contract.errors import BadInput
from monitor_jobs.contract.model_package import ModelCard
from monitor_jobs.side_index import index_capture, index_file, read_covered, read_index, reading
from tests.unit.capture_io_files import CARD, NOON, line, written

ANSWERS = st.sampled_from(
    ["[[0.25, 0.75]]", "[[0.5, 0.5], [0.1, 0.9]]", "3", "-1", "[1, 1, 2]", '["go"]', '"3"', "NaN", "no answer", "[]"]
)
LINES = st.lists(st.tuples(ANSWERS, st.integers(0, 59), st.none() | st.text("xy", min_size=1, max_size=3)), max_size=30)
FILES = st.lists(LINES, min_size=1, max_size=5)
HUGE = "9223372036854775807"


def key_of(minute: int) -> str:
    return f"digits/AllTraffic/{capture_file_path(NOON + timedelta(minutes=minute), uuid.UUID(int=minute))}"


def capture_of(folder: Path, lines: list[tuple[str, int, str | None]]) -> Path:
    made = (
        line(data, minute=minute, event_id=str(uuid.uuid4()), **({"inferenceId": caller} if caller else {}))
        for data, minute, caller in lines
    )
    return written(folder, *made)


def summary_of(columns: Iterable[PredictionColumns]) -> Summary:
    return reduce(merge, (summarise(each, low_confidence_below=0.6) for each in columns), empty())


def indexed(folder: Path, path: Path, key: str = key_of(0)) -> Path:
    """An index folder with the index of one capture file."""
    index = index_capture(path, key)
    assert index is not None
    (folder / "one.parquet").write_bytes(index_file([index]))
    return folder


@given(FILES, st.lists(st.integers(0, 2), min_size=5, max_size=5))
@settings(deadline=None, max_examples=60)
def test_an_index_gives_the_summary_that_its_captures_give(files, parts_of_files):
    with tempfile.TemporaryDirectory() as name:
        folder, raw, parts = Path(name), [], {}
        for minute, (lines, part) in enumerate(zip(files, parts_of_files, strict=False)):
            path = capture_of(folder, lines)
            raw += read_predictions(path, object_key=key_of(minute), window=None, card=CARD)
            parts.setdefault(part, []).append(index_capture(path, key_of(minute)))
        for part, indexes in parts.items():
            (folder / f"{part}.parquet").write_bytes(index_file(indexes))
        assert summary_of(read_index(folder, CARD)) == summary_of(raw)


@given(st.text(max_size=50), st.sampled_from([None, '"endpointOutput":{"data":"9"}', '\\"endpointOutput\\":{']))
@settings(deadline=None, max_examples=60)
def test_what_a_request_and_its_caller_say_is_no_answer(text, trap):
    request = CapturedBody((trap or text).encode(), "application/json", "JSON")
    answer = CapturedBody(b"[[0.25, 0.75]]", "application/json", "JSON")
    with tempfile.TemporaryDirectory() as name:
        ids = {"event_id": str(uuid.uuid4()), "inference_id": text or None, "custom_attributes": trap}
        path = written(Path(name), capture_line(inference_time=NOON, request=request, response=answer, **ids))
        raw = list(read_predictions(path, object_key=key_of(0), window=None, card=CARD))
        assert summary_of(read_index(indexed(Path(name), path), CARD)) == summary_of(raw)
        assert summary_of(raw).predictions == 1


DAMAGES = [
    (b"image/jpeg", b"image/\xff\xfe"),
    (b"image/jpeg", b"image/\0"),
    (b'Data":', b'Data"'),
    (b'{"cap', b'{"Cap'),
]


@pytest.mark.parametrize(("whole", "damaged"), [*DAMAGES, (b'"}\n', b'"\n'), (b"[[0.25", b"[[NaN, 0.25")])
def test_a_line_that_is_damaged_anywhere_is_counted_as_its_capture_counts_it(tmp_path, whole, damaged):
    request = CapturedBody(b"\x89PNG", "image/jpeg", "BASE64")
    answer = CapturedBody(b"[[0.25, 0.75]]", "application/json", "JSON")
    ids = {"event_id": str(uuid.uuid4()), "inference_id": None, "custom_attributes": None}
    good = capture_line(inference_time=NOON, request=request, response=answer, **ids)
    path = written(tmp_path, good, good.replace(whole, damaged, 1), good)
    raw = summary_of(read_predictions(path, object_key=key_of(0), window=None, card=CARD))
    assert summary_of(read_index(indexed(tmp_path, path), CARD)) == raw
    assert (raw.records, sum(raw.unreadable.values())) == (2, 1)


def test_large_groups_are_read_apart_and_give_the_same(tmp_path, monkeypatch):
    path = capture_of(tmp_path, [("[[0.25, 0.75]]", minute, None) for minute in range(60)])
    for minute in range(3):
        (tmp_path / f"{minute}.parquet").write_bytes(index_file([index_capture(path, key_of(minute))]))
    together = list(read_index(tmp_path, CARD))
    monkeypatch.setattr(reading, "GROUP_BYTES", 1)
    apart = list(read_index(tmp_path, CARD))
    assert (len(together), len(apart)) == (1, 3)
    assert summary_of(together) == summary_of(apart)


def test_any_card_names_the_classes_of_one_index(tmp_path):
    folder = indexed(tmp_path, capture_of(tmp_path, [("1", 0, None), ('"1"', 0, None), (HUGE, 0, None)]))
    for card in (CARD, ModelCard()):
        (columns,) = read_index(folder, card)
        assert [columns.labels[row] for row in columns.classes] == [card.class_name(1), "1", HUGE]


NO_UUIDS = ["e", "", str(uuid.uuid4()).upper(), uuid.uuid4().hex + "----", "\N{DIGIT TWO}" * 36]


@pytest.mark.parametrize("event_id", NO_UUIDS)
def test_a_capture_whose_event_ids_are_no_uuids_is_not_indexed(tmp_path, event_id):
    path = written(tmp_path, line(event_id=str(uuid.uuid4())), line(event_id=event_id))
    assert index_capture(path, key_of(0)) is None


@pytest.mark.parametrize("minute", [-1, 60, 10_000])
def test_a_capture_with_a_time_outside_the_hour_of_its_key_is_not_indexed(tmp_path, minute):
    assert index_capture(capture_of(tmp_path, [("1", 0, None), ("1", minute, None)]), key_of(0)) is None


def test_a_capture_whose_key_tells_no_hour_is_not_indexed(tmp_path):
    assert index_capture(capture_of(tmp_path, [("1", 0, None)]), "digits/AllTraffic/elsewhere.jsonl") is None


def test_an_index_says_what_it_covers(tmp_path):
    path = capture_of(tmp_path, [("[1, 2]", 0, None), ("no answer", 0, None)])
    (covered,) = read_covered(indexed(tmp_path, path) / "one.parquet")
    assert (covered.object_key, covered.size_bytes) == (key_of(0), path.stat().st_size)
    assert (covered.records, covered.lines) == (1, 2)


def test_a_capture_without_a_prediction_is_covered(tmp_path):
    folder = indexed(tmp_path, capture_of(tmp_path, [("no answer", 0, None)]))
    (columns,) = read_index(folder, CARD)
    assert (len(columns.lines), columns.records, sum(columns.unreadable.values())) == (0, 0, 1)


def test_an_index_is_parquet_for_everyone(tmp_path):
    folder = indexed(tmp_path, capture_of(tmp_path, [("[[0.25, 0.75]]", 5, "caller")]))
    (row,) = pq.read_table(folder / "one.parquet").to_pylist()
    assert uuid.UUID(bytes=row.pop("event_id")).version == 4
    assert row == {
        "object_key": key_of(0),
        "line": 1,
        "inference_time": NOON + timedelta(minutes=5),
        "inference_id": "caller",
        "class": 1,
        "label": None,
        "confidence": 0.75,
    }


def test_no_index_is_no_predictions(tmp_path):
    assert list(read_index(tmp_path / "nowhere", CARD)) == []


@pytest.mark.parametrize("content", [b"", b"PAR1", b"not parquet at all", b"PAR1" + b"\xff" * 100 + b"PAR1"])
def test_what_is_no_index_is_refused_by_name(tmp_path, content):
    (tmp_path / "bad.parquet").write_bytes(content)
    with pytest.raises(BadInput, match=r"bad\.parquet is no side index"):
        list(read_index(tmp_path, CARD))
    with pytest.raises(BadInput, match=r"bad\.parquet is no side index"):
        read_covered(tmp_path / "bad.parquet")


def test_a_truncated_index_is_refused(tmp_path):
    path = indexed(tmp_path, capture_of(tmp_path, [("1", 0, None)])) / "one.parquet"
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(BadInput, match="is no side index"):
        list(read_index(tmp_path, CARD))


def test_parquet_of_something_else_is_refused(tmp_path):
    pq.write_table(pa.table({"a": [1]}), tmp_path / "other.parquet")
    with pytest.raises(BadInput, match="is no side index"):
        list(read_index(tmp_path, CARD))
