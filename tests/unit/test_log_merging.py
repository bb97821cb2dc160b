"""Events of many logs in the order of their times, resumed anywhere."""

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.control.logs.log_file import LogFile
from service.control.logs.merging import Place, Span, merged
from service.control.logs.streams import Stream
from tests.unit.test_log_file import BEGAN, NOW, log_file, stamp


def streams(folder, logs):
    """A stream for each list of times, in milliseconds after BEGAN; None is a line without a time."""
    found = []
    for number, times in enumerate(logs):
        below = folder / str(number)
        below.mkdir()
        content = b"".join(b"untold\n" if at is None else stamp(BEGAN + at) + b" told\n" for at in times)
        found.append(Stream(f"s{number}", log_file(below, content)))
    return found


def places(found, **wanted):
    span = Span(**{"after": None, "start": 0, "end": None, "now": NOW, **wanted})
    return [place for place, _ in merged(found, span)]


def test_streams_are_woven_by_time_and_at_the_same_time_by_name(tmp_path):
    found = places(streams(tmp_path, [[1, 5, 9], [2, 5], []]))
    assert [(place.timestamp - BEGAN, place.stream) for place in found] == [
        (1, "s0"),
        (2, "s1"),
        (5, "s0"),
        (5, "s1"),
        (9, "s0"),
    ]


@pytest.mark.parametrize(("start", "end", "times"), [(2, 5, [2, 3]), (0, 1, []), (6, None, []), (3, 3, [])])
def test_the_start_is_wanted_and_the_end_is_not(tmp_path, start, end, times):
    found = streams(tmp_path, [[1, 3, 5], [2]])
    bounds = {"start": BEGAN + start, "end": None if end is None else BEGAN + end}
    assert [place.timestamp - BEGAN for place in places(found, **bounds)] == times


def ordered(times):
    told = iter(sorted(at for at in times if at is not None))
    return [None if at is None else next(told) for at in times]


@settings(deadline=None, max_examples=40)
@given(logs=st.lists(st.lists(st.none() | st.integers(0, 6), max_size=6).map(ordered), max_size=4))
def test_a_reader_that_stops_anywhere_goes_on_with_the_next_event(tmp_path_factory, logs):
    found = streams(tmp_path_factory.mktemp("logs"), logs)
    everything = places(found)
    assert everything == sorted(everything)
    assert len(everything) == sum(map(len, logs))
    for number, place in enumerate(everything, start=1):
        assert places(found, after=place) == everything[number:]


def test_a_log_that_ended_before_is_not_even_opened(tmp_path):
    (old,) = streams(tmp_path, [[1]])
    ended = log_file(tmp_path, b"x\n", modified_at=BEGAN + 5000)
    ended.path.chmod(0)
    late = Stream("late", LogFile(ended.path, BEGAN))
    assert places([old, late], start=BEGAN + 60_000, end=None) == []


def test_a_log_is_opened_when_its_time_has_come(tmp_path):
    first, second = streams(tmp_path, [[1, 2, 3], [4]])
    later = Stream("later", LogFile(second.file.path, BEGAN + 3))
    reading = merged([first, later], Span(after=None, start=0, end=None, now=NOW))
    taken = [place for place, _ in itertools.islice(reading, 2)]
    second.file.path.write_bytes(b"")  # what was not opened yet is not missed
    assert taken == [Place(BEGAN + 1, "s0", 0), Place(BEGAN + 2, "s0", taken[1].offset)]
    assert [place.stream for place, _ in reading] == ["s0"]
