"""A log file as events: times that never go back, pages in either direction, damaged and endless lines."""

import os
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.control.logs.log_file import BLOCK_BYTES, EVENT_BYTES, LogFile, first_own_time

BEGAN = 1_700_000_000_000
NOW = 4_000_000_000_000  # long after every file here was written
SECOND = 1000
DAMAGED = [b"\xff\xfe", b"caf\xc3", b"\x00", b"\xed\xa0\x80"]


def stamp(milliseconds):
    return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat(timespec="milliseconds").encode()


def log_file(folder, content, *, modified_at=NOW):
    path = folder / "log.txt"
    path.write_bytes(content)
    os.utime(path, (modified_at / 1000, modified_at / 1000))
    return LogFile(path, BEGAN)


def messages(events):
    return [event.message for event in events]


def everything(file):
    return list(file.events(0, file.end(NOW)))


def test_each_line_is_an_event_and_an_empty_line_is_none(tmp_path):
    assert messages(everything(log_file(tmp_path, b"one\n\ntwo\r\n\r\nthree\n"))) == ["one", "two", "three"]


@pytest.mark.parametrize("content", [None, b""])
def test_a_file_that_is_absent_or_empty_has_no_event(tmp_path, content):
    if content is not None:
        log_file(tmp_path, content)
    assert LogFile(tmp_path / "log.txt", BEGAN).end(NOW) == 0


def test_an_unfinished_line_counts_once_nothing_was_added_for_two_seconds(tmp_path):
    file = log_file(tmp_path, b"whole\npart", modified_at=NOW)
    assert (file.end(NOW + 1999), file.end(NOW + 2001)) == (6, 10)


def test_a_first_line_that_is_unfinished_is_no_event_yet(tmp_path):
    assert log_file(tmp_path, b"x" * 300_000, modified_at=NOW).end(NOW) == 0


@pytest.mark.parametrize(
    "line",
    [
        b'{"ts": "2026-11-26T22:19:21.500+00:00", "level": "INFO"}',
        b'{"time":"2026-11-26T22:19:21.500Z"}',
        b'{"timestamp": "2026-11-26T23:19:21.500+01:00"}',
        b"2026-11-26T22:19:21.500123456Z INFO ready",
        b"2026-11-26 22:19:21,500 INFO ready",
        b"2026-11-26 17:19:21.500-05:00",
    ],
)
def test_a_line_that_begins_with_a_time_has_that_time(tmp_path, line):
    (event,) = everything(log_file(tmp_path, line + b"\n"))
    assert event.timestamp == datetime(2026, 11, 26, 22, 19, 21, 500_000, UTC).timestamp() * 1000


@pytest.mark.parametrize(
    "line",
    [
        b"said at 2026-11-26T22:19:21Z",
        b"2026-99-26T22:19:21Z",
        b"9999-12-31T23:59:59Z",  # later than its file
        b"2001-01-01T00:00:00Z",  # earlier than its file
        b'{"level": "INFO", "ts": "2026-11-26T22:19:21Z"}',
        b"2026-11-26T22:19:21+99:99",
    ],
)
def test_any_other_line_has_the_time_at_which_the_file_was_begun(tmp_path, line):
    (event,) = everything(log_file(tmp_path, line + b"\n"))
    assert event.timestamp == BEGAN


def test_a_line_without_a_time_has_that_of_the_line_before(tmp_path):
    content = stamp(BEGAN + SECOND) + b" a\nb\n" + stamp(BEGAN + 5 * SECOND) + b" c\nd\n"
    times = [event.timestamp - BEGAN for event in everything(log_file(tmp_path, content))]
    assert times == [SECOND, SECOND, 5 * SECOND, 5 * SECOND]


def test_times_never_go_back_where_processes_write_one_log(tmp_path):
    content = b"".join(stamp(BEGAN + at) + b" x\n" for at in (9, 8, 10, 3))
    assert [event.timestamp - BEGAN for event in everything(log_file(tmp_path, content))] == [9, 9, 10, 10]


