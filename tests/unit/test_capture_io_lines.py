"""Every line that holds no record is counted under the one reason that fits."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor_jobs.capture_io import blocks, chunks
from monitor_jobs.capture_io.lines import refusal_of
from tests.unit.capture_io_files import CARD, NOON, dump, line, reading, reasons, written

WHOLE = line()
OUTPUT = {"data": "[1]", "encoding": "JSON"}
METADATA = {"eventId": "e", "inferenceTime": "2026-11-20T12:00:00Z"}


@pytest.mark.parametrize("cut", range(1, len(WHOLE) - 1))
def test_a_line_cut_anywhere_is_truncated(cut: int):
    assert refusal_of(WHOLE[:cut]).reason == "truncated"


def test_a_line_cut_within_a_character_is_truncated():
    assert refusal_of(line("[0.5]", event_id="é").partition(b"\xa9")[0] + b"\n").reason == "truncated"


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"\0" * 100, "nul"),
        (WHOLE.replace(b"0.25", b"0.\x0025"), "nul"),
        (WHOLE.replace(b"0.25", b"0.\xff25"), "not_utf8"),
        (WHOLE.replace(b"JSON", b"JS\xed\xa0\x80N"), "not_utf8"),
        (WHOLE[10:], "malformed"),
        (WHOLE.strip() + WHOLE, "malformed"),
        (WHOLE.replace(b"0.25", b"0.\t25"), "malformed"),
        (WHOLE.replace(b'"e"', b'"\\ud800"'), "malformed"),
        (b"\x1f\x8b\x08" + b"compressed", "not_utf8"),
        (b"[" * 100_000 + b"]" * 100_000, "malformed"),
        (b"[]", "wrong_schema"),
        (b"5", "wrong_schema"),
        (b"{}", "wrong_schema"),
        (dump({"endpointInput": OUTPUT}, METADATA), "wrong_schema"),
        (dump({"endpointOutput": None}, METADATA), "wrong_schema"),
        (dump({"endpointOutput": {"data": 5, "encoding": "JSON"}}, METADATA), "wrong_schema"),
        (dump({"endpointOutput": {"data": "5", "encoding": "XML"}}, METADATA), "wrong_schema"),
        (dump({"endpointOutput": OUTPUT}, {"eventId": "e"}), "wrong_schema"),
        (dump({"endpointOutput": OUTPUT}, {"eventId": 5, "inferenceTime": "2026-11-20T12:00:00Z"}), "wrong_schema"),
        (dump({"endpointOutput": OUTPUT}, {"eventId": "e", "inferenceTime": "noon"}), "wrong_schema"),
        (dump({"endpointOutput": OUTPUT}, {"eventId": "e", "inferenceTime": "2" * 1000}), "wrong_schema"),
        (dump({"endpointOutput": OUTPUT}, {"eventId": "e", "inferenceTime": "0001-01-01T00:00+10:00"}), "wrong_schema"),
        (line("[0.5, NaN]"), "nan"),
        (line("[0.5"), "wrong_encoding"),
        (line("[]"), "wrong_schema"),
        (line("[0.5, 0.5" + " " * 8_388_608 + "]"), "wrong_schema"),
    ],
)
def test_a_line_without_a_prediction_is_counted_under_its_reason(tmp_path: Path, raw: bytes, reason: str):
    found = reading(written(tmp_path, WHOLE, raw.strip() + b"\n", WHOLE))
    assert (found.records, dict(found.unreadable)) == (2, {reason: 1})


def test_an_empty_file_has_nothing_to_read(tmp_path: Path):
    assert reading(written(tmp_path)) == ([], 0, {})


@pytest.mark.parametrize("blank", [b"\n", b"  \t\r\n", b"\r\n"])
def test_blank_lines_are_numbered_but_not_counted(tmp_path: Path, blank: bytes):
    found = reading(written(tmp_path, blank, WHOLE, blank, WHOLE, blank))
    assert ([item.line for item in found.predictions], found.unreadable) == ([2, 4], {})


def test_the_last_line_may_lack_its_newline(tmp_path: Path):
    assert reading(written(tmp_path, WHOLE, WHOLE.rstrip())).records == 2


def test_lines_may_end_as_on_windows(tmp_path: Path):
    assert reading(written(tmp_path, WHOLE.replace(b"\n", b"\r\n"))).records == 1


def test_a_byte_order_mark_is_passed_over_at_the_start_only(tmp_path: Path):
    assert reasons(written(tmp_path, b"\xef\xbb\xbf", WHOLE, b"\xef\xbb\xbf", WHOLE)) == {"malformed": 1}


def test_repeated_and_unknown_fields_do_no_harm(tmp_path: Path):
    raw = WHOLE.replace(b'{"captureData"', b'{"captureData": {"endpointOutput": 5}, "unknown": [1e999], "captureData"')
    assert reading(written(tmp_path, WHOLE.replace(b'{"captureData"', b'{"unknown": [{}], "captureData"'))).records == 1
    assert reading(written(tmp_path, raw)).records + sum(reasons(written(tmp_path, raw)).values()) == 1


def test_lines_beyond_ascii_are_read(tmp_path: Path):
    found = reading(written(tmp_path, line('"dög"', event_id="é"), line('["cat"]')))
    assert [(item.label, item.event_id) for item in found.predictions] == [("dög", "é"), ("cat", "e")]


def test_times_without_a_zone_are_utc(tmp_path: Path):
    raw = dump({"endpointOutput": OUTPUT}, {"eventId": "e", "inferenceTime": "2026-11-20T12:00:00.900"})
    assert [item.time for item in reading(written(tmp_path, raw)).predictions] == [int(NOON.timestamp())]


@pytest.mark.parametrize("block_bytes", [1, 7, 64, 4096])
def test_where_blocks_end_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, block_bytes: int):
    lines = (b"\n", WHOLE, WHOLE[:40] + b"\n", line("[[0.5, 0.25, 0.25]]"), b"\xff\n", line("3"), WHOLE.rstrip())
    expected = reading(written(tmp_path, *lines))
    monkeypatch.setattr(blocks, "BLOCK_BYTES", block_bytes)
    monkeypatch.setattr(chunks, "CHUNK_BYTES", 3 * block_bytes)
    assert reading(written(tmp_path, *lines)) == expected


@pytest.mark.parametrize("block_bytes", [16, 200])
@pytest.mark.parametrize("excess", [0, 1, 500])
def test_only_lines_above_the_limit_are_too_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, block_bytes: int, excess: int
):
    limit = len(WHOLE) + 100
    monkeypatch.setattr(blocks, "MAX_LINE_BYTES", limit)
    monkeypatch.setattr(blocks, "BLOCK_BYTES", block_bytes)
    padded = WHOLE.rstrip() + b" " * (100 + excess) + b"\n"
    found = reading(written(tmp_path, WHOLE, padded, WHOLE, padded))
    assert found.unreadable == ({"too_long": 2} if excess else {})
    assert [item.line for item in found.predictions] == ([1, 3] if excess else [1, 2, 3, 4])


@given(
    sizes=st.lists(st.integers(1, 40), max_size=25),
    ended=st.booleans(),
    limits=st.tuples(st.integers(1, 12), st.integers(12, 30)),
)
def test_any_lines_come_whole_and_in_order_whatever_the_block(
    tmp_path_factory: pytest.TempPathFactory, sizes: list[int], ended: bool, limits: tuple[int, int]
):
    lines = [b"x" * (size - 1) + b"\n" for size in sizes]
    path = written(tmp_path_factory.getbasetemp(), b"".join(lines)[: None if ended else -1])
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(blocks, "BLOCK_BYTES", limits[0])
        patched.setattr(blocks, "MAX_LINE_BYTES", limits[1])
        found = list(blocks.read_blocks(path))
    texts = [(item.offset, item.text) for item in found if isinstance(item, blocks.Block)]
    long = [item.size_bytes for item in found if isinstance(item, blocks.LongLine)]
    kept = [raw for raw in path.read_bytes().splitlines(keepends=True) if len(raw) <= limits[1]]
    assert b"".join(text for _, text in texts).splitlines(keepends=True) == kept
    assert long == [len(raw) for raw in path.read_bytes().splitlines(keepends=True) if len(raw) > limits[1]]
    assert all(path.read_bytes()[offset : offset + len(text)] == text for offset, text in texts)


def test_labels_are_the_cards_and_then_whatever_was_answered(tmp_path: Path):
    path = written(tmp_path, line("[2, 9, -1]"), line('["go", "fly"]'), line("[0.1, 0.1, 0.1, 0.1, 0.6]"))
    assert [item.label for item in reading(path).predictions] == ["turn", "9", "-1", "go", "fly", "4"]


def test_classes_named_alike_share_a_label(tmp_path: Path):
    card = CARD.model_copy(update={"classes": ("same", "same")})
    assert {item.label for item in reading(written(tmp_path, line("[0, 1]")), card=card).predictions} == {"same"}


def test_without_a_card_classes_are_their_numbers(tmp_path: Path):
    card = CARD.model_copy(update={"classes": ()})
    assert [item.label for item in reading(written(tmp_path, WHOLE), card=card).predictions] == ["1"]


def test_a_batch_gives_rows_of_one_line(tmp_path: Path):
    path = written(tmp_path, line("[[0.9, 0.1], [0.2, 0.8]]", event_id="a", inferenceId="i"), line(event_id="b"))
    found = reading(path)
    assert [(item.line, item.event_id, item.inference_id) for item in found.predictions] == [
        (1, "a", "i"),
        (1, "a", "i"),
        (2, "b", None),
    ]
    assert found.records == 2
