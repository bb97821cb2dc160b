"""Events of many streams in the order of their times, from any place on, with few files open at once."""

import heapq
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from service.control.logs.log_file import CLOCKS_APART_MS, Event
from service.control.logs.streams import Stream


class Place(NamedTuple):
    """Where an event stands among all: by time, then stream, then byte."""

    timestamp: int
    stream: str
    offset: int


@dataclass(frozen=True, slots=True)
class Span:
    """The events that are asked for: those after a place, at times in [start, end) milliseconds; `now` is the time."""

    after: Place | None
    start: int
    end: int | None
    now: int

    def earliest(self, stream: str) -> int:
        """No event of a stream before this time is wanted."""
        if self.after is None:
            return self.start
        # At the same time, the streams before that one have been through.
        return max(self.start, self.after.timestamp + (1 if stream < self.after.stream else 0))

    def skipped(self, stream: str) -> int:
        """No event of a stream before this byte is wanted."""
        return self.after.offset if self.after is not None and stream == self.after.stream else 0


@dataclass(order=True, slots=True)
class _Next:
    place: Place
    event: Event
    following: Iterator[Event]


def merged(streams: Sequence[Stream], span: Span) -> Iterator[tuple[Place, Event]]:
    """Every wanted event and its place, in order. A stream is opened when its time has come, closed at its end."""
    waiting = sorted((each for each in streams if _may_hold(each, span)), key=_began, reverse=True)
    heap: list[_Next] = []
    while waiting or heap:
        while waiting and (not heap or _began(waiting[-1]) <= heap[0].place.timestamp):
            stream = waiting.pop()
            _push(heap, stream.name, _wanted(stream, span))
        if heap:
            first = heapq.heappop(heap)
            yield first.place, first.event
            _push(heap, first.place.stream, first.following)


def _push(heap: list[_Next], stream: str, events: Iterator[Event]) -> None:
    event = next(events, None)
    if event is not None:
        heapq.heappush(heap, _Next(Place(event.timestamp, stream, event.offset), event, events))


def _wanted(stream: Stream, span: Span) -> Iterator[Event]:
    file = stream.file
    end = file.end(span.now)
    start = max(file.first_at(span.earliest(stream.name), end), span.skipped(stream.name))
    for event in file.events(start, end):
        if span.end is not None and event.timestamp >= span.end:
            return
        if Place(event.timestamp, stream.name, event.offset) != span.after:
            yield event


def _may_hold(stream: Stream, span: Span) -> bool:
    latest = stream.file.modified_at() + CLOCKS_APART_MS
    return latest >= span.earliest(stream.name) and (span.end is None or _began(stream) < span.end)


def _began(stream: Stream) -> int:
    return stream.file.started_at