def test_the_first_time_of_a_file_is_found_behind_lines_without_one(tmp_path):
    file = log_file(tmp_path, b"starting\n" + stamp(BEGAN + 7) + b" up\n")
    assert first_own_time(file.path) == BEGAN + 7
    assert first_own_time(log_file(tmp_path, b"nothing\n").path) == 0


@pytest.mark.parametrize("damage", DAMAGED)
def test_bytes_that_are_no_utf8_are_replaced(tmp_path, damage):
    (event,) = everything(log_file(tmp_path, b"a" + damage + b"b\n"))
    assert event.message == (b"a" + damage + b"b").decode(errors="replace")


@pytest.mark.parametrize("shift", range(4))
def test_a_long_line_is_cut_at_the_size_of_an_event_between_characters(tmp_path, shift):
    line = "x" * shift + "\N{GRINNING FACE}" * 200_000
    events = everything(log_file(tmp_path, line.encode() + b"\nnext\n"))
    assert "".join(messages(events)[:-1]) == line
    assert max(event.end - event.offset for event in events) <= EVENT_BYTES
    assert messages(events)[-1] == "next"


def test_the_time_before_a_long_line_is_found_behind_it(tmp_path):
    content = stamp(BEGAN + SECOND) + b" a\n" + b"x" * (3 * EVENT_BYTES) + b"\nlast\n"
    file = log_file(tmp_path, content)
    assert file.clock_at(len(content)) == file.clock_at(len(content) - 5) == BEGAN + SECOND


LINES = st.lists(
    st.one_of(
        st.binary(max_size=40).map(lambda line: line.replace(b"\n", b"")),
        st.timedeltas(timedelta(0), timedelta(seconds=20)),  # a line that is said so much later than the one before
        st.sampled_from([0, EVENT_BYTES + 3, BLOCK_BYTES, BLOCK_BYTES - 1]),  # a line of so many letters
    ),
    max_size=12,
)


def whole(lines, tmp_path_factory):
    said_at, content = BEGAN, b""
    for line in lines:
        if isinstance(line, timedelta):
            said_at += line // timedelta(milliseconds=1)
            content += stamp(said_at) + b" said\n"
        else:
            content += (b"w" * line if isinstance(line, int) else line) + b"\n"
    return log_file(tmp_path_factory.mktemp("log"), content)


@settings(deadline=None, max_examples=40)
@given(lines=LINES)
def test_reading_from_any_event_on_gives_the_same_events(tmp_path_factory, lines):
    file = whole(lines, tmp_path_factory)
    events = everything(file)
    assert [event.timestamp for event in events] == sorted(event.timestamp for event in events)
    for number, event in enumerate(events):
        assert list(file.events(event.offset, file.end(NOW))) == events[number:]


@settings(deadline=None, max_examples=40)
@given(lines=LINES, most=st.integers(1, 5), most_bytes=st.sampled_from([1, 100, EVENT_BYTES]))
def test_pages_backward_give_every_event_once(tmp_path_factory, lines, most, most_bytes):
    file = whole(lines, tmp_path_factory)
    found, stop = [], file.end(NOW)
    while page := file.last_events(0, stop, most=most, most_bytes=most_bytes):
        assert len(page) <= most
        found, stop = page + found, page[0].offset
    assert found == everything(file)


@settings(deadline=None, max_examples=40)
@given(lines=LINES, seconds=st.integers(-1, 250))
def test_the_first_event_at_a_time_is_found_without_reading_all(tmp_path_factory, lines, seconds):
    file, moment = whole(lines, tmp_path_factory), BEGAN + seconds * SECOND
    wanted = next((event.offset for event in everything(file) if event.timestamp >= moment), file.end(NOW))
    assert file.first_at(moment, file.end(NOW)) == wanted


def test_a_time_in_a_big_file_is_found_by_halves(tmp_path):
    content = b"".join(stamp(BEGAN + number) + b" x\n" for number in range(50_000))
    file = log_file(tmp_path, content)
    (event, *_) = file.events(file.first_at(BEGAN + 31_234, file.end(NOW)), file.end(NOW))
    assert event.timestamp == BEGAN + 31_234
