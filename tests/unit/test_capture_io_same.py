"""The fast reader and the strict definition of lines and answers agree on everything."""

import math
import random
import tempfile
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor_jobs.capture_io import copy_lines_inside
from monitor_jobs.capture_io.answers import UnreadableAnswer, read_answer
from monitor_jobs.capture_io.lines import decode_line, refusal_of, time_of
from monitor_jobs.contract.capture import UnreadableReason
from monitor_jobs.contract.window import Window
from tests.unit.capture_io_files import CARD, HOUR, NOON, Prediction, Reading, line, reading, written

NUMBERS = st.one_of(
    st.floats(0, 1).map(repr),
    st.floats(allow_nan=False).map(repr),
    st.integers(-5, 10**30).map(str),
    st.sampled_from(
        ["-0", "-0.0", "1e400", "5e-324", "NaN", "1E5", "1.", ".5", "01", "0.1000000000000000055511151231"]
    ),
)
ROWS = st.lists(NUMBERS, min_size=2, max_size=4)
SPACES = st.sampled_from([",", ", ", " ,\\t"])


@st.composite
def texts(draw: st.DrawFn) -> str:
    separator = draw(SPACES)
    rows = [separator.join(row) for row in draw(st.lists(ROWS, min_size=1, max_size=3))]
    return draw(
        st.sampled_from(
            [
                f"[[{rows[0]}]]",
                f"[{rows[0]}]",
                f" [ [{rows[0]}] ] ",
                "[" + ",".join(f"[{row}]" for row in rows) + "]",
                rows[0],
                f"[{rows[0]}],[{rows[-1]}]",
                f"[{rows[0]}",
                f'{{"predictions": [[{rows[0]}]]}}',
                '["go"]',
                "3",
            ]
        )
    )


MINUTES = st.floats(-30, 90)
ENCODINGS = st.sampled_from(["JSON", "JSON", "JSON", "CSV", "BASE64", "XML"])
GOOD = st.floats(0, 1).map(lambda p: f"[[{p!r}, {1 - p!r}, 0.0]]")
LINES = st.builds(lambda text, encoding, minute: line(text, encoding=encoding, minute=minute),
                  texts() | GOOD, ENCODINGS, MINUTES)  # fmt: skip
ODD_LINES = st.sampled_from([b"\n", b"{}\n", b"\xff\xfe\n", b"\0\n", b'{"captureData"\n', b"[1]x\n", b"\xc3\n"])


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    raw = bytearray(draw(LINES))
    place = draw(st.integers(0, len(raw) - 1))
    raw[place : place + draw(st.integers(0, 3))] = draw(st.binary(max_size=2))
    return bytes(raw)


FILES = st.lists(LINES | LINES | ODD_LINES | damaged(), max_size=12).map(b"".join)


def strictly(content: bytes, window: Window | None = None) -> Reading:
    """What a file holds by the definitions of a line, of an answer and of a window alone."""
    whole = Reading([], 0, Counter())
    lines = [(number, raw) for number, raw in enumerate(content.split(b"\n"), 1) if raw.strip(b" \t\r\n")]
    for (number, raw), inside in zip(lines, places([raw for _, raw in lines], window), strict=True):
        try:
            rows = list(predictions_of(number, raw)) if inside else []
        except UnreadableAnswer as error:
            whole.unreadable[error.reason] += 1
        else:
            whole.predictions.extend(rows)
            whole = whole._replace(records=whole.records + inside)
    return whole


def predictions_of(number: int, raw: bytes) -> Iterator[Prediction]:
    try:
        record = decode_line(raw)
    except (ValueError, RecursionError):
        raise UnreadableAnswer(refusal_of(raw).reason) from None
    if time_of(raw) < 0:
        raise UnreadableAnswer(UnreadableReason.WRONG_SCHEMA)
    answer = read_answer(record.capture_data.endpoint_output)
    for answered, confidence in zip(answer.classes, np.float32(answer.confidences).tolist(), strict=True):
        label = answered if isinstance(answered, str) else CARD.class_name(answered)
        shown = -1 if math.isnan(confidence) else confidence
        yield Prediction(number, time_of(raw) // 10**6, label, shown, record.event_metadata.event_id, None)


def places(lines: list[bytes], window: Window | None) -> list[bool]:
    times = [time_of(raw) for raw in lines]
    if window is None or max(times, default=-1) < 0:
        return [True] * len(lines)
    start, end = (moment.timestamp() * 10**6 for moment in (window.start, window.end))
    last = next(start <= time < end for time in times if time >= 0)
    result = []
    for time in times:
        last = start <= time < end if time >= 0 else last
        result.append(last)
    return result


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


@settings(max_examples=400)
@given(content=FILES)
def test_any_file_reads_as_its_lines_do(folder: Path, content: bytes):
    assert reading(written(folder, content)) == strictly(content)


@settings(max_examples=200)
@given(content=FILES)
def test_any_file_is_cut_to_a_window_as_its_lines_are(folder: Path, content: bytes):
    assert reading(written(folder, content), HOUR) == strictly(content, HOUR)


@settings(max_examples=200)
@given(content=FILES)
def test_a_copied_window_reads_as_the_window_does(folder: Path, content: bytes):
    source, target = written(folder, content), folder / "copy.jsonl"
    copied = copy_lines_inside(source, target, HOUR)
    inside, copy = reading(source, HOUR), reading(target)
    assert (copy.records, copy.unreadable) == (inside.records, inside.unreadable)
    assert copied == inside.records + inside.unreadable.total()


@settings(max_examples=200)
@given(rows=st.lists(st.lists(st.floats(-50, 50, width=32), min_size=5, max_size=5), min_size=1, max_size=20))
def test_scores_keep_their_last_bit_in_any_company(folder: Path, rows: list[list[float]]):
    content = b"".join(line(f"[{row}]") for row in rows)
    assert reading(written(folder, content)) == strictly(content)


def test_a_large_mixture_reads_as_its_lines_do(tmp_path: Path):
    chance = random.Random(7)
    answers = ["[[0.1, 0.9]]", "[0.5, 0.5]", "[[0.2, 0.3, 0.5]]", "7", '"go"', "[0.1", "[NaN, 0.5]", "[[1, 0]]"]
    content = b"".join(line(chance.choice(answers), minute=chance.uniform(-30, 90)) for _ in range(6000))
    assert reading(written(tmp_path, content), HOUR) == strictly(content, HOUR)


def test_a_window_is_half_open(tmp_path: Path):
    path = written(tmp_path, *(line(minute=minute, event_id=str(minute)) for minute in (-1 / 60, 0, 59.999, 60)))
    assert [item.event_id for item in reading(path, HOUR).predictions] == ["0", "59.999"]


def test_a_bound_within_a_second_is_kept_exactly(tmp_path: Path):
    window = Window(NOON + timedelta(milliseconds=500), HOUR.end)
    times = [b"12:00:00.499999Z", b"12:00:00.500Z"]
    path = written(tmp_path, *(line().replace(b"12:00:00Z", time) for time in times))
    assert reading(path, window).records == 1
