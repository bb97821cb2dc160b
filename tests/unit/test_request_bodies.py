"""Bodies are read within two bounds: their route's, and that of the process."""

import asyncio

import pytest

from service.request_bodies import BodyTooLong, CallerGone, RequestBodies, TooManyBodies

LIMIT = 10


def read(room, *parts, declared=None, cut=False):
    """The body that comes in these parts."""
    messages = [{"type": "http.request", "body": part, "more_body": True} for part in parts]
    if cut:
        messages.append({"type": "http.disconnect"})
    else:
        messages.append({"type": "http.request", "body": b"", "more_body": False})

    async def receive():
        return messages.pop(0)

    headers = [] if declared is None else [(b"content-length", str(declared).encode())]
    return asyncio.run(room.read({"headers": headers}, receive, limit=LIMIT))


def test_a_body_comes_in_parts():
    bodies = RequestBodies(longest=LIMIT)
    with bodies.room() as room:
        assert read(room, b"one", b"", b"two") == b"onetwo"
        assert bodies.held_bytes == 6
    assert bodies.held_bytes == 0


def test_a_declared_length_over_the_limit_is_refused_before_a_byte_is_read():
    with RequestBodies(longest=LIMIT).room() as room, pytest.raises(BodyTooLong, match="longer than 10 bytes"):
        read(room, declared=LIMIT + 1)


@pytest.mark.parametrize("declared", [None, LIMIT])
def test_a_body_over_the_limit_is_refused_whatever_was_declared(declared):
    bodies = RequestBodies(longest=LIMIT)
    with bodies.room() as room, pytest.raises(BodyTooLong):
        read(room, b"x" * LIMIT, b"x", declared=declared)
    assert bodies.held_bytes == 0


def test_a_caller_who_hangs_up_leaves_its_room():
    bodies = RequestBodies(longest=LIMIT)
    with bodies.room() as room, pytest.raises(CallerGone):
        read(room, b"x", cut=True)
    assert bodies.held_bytes == 0


def test_bodies_together_are_bounded_and_room_comes_back():
    bodies = RequestBodies(longest=LIMIT, most_bytes=25)
    with bodies.room() as first, bodies.room() as second:
        read(first, b"x" * LIMIT)
        read(second, b"x" * LIMIT)
        with bodies.room() as third, pytest.raises(TooManyBodies, match="more than 25 bytes wait here"):
            read(third, b"x" * LIMIT)
        with bodies.room() as fourth:
            assert read(fourth, b"small") == b"small"
    with bodies.room() as room:
        assert read(room, b"x" * LIMIT) == b"x" * LIMIT


def test_two_of_the_longest_bodies_always_have_room():
    bodies = RequestBodies(longest=LIMIT, most_bytes=1)
    with bodies.room() as first, bodies.room() as second:
        assert len(read(first, b"x" * LIMIT)) == len(read(second, b"x" * LIMIT)) == LIMIT
