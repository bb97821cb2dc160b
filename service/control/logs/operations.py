"""CloudWatch Logs' operations. Streams are never paged: SDKs ask for the next page without its token, for ever."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Final

from monitor_jobs.contract.errors import BadInput, NotFound, SextantError
from service.control import api
from service.control.access.enforcement import Access
from service.control.access.logs_and_metrics import group_of
from service.control.api import Api, Json, Table
from service.control.logs.filter_pattern import matcher
from service.control.logs.log_file import Event, LogFile, total_bytes
from service.control.logs.merging import Place, Span, merged
from service.control.logs.streams import LogFiles, Stream
from service.control.shapes import published_model
from service.core.access import Principal
from service.core.pagination import decode_token, encode_token

MOST_EVENTS: Final = 10_000
MOST_GROUPS: Final = 50
PAGE_BYTES: Final = 1_048_576  # of messages in one answer
SCAN_BYTES: Final = 16 * 2**20  # that one FilterLogEvents looks at before it answers with what it has found
SCAN_EVENTS: Final = 200_000  # likewise
FORWARD, BACKWARD = "f", "b"


@dataclass(frozen=True, slots=True)
class LogsContext:
    """What the caller may do and where, the files, and the moment of the request."""

    access: Access
    files: LogFiles
    now: datetime

    @property
    def now_ms(self) -> int:
        """The moment in milliseconds since 1970."""
        return int(self.now.timestamp() * 1000)

    def arn(self, group: str) -> str:
        """The ARN of a group."""
        return f"arn:aws:logs:{self.access.here.region}:{self.access.here.account}:log-group:{group}"


def describe_log_groups(request: Json, context: LogsContext) -> Json:
    """Groups by name, whose names begin with a prefix, or hold a pattern in any case."""
    prefix, pattern = str(request.get("logGroupNamePrefix", "")), str(request.get("logGroupNamePattern", ""))
    after = _place_of(request, 1)
    names = [
        name
        for name in context.files.groups()
        if name.startswith(prefix) and pattern.lower() in name.lower() and (after is None or name > str(after[0]))
    ]
    size = _integer(request, "limit", MOST_GROUPS)
    answer: Json = {"logGroups": [_group(name, context) for name in names[:size]]}
    if len(names) > size:
        answer["nextToken"] = encode_token((names[size - 1],))
    return answer


def describe_log_streams(request: Json, context: LogsContext) -> Json:
    """Streams that have an event, by name or by their last event; all of them where no limit is given."""
    prefix, by_name = str(request.get("logStreamNamePrefix", "")), request.get("orderBy") != "LastEventTime"
    if prefix and not by_name:
        raise BadInput("Cannot order by LastEventTime with a logStreamNamePrefix.")
    group = group_of(request)
    streams = [each for each in context.files.streams(group, prefix) if each.file.end(context.now_ms) > 0]
    if not by_name:
        streams.sort(key=lambda stream: stream.file.modified_at())
    if request.get("descending"):
        streams.reverse()
    rows = streams[: _integer(request, "limit", len(streams))]
    return {"logStreams": [_described(stream, group, context) for stream in rows]}


def get_log_events(request: Json, context: LogsContext) -> Json:
    """One page of one stream. The page after the last is empty and has the token that was sent, until more is logged.

    Without a token it is the last page, or the first one with `startFromHead`. AWS has the same limits: 10,000 events,
    1 MiB.
    """
    file = context.files.stream(group_of(request), str(request["logStreamName"])).file
    end = file.end(context.now_ms)
    low = file.first_at(_integer(request, "startTime", 0), end)
    high = file.first_at(_integer(request, "endTime", 0), end) if "endTime" in request else end
    direction, offset = _event_token(request, high)
    most = _integer(request, "limit", MOST_EVENTS)
    if direction == FORWARD:
        begin = min(max(low, offset), end)
        events = _first_events(file, begin, high, most)
    else:
        begin = min(high, offset)
        events = file.last_events(low, begin, most=most, most_bytes=PAGE_BYTES)
    first, last = (events[0].offset, events[-1].end) if events else (begin, begin)
    return {
        "events": [_event(event) for event in events],
        "nextForwardToken": f"{FORWARD}/{last:020}",
        "nextBackwardToken": f"{BACKWARD}/{first:020}",
    }


def filter_log_events(request: Json, context: LogsContext) -> Json:
    """Events of a group's streams that match a pattern, in order of time; an empty answer may have a next page."""
    if request.get("startFromHead") is False:
        raise BadInput("startFromHead=false is not served: events come in the order of their times")
    matches = matcher(str(request.get("filterPattern", "")))
    after = _place_of(request, 3)
    place = None if after is None else Place(int(str(after[0])), str(after[1]), int(str(after[2])))
    end = _integer(request, "endTime", 0) if "endTime" in request else None
    span = Span(place, _integer(request, "startTime", 0), end, context.now_ms)
    page = _Page(most=_integer(request, "limit", MOST_EVENTS))
    for place, event in merged(_streams_of(request, context), span):
        if matches(event.message):
            page.take(place, event)
        if page.is_full_after(event):
            return {**page.answer(), "nextToken": encode_token(tuple(place))}
    return page.answer()


