"""The strict reader names every line, and lines of any size are read in bounded memory."""

import subprocess
import sys
from pathlib import Path

import pytest

from monitor_jobs.capture_io import MAX_LINE_BYTES, UnreadableLine, blocks, read_records
from monitor_jobs.contract.capture import CaptureRecord
from tests.unit.capture_io_files import dump, line, written

HUGE_BYTES = 100 << 20
ALLOWED_KIB = 256 << 10
# The peak is VmHWM, for ru_maxrss counts the process that forked as well.
READ_AND_REPORT = """
import re, sys
from pathlib import Path
from monitor_jobs.capture_io import read_predictions
from monitor_jobs.contract.model_package import ModelCard

chunks = list(read_predictions(Path(sys.argv[1]), object_key="k", window=None, card=ModelCard()))
reasons = sum((list(chunk.unreadable.items()) for chunk in chunks), [])
print(sum(chunk.records for chunk in chunks), *(f"{reason.value}={count}" for reason, count in reasons))
print(re.search(r"VmHWM:\\s*(\\d+)", Path("/proc/self/status").read_text())[1])
"""


def test_records_are_read_whole(tmp_path: Path):
    (record,) = read_records(written(tmp_path, line(inferenceId="i", customAttributes=["c=1"])))
    assert isinstance(record, CaptureRecord)
    assert record.event_metadata.custom_attributes == ["c=1"]
    assert record.capture_data.endpoint_input is None


def test_what_was_read_is_written_back_the_same(tmp_path: Path):
    first = list(read_records(written(tmp_path, line(), line('"dög"'))))
    again = written(tmp_path, *(record.to_line() for record in first if isinstance(record, CaptureRecord)))
    assert list(read_records(again)) == first


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"\0\0\n", "nul"),
        (b"\xff\n", "not_utf8"),
        (b'{"captureData": {\n', "truncated"),
        (b"{x}\n", "malformed"),
        (b"{}\n", "wrong_schema"),
        (dump({}, {"eventId": "e", "inferenceTime": "noon"}), "wrong_schema"),
        (line().replace(b"OUTPUT", b"SIDEWAYS"), "wrong_schema"),
    ],
)
def test_a_line_without_a_record_says_why_and_where(tmp_path: Path, raw: bytes, reason: str):
    found = list(read_records(written(tmp_path, b"\n", line(), raw)))
    assert isinstance(found[1], UnreadableLine)
    assert (found[1].line, found[1].reason) == (3, reason)


def test_an_excerpt_is_short_and_printable_text(tmp_path: Path):
    (unreadable,) = read_records(written(tmp_path, b"caf\xe9 " * 100))
    assert isinstance(unreadable, UnreadableLine)
    assert unreadable.excerpt == ("caf\ufffd " * 100)[:120]


def test_a_line_too_long_is_named_without_its_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(blocks, "MAX_LINE_BYTES", 2000)
    monkeypatch.setattr(blocks, "BLOCK_BYTES", 500)
    found = list(read_records(written(tmp_path, line(), b"x" * 3000 + b"\n", line())))
    assert found[1] == UnreadableLine(2, found[1].reason, "")
    assert found[1].reason == "too_long"


def test_an_answer_without_a_prediction_is_still_a_record(tmp_path: Path):
    assert isinstance(next(read_records(written(tmp_path, line("no json")))), CaptureRecord)


@pytest.mark.parametrize(("size", "counted"), [(HUGE_BYTES, "too_long=1"), (MAX_LINE_BYTES - 1024, "wrong_schema=1")])
def test_a_huge_line_does_not_need_its_size_in_memory(tmp_path: Path, size: int, counted: str):
    filler = b"1" * (size - len(line()))
    path = written(tmp_path, line(), line().replace(b"[[0.25", b"[[0.25" + filler), line())
    program = [sys.executable, "-c", READ_AND_REPORT, str(path)]
    result, peak_kib = subprocess.run(program, check=True, capture_output=True, text=True).stdout.splitlines()
    assert result == f"2 {counted}"
    assert int(peak_kib) < ALLOWED_KIB
