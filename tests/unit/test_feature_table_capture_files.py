"""Capture files as feature tables: which of their lines become rows, and what is said of them."""

import pytest

from monitor_jobs.contract.dataset_format import CaptureFormat
from monitor_jobs.feature_table.captures import lines as capture_lines
from tests.unit.capture_io_files import HOUR, NOON, dump, written
from tests.unit.captured_rows import csv_half, exchange, json_half
from tests.unit.feature_table_files import meanings, reading

OTHER_METADATA = {"eventId": "e", "inferenceTime": "2026-11-20T12:00:00Z"}
HALF = {"mode": "INPUT", "data": "1", "encoding": "CSV"}


def at(minute: float, value: int = 1) -> bytes:
    return exchange(csv_half(str(value)), csv_half("0.5"), minute=minute)


def test_only_rows_inside_the_half_open_window_are_read(tmp_path):
    path = written(tmp_path, at(-0.1, 1), at(0, 2), at(59.9, 3), at(60, 4))
    whole = reading(path, window=HOUR)
    assert (whole.columns["_c1"], whole.records) == ([2, 3], 2)


def test_the_first_and_the_last_time_are_those_of_its_records(tmp_path):
    (table,) = reading(written(tmp_path, at(5), at(1), at(9))).tables
    noon = int(NOON.timestamp())
    assert (table.earliest, table.latest) == (noon + 60, noon + 9 * 60)


def test_a_file_without_readable_records_has_no_times(tmp_path):
    (table,) = reading(written(tmp_path, b"x\n")).tables
    assert (table.earliest, table.latest, table.records, table.rows) == (None, None, 0, 0)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (at(0)[:-20] + b"\n", "truncated"),
        (b"x\n", "malformed"),
        (at(0).replace(b"0.5", b"\xff"), "not_utf8"),
        (at(0).replace(b"0.5", b"\0"), "nul"),
        (dump({}, OTHER_METADATA), "wrong_schema"),
        (dump({"endpointInput": HALF}, {"eventId": "e"}), "wrong_schema"),
        (dump({"endpointInput": HALF}, {"eventId": "e", "inferenceTime": "noon"}), "wrong_schema"),
        (dump({"endpointInput": {**HALF, "data": 5}}, OTHER_METADATA), "wrong_schema"),
        (dump({"endpointInput": {**HALF, "encoding": "XML"}}, OTHER_METADATA), "wrong_schema"),
        (b'{"captureData": 1}\n', "wrong_schema"),
    ],
)
def test_a_line_that_is_no_record_is_counted_by_its_reason_and_the_next_one_is_read(tmp_path, line, reason):
    whole = reading(written(tmp_path, line, b"\n", at(0, 7)))
    assert whole.unreadable == {reason: 1}
    assert (whole.columns["_c1"], whole.tables[0].sources[0].line) == ([7], 3)


def test_a_line_without_a_time_goes_with_the_line_before_it(tmp_path):
    path = written(tmp_path, b"before all\n", at(0), b"inside\n", at(60), b"outside\n")
    assert reading(path, window=HOUR).unreadable == {"malformed": 2}


def test_lines_before_any_that_tells_its_time_wait_for_the_first_that_does(tmp_path, monkeypatch):
    monkeypatch.setattr(capture_lines, "CHUNK_BYTES", 1)
    monkeypatch.setattr("monitor_jobs.capture_io.blocks.BLOCK_BYTES", 8)
    assert reading(written(tmp_path, b"x\n" * 21, at(0)), window=HOUR).unreadable == {"malformed": 21}
    assert reading(written(tmp_path, b"x\n" * 21, at(60)), window=HOUR).unreadable == {}
    assert reading(written(tmp_path, b"x\n" * 21), window=HOUR).unreadable == {"malformed": 21}


def test_a_line_too_long_to_hold_is_counted(tmp_path, monkeypatch):
    monkeypatch.setattr("monitor_jobs.capture_io.blocks.MAX_LINE_BYTES", 1 << 17)
    whole = reading(written(tmp_path, exchange(csv_half("x" * (1 << 18)), None), at(0, 7)))
    assert (whole.unreadable, whole.columns["_c1"]) == ({"too_long": 1}, [7])


def test_a_file_means_the_same_whatever_the_chunks_are_that_it_is_read_in(tmp_path, monkeypatch):
    bodies = ["1", "x", "2.5", "", "007", "1\n2", "nan"]
    path = written(tmp_path, *(exchange(csv_half(bodies[n % 7]), json_half([0.5]), minute=n) for n in range(100)))
    at_once = reading(path, window=HOUR)
    monkeypatch.setattr(capture_lines, "CHUNK_BYTES", 1)
    monkeypatch.setattr("monitor_jobs.capture_io.blocks.BLOCK_BYTES", 300)
    in_parts = reading(path, window=HOUR)
    assert len(in_parts.tables) > 10 * len(at_once.tables)
    assert (in_parts.rows, in_parts.records, in_parts.unreadable) == (at_once.rows, at_once.records, at_once.unreadable)
    assert meanings(in_parts.tables) == meanings(at_once.tables)


def test_only_the_halves_that_the_dataset_is_said_to_hold_are_read(tmp_path):
    path = written(tmp_path, at(0, 7), exchange(None, csv_half("0.5")))
    inputs = CaptureFormat(halves=frozenset({"endpointInput"}))
    whole = reading(path, inputs)
    assert (whole.columns, whole.unreadable) == ({"_c0": [7]}, {"wrong_schema": 1})
    outputs = CaptureFormat(halves=frozenset({"endpointOutput"}))
    assert reading(path, outputs).columns == {"_c0": [0.5, 0.5]}