def logs_api(new_context: Callable[[Principal], LogsContext]) -> Api:
    """CloudWatch Logs; each request gets a context of its caller and moment."""

    def answered(operation: str, request: Json, caller: Principal) -> Json:
        return api.call(operation, request, new_context(caller), table=OPERATIONS, model=published_model("logs"))

    codes: Mapping[type[SextantError], str] = {
        NotFound: "ResourceNotFoundException",
        SextantError: "InvalidParameterException",
    }
    return Api("logs", "Logs_20140328", "logs", frozenset(OPERATIONS), answered, codes)


OPERATIONS: Final[Table[LogsContext]] = {
    "DescribeLogGroups": describe_log_groups,
    "DescribeLogStreams": describe_log_streams,
    "GetLogEvents": get_log_events,
    "FilterLogEvents": filter_log_events,
}


class _Page:
    """What one FilterLogEvents answers, and what it has looked at."""

    def __init__(self, *, most: int) -> None:
        self._most = most
        self._events: list[Json] = []
        self._bytes = 0
        self._scanned_bytes = 0
        self._scanned_events = 0

    def take(self, place: Place, event: Event) -> None:
        """One more event that matches."""
        self._bytes += event.end - event.offset
        self._events.append({**_event(event), "logStreamName": place.stream, "eventId": _event_id(place)})

    def is_full_after(self, event: Event) -> bool:
        """True where this was the last event to be looked at for now."""
        self._scanned_bytes += event.end - event.offset
        self._scanned_events += 1
        if len(self._events) >= self._most or self._bytes >= PAGE_BYTES:
            return True
        return self._scanned_bytes >= SCAN_BYTES or self._scanned_events >= SCAN_EVENTS

    def answer(self) -> Json:
        return {"events": self._events, "searchedLogStreams": []}


def _first_events(file: LogFile, start: int, end: int, most: int) -> list[Event]:
    events: list[Event] = []
    size = 0
    for event in file.events(start, end):
        size += event.end - event.offset
        if events and size > PAGE_BYTES:
            break
        events.append(event)
        if len(events) == most:
            break
    return events


def _streams_of(request: Json, context: LogsContext) -> list[Stream]:
    group, names = group_of(request), request.get("logStreamNames")
    if isinstance(names, list):
        if "logStreamNamePrefix" in request:
            raise BadInput("logStreamNames and logStreamNamePrefix exclude each other: send one of them")
        return [context.files.stream(group, name) for name in dict.fromkeys(names)]
    return context.files.streams(group, str(request.get("logStreamNamePrefix", "")))


def _event_token(request: Json, end: int) -> tuple[str, int]:
    token = request.get("nextToken")
    if token is None:
        return (FORWARD, 0) if request.get("startFromHead") else (BACKWARD, end)
    direction, _, offset = str(token).partition("/")
    if direction not in (FORWARD, BACKWARD) or not (offset.isascii() and offset.isdigit() and len(offset) == 20):
        raise BadInput("The specified nextToken is invalid.")
    return direction, int(offset)


def _place_of(request: Json, cells: int) -> tuple[object, ...] | None:
    if "nextToken" not in request:
        return None
    place = decode_token(str(request["nextToken"]))
    if len(place) != cells or (cells == 3 and [type(cell) for cell in place] != [int, str, int]):
        raise BadInput("The specified nextToken is invalid.")
    return place


def _integer(request: Json, member: str, default: int) -> int:
    value = request.get(member)
    return value if isinstance(value, int) else default


def _event(event: Event) -> Json:
    return {"timestamp": event.timestamp, "message": event.message, "ingestionTime": event.timestamp}


def _event_id(place: Place) -> str:
    stream = int.from_bytes(sha256(place.stream.encode()).digest()[:8])
    return f"{place.timestamp:016}{stream:020}{place.offset:020}"


def _group(name: str, context: LogsContext) -> Json:
    streams = context.files.streams(name)
    return {
        "logGroupName": name,
        "creationTime": min((stream.file.started_at for stream in streams), default=0),
        "metricFilterCount": 0,
        "arn": f"{context.arn(name)}:*",
        "logGroupArn": context.arn(name),
        "logGroupClass": "STANDARD",
        "storedBytes": total_bytes(stream.file for stream in streams),
    }


def _described(stream: Stream, group: str, context: LogsContext) -> Json:
    file = stream.file
    end = file.end(context.now_ms)
    return {
        "logStreamName": stream.name,
        "creationTime": file.started_at,
        "firstEventTimestamp": next((event.timestamp for event in file.events(0, end)), file.started_at),
        "lastEventTimestamp": file.clock_at(end),
        "lastIngestionTime": file.modified_at(),
        "arn": f"{context.arn(group)}:log-stream:{stream.name}",
        "storedBytes": 0,  # as AWS has it for streams
    }
