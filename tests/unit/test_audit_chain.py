"""The audit log's chain: whatever is done to a line or to their order shows, and names the first line it shows in."""

import hashlib
import json
from datetime import UTC, datetime, timedelta
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.core.audit import START, Entry, Head, first_break, line_after, resource_of

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
TEXTS = st.text(max_size=12)
ENTRIES = st.builds(
    Entry,
    at=st.datetimes(timezones=st.just(UTC)),
    operation=TEXTS,
    status=st.integers(100, 599),
    error=st.none() | TEXTS,
    user=st.none() | TEXTS,
    key_id=st.none() | TEXTS,
    address=TEXTS,
    resource=st.dictionaries(TEXTS, TEXTS, max_size=2),
    count=st.integers(1, 10**9),
)


def chain(entries):
    head, lines = START, []
    for entry in entries:
        line, head = line_after(head, entry)
        lines.append(line)
    return lines, head


def broken(lines, head):
    return first_break(((str(number), line) for number, line in enumerate(lines, 1)), head)


def entry(number, **members):
    named = {"resource": {"ModelName": f"model-{number}"}, "user": "ada", "address": "127.0.0.1", **members}
    return Entry(NOON + timedelta(seconds=number), "sagemaker:CreateModel", 200, **named)


FIVE, HEAD = chain([entry(number) for number in range(5)])


@given(st.lists(ENTRIES, max_size=6))
def test_what_was_written_is_whole(entries):
    lines, head = chain(entries)
    assert broken(lines, head) is None
    assert all(line.endswith(b"\n") and line.count(b"\n") == 1 for line in lines)


def test_no_byte_can_be_changed():
    content = b"".join(FIVE)
    for position in range(len(content)):
        number = content[:position].count(b"\n") + 1
        for change in (1, 2, 32, 128, content[position] ^ ord("\n"), content[position] ^ ord(" ")):
            changed = bytearray(content)
            changed[position] ^= change
            if changed != content:
                found = broken(bytes(changed).splitlines(keepends=True), HEAD)
                assert found is not None, position
                assert found.place == str(number), (position, found)


@given(st.data())
def test_no_byte_can_be_added_or_removed(data):
    content = b"".join(FIVE)
    position = data.draw(st.integers(0, len(content)))
    added = content[:position] + bytes([data.draw(st.integers(0, 255))]) + content[position:]
    removed = content[:position] + content[position + 1 :]
    for changed in (added, removed):
        assert changed == content or broken(changed.splitlines(keepends=True), HEAD) is not None


@pytest.mark.parametrize("kept", [order for count in range(6) for order in permutations(range(5), count)])
def test_no_line_can_be_removed_or_moved(kept):
    found = broken([FIVE[index] for index in kept], HEAD)
    assert (found is None) == (kept == (0, 1, 2, 3, 4))


@pytest.mark.parametrize("index", range(5))
def test_no_line_can_be_repeated(index):
    for place in range(6):
        found = broken([*FIVE[:place], FIVE[index], *FIVE[place:]], HEAD)
        assert found is not None, place


@pytest.mark.parametrize("place", range(6))
def test_no_line_can_be_inserted_not_even_one_that_fits(place):
    before = Head(place, json.loads(FIVE[place - 1])["sha256"]) if place else START
    fitting, _ = line_after(before, entry(9))
    found = broken([*FIVE[:place], fitting, *FIVE[place:]], HEAD)
    assert found is not None
    assert int(found.place) in (place + 1, place + 2)


def test_a_rewritten_tail_is_found_by_the_head():
    head, lines = START, []
    for number in range(5):
        line, head = line_after(head, entry(number, user="mallory" if number == 3 else "ada"))
        lines.append(line)
    assert broken(lines, head) is None
    assert "the last one written" in str(broken(lines, HEAD))


def test_a_cut_off_end_says_how_many_lines_there_were():
    assert str(broken(FIVE[:3], HEAD)) == "3 is the last of 3 lines, and 5 were written"
    assert str(broken([], HEAD)) == "the log is the last of 0 lines, and 5 were written"
    assert broken(FIVE[:3], None) is None


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ([*FIVE[:2], FIVE[2].replace(b"ada", b"eve"), *FIVE[3:]], "3 was changed after it was written"),
        ([*FIVE[:2], *FIVE[3:]], "3 is line 4: 1 before it were removed or moved"),
        ([*FIVE[:3], FIVE[1], *FIVE[3:]], "4 is line 2, which comes a second time or behind a later one"),
        ([*FIVE, FIVE[4]], "6 stands behind line 5, which was the last one written"),
        ([*FIVE[:2], b"{}\n", *FIVE[2:]], "3 was changed after it was written"),
        ([*FIVE[:2], b"[" * 9999 + b"\n"], "3 is no line of an audit log"),
        ([*FIVE[:4], FIVE[4][:40]], "5 is no line of an audit log"),
    ],
)
def test_the_first_line_that_is_wrong_is_named(lines, words):
    assert str(broken(lines, HEAD)).startswith(words)


def test_hashes_without_a_chain_would_miss_what_was_removed():
    def whole(line):
        members = json.loads(line)
        told = members.pop("sha256")
        text = json.dumps(members, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest() == told

    assert all(map(whole, FIVE[1:]))
    assert broken(FIVE[1:], HEAD) is not None


def test_only_names_of_a_request_are_kept():
    request = {
        "ModelName": "signs",
        "ResourceArn": "arn:aws:sagemaker:us-east-1:1:model/signs",
        "PrimaryContainer": {"Environment": {"TOKEN": "secret"}},
        "SecretAccessKey": "secret",
        "Environment": "secret",
        "EndpointName": "e" * 300,
        "UserName": 5,
    }
    assert resource_of(request) == {
        "ModelName": "signs",
        "ResourceArn": "arn:aws:sagemaker:us-east-1:1:model/signs",
        "EndpointName": "e" * 256,
    }
