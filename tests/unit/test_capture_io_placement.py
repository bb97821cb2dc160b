"""Lines that cannot be read go with the line before them, at a file's start with the first one after."""

from pathlib import Path

import pytest

from monitor_jobs.capture_io import blocks, chunks, copy_lines_inside
from tests.unit.capture_io_files import HOUR, line, reading, reasons, written

INSIDE, BEFORE, AFTER = line(minute=5), line(minute=-5), line(minute=65)
BROKEN = b"{broken}\n"
NAN_INSIDE, NAN_BEFORE = line("[NaN, 0.5]", minute=5), line("[NaN, 0.5]", minute=-5)


@pytest.fixture(params=[64, 1 << 16])
def _any_block(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocks, "BLOCK_BYTES", request.param)
    monkeypatch.setattr(chunks, "CHUNK_BYTES", request.param)


@pytest.mark.usefixtures("_any_block")
@pytest.mark.parametrize(
    ("lines", "counted"),
    [
        ([INSIDE, BROKEN, BROKEN], 2),
        ([BEFORE, BROKEN, INSIDE], 0),
        ([INSIDE, AFTER, BROKEN], 0),
        ([BROKEN, BROKEN, INSIDE], 2),
        ([BROKEN, b"\n", BROKEN, BEFORE, INSIDE], 0),
        ([BROKEN, BROKEN], 2),
        ([NAN_BEFORE, BROKEN, INSIDE], 0),
        ([BROKEN, NAN_INSIDE, BEFORE], 2),
        ([AFTER, NAN_INSIDE, BROKEN, NAN_BEFORE], 2),
    ],
)
def test_unreadable_lines_are_placed_by_their_neighbours(tmp_path: Path, lines: list[bytes], counted: int):
    assert sum(reasons(written(tmp_path, *lines), HOUR).values()) == counted


@pytest.mark.usefixtures("_any_block")
def test_a_copy_keeps_bytes_and_counts_lines(tmp_path: Path):
    source = written(tmp_path, BROKEN, INSIDE, b"\n", BROKEN, AFTER, BROKEN, INSIDE, BEFORE, INSIDE.rstrip())
    copied = copy_lines_inside(source, tmp_path / "copy", HOUR)
    assert (tmp_path / "copy").read_bytes() == b"".join([BROKEN, INSIDE, b"\n", BROKEN, INSIDE, INSIDE.rstrip()])
    assert copied == 5


def test_nothing_inside_leaves_an_empty_copy(tmp_path: Path):
    (tmp_path / "copy").write_bytes(b"old")
    assert copy_lines_inside(written(tmp_path, BEFORE, BROKEN, AFTER), tmp_path / "copy", HOUR) == 0
    assert (tmp_path / "copy").read_bytes() == b""


def test_a_line_too_long_to_hold_is_copied_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(blocks, "MAX_LINE_BYTES", 1000)
    monkeypatch.setattr(blocks, "BLOCK_BYTES", 256)
    source = written(tmp_path, b"x" * 5000 + b"\n", INSIDE, AFTER, b"y" * 5000)
    assert copy_lines_inside(source, tmp_path / "copy", HOUR) == 2
    assert (tmp_path / "copy").read_bytes() == b"x" * 5000 + b"\n" + INSIDE


def test_records_outside_are_not_counted_at_all(tmp_path: Path):
    assert reading(written(tmp_path, BEFORE, AFTER, NAN_BEFORE), HOUR) == ([], 0, {})


def test_a_window_needs_no_prediction_to_place_a_line(tmp_path: Path):
    no_answer = INSIDE.replace(b"endpointOutput", b"endpointInput")
    assert reasons(written(tmp_path, BEFORE, no_answer, BROKEN), HOUR) == {"wrong_schema": 1, "malformed": 1}
