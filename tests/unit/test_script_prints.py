"""What scripts print, in lines of the job's log, and no more of it than a log takes."""

import pytest

from monitor_jobs.record_scripts.prints import HELD_BYTES, Prints


def said(*printed, most_bytes=100_000):
    lines = []
    prints = Prints(lines.append, name="handler", most_bytes=most_bytes)
    for part in printed:
        prints.add(part)
    prints.end()
    return lines


@pytest.mark.parametrize(
    ("printed", "lines"),
    [
        ([], []),
        ([b"a\nb\n"], ["handler: a\n", "handler: b\n"]),
        ([b"half ", b"a line", b"\nrest"], ["handler: half a line\n", "handler: rest\n"]),
        (["é".encode()[:1], "é".encode()[1:] + b"\n"], ["handler: é\n"]),
        ([b"\xff\n\n"], ["handler: \ufffd\n", "handler: \n"]),
    ],
)
def test_every_line_is_said_whole_behind_the_name_of_its_handler(printed, lines):
    assert said(*printed) == lines


def test_a_line_without_end_is_said_in_pieces():
    lines = said(*[b"x" * 1000] * 30)
    assert sum(line.count("x") for line in lines) == 30_000
    assert max(map(len, lines)) < HELD_BYTES + 2000


def test_of_too_much_it_is_said_how_much_more_there_was():
    assert said(b"12345\n6789", b"abc", most_bytes=8) == [
        "handler: 12345\n",
        "handler: 67\n",
        "handler printed 5 bytes more, which are left out\n",
    ]
