"""Requests nobody meant: made from AWS's published shapes, and good ones with something wrong in them.

What lives here: the generator, the same for the same seed. What does not: sending them (campaign).
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass
from random import Random
from typing import Any, Final

import orjson

from service.control.sagemaker.operations import EXTENSION_SHAPES, OPERATIONS
from service.control.shapes import Shape, published_model
from tests.dialect.scenarios import ARN, SCENARIOS
from tests.sagemaker_requests import ROLE

NAMES: Final = ("signs", "spare", "busy", "hourly", "by-name", "resting", "quality", "used", "baseline", "done", "nope")
TEXTS: Final = (
    *NAMES,
    "",
    "a\n",
    "../../etc/passwd",
    "\0",
    "\ud800",
    "\u202e\u0661\U0001f6a6",
    "-",
    "a" * 64,
    "a" * 2000,
    "%s%n{0}${x}",
    "' OR 1=1; --",
    "default",
    "cron(0 * ? * * *)",
    "NOW",
    "-PT1H",
    "s3://bucket/key",
    "https://bucket/key",
    "/opt/ml/processing/input",
    ROLE,
    f"{ARN}:endpoint/signs",
    f"{ARN}:model/nope",
    "2026-11-20T12:00:00Z",
    "ml.m5.xlarge",
    "text/csv",
    "x-amz-json",
)
NUMBERS: Final = (
    0,
    1,
    -1,
    50,
    100,
    101,
    2**31,
    2**63 - 1,
    2**63,
    2**64,
    10**30,
    0.5,
    -0.0,
    1e308,
    float("nan"),
    float("inf"),
)
MOMENTS: Final = (
    0,
    1795176000,
    -1,
    1e300,
    "2026-11-20T12:00:00Z",
    "0001-01-01T00:00:00+14:00",
    "yesterday",
    1795176000.5,
)
LONGEST: Final = 200_000  # of characters or items; the longest texts make a body over its limit all the same
DEEP: Final = 250  # three times over is still what Python can write
FILLED_SHARE, BROKEN_SHARE, MOST_FAULTS = 0.3, 0.05, 3


@dataclass(frozen=True)
class FuzzedRequest:
    """One request: its operation, and the very bytes of its body."""

    operation: str
    body: bytes

    @property
    def members(self) -> dict[str, Any]:
        """What the body says, where it is a JSON object; else nothing."""
        try:
            parsed = orjson.loads(self.body)  # as the service reads it
        except ValueError:
            return {}
        return parsed if isinstance(parsed, dict) else {}


def fuzzed_requests(seed: int, count: int) -> Iterator[FuzzedRequest]:
    """So many requests, every operation of the table in its turn."""
    operations, chance = sorted(OPERATIONS), Random(seed)
    for number in range(count):
        yield _fuzzed(operations[number % len(operations)], number, chance)


def _fuzzed(operation: str, number: int, chance: Random) -> FuzzedRequest:
    request = renamed(deepcopy(dict(GOOD.get(operation, {}))), number)
    way = chance.randrange(5)
    if way == 0 or not request:
        request = Writer(chance).value(shape_name(operation), full=chance.random())
    elif way == 1:
        request |= odd_members(operation, chance)
    if way > 1:
        request = with_faults(request, chance)
    body = json.dumps(request).encode()
    return FuzzedRequest(operation, broken(body, chance) if chance.random() < BROKEN_SHARE else body)


def renamed(request: dict[str, Any], number: int) -> dict[str, Any]:
    """A creation under a name of its own, so that what it leaves behind can be told; anything else as it is."""
    return {name: f"fuzz-{number}" if value == "new" else value for name, value in request.items()}


def shape_name(operation: str) -> str:
    """The published shape of an operation's request."""
    return published_model("sagemaker").input_shape(operation) or operation


class Writer:
    """Values of a shape: mostly what fits it, now and then one of those that are always trouble."""

    def __init__(self, chance: Random) -> None:
        self._chance = chance

    def value(self, name: str, *, full: float) -> Any:
        """A value of a shape; `full` is the share of members that need not be there and are."""
        shape = SHAPES[name]
        return _MAKERS.get(shape["type"], Writer._text)(self, shape, full)

    def _structure(self, shape: Shape, full: float) -> Any:
        needed = set(shape.get("required", ()))
        members = shape["members"].items()
        kept = [(name, member) for name, member in members if name in needed or self._chance.random() < full * 0.5]
        return {name: self.value(member["shape"], full=full * 0.7) for name, member in kept}

    def _list(self, shape: Shape, full: float) -> Any:
        count = min(max(shape.get("min", 0), self._chance.randrange(3)), shape.get("max", 3))
        return [self.value(shape["member"]["shape"], full=full * 0.7) for _ in range(count)]

    def _map(self, shape: Shape, full: float) -> Any:
        keys = [self.value(shape["key"]["shape"], full=full) for _ in range(self._chance.randrange(3))]
        return {key: self.value(shape["value"]["shape"], full=full) for key in keys}

    def _text(self, shape: Shape, _full: float) -> Any:
        if "enum" in shape:
            return self._chance.choice(shape["enum"])
        fitting = _fitting(shape.get("pattern", ""), shape.get("min", 0), shape.get("max", 2000))
        return self._chance.choice(fitting or TEXTS)

    def _number(self, shape: Shape, _full: float) -> Any:
        lowest = shape.get("min", 0)
        return self._chance.randint(lowest, shape.get("max", lowest + 100))

    def _boolean(self, _shape: Shape, _full: float) -> Any:
        return self._chance.random() < FILLED_SHARE

    def _moment(self, _shape: Shape, _full: float) -> Any:
        return self._chance.choice(MOMENTS)


_MAKERS: Final[Mapping[str, Callable[[Writer, Shape, float], Any]]] = {
    "structure": Writer._structure,
    "list": Writer._list,
    "map": Writer._map,
    "integer": Writer._number,
    "long": Writer._number,
    "float": Writer._number,
    "double": Writer._number,
    "boolean": Writer._boolean,
    "timestamp": Writer._moment,
}
_FITTING: dict[tuple[str, int, int], tuple[str, ...]] = {}


def _fitting(pattern: str, shortest: int, longest: int) -> tuple[str, ...]:
    """The texts that a pattern takes, as far as Python reads it."""
    key = (pattern, shortest, longest)
    if key not in _FITTING:
        compiled = re.compile(re.sub(r"\\p\{\w+\}", r"\\w", pattern), re.DOTALL) if "$" not in pattern else None
        _FITTING[key] = tuple(
            text for text in TEXTS if shortest <= len(text) <= longest and (not compiled or compiled.fullmatch(text))
        )
    return _FITTING[key]


def with_faults(request: dict[str, Any], chance: Random) -> dict[str, Any]:
    """A request with none to three things wrong in it."""
    for _ in range(chance.randrange(MOST_FAULTS + 1)):
        places = list(_places(request))
        if places:
            holder, key = chance.choice(places)
            chance.choice(FAULTS)(holder, key, chance)
    return request


def odd_members(operation: str, chance: Random) -> dict[str, Any]:
    """Members that other operations take and this one does not; a shape lets those through that it does not know."""
    unknown = [name for name in ODD_MEMBERS if name not in SHAPES[shape_name(operation)]["members"]]
    values = (*NAMES, *NUMBERS, *TEXTS, {}, [None], {"Key": None})
    return {name: chance.choice(values) for name in chance.sample(unknown, min(len(unknown), MOST_FAULTS))}


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every holder and key inside a value."""
    keys = list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    for key in keys:
        yield value, key
        yield from _places(value[key])


def _replace(holder: Any, key: Any, chance: Random) -> None:
    holder[key] = chance.choice(({}, [], None, True, False, *NUMBERS, *TEXTS))


def _remove(holder: Any, key: Any, _chance: Random) -> None:
    del holder[key]


def _lengthen(holder: Any, key: Any, chance: Random) -> None:
    value = holder[key]
    if isinstance(value, (str, list)):
        holder[key] = value * min(chance.choice((2, 40, 3000)), LONGEST // max(len(value), 1))
    elif isinstance(value, (int, float)):
        holder[key] = value * chance.choice((-1, 1000, 10**18, 10**40))


def _spoil(holder: Any, key: Any, chance: Random) -> None:
    text = str(holder[key])[:100]
    holder[key] = chance.choice((f"{text}\n", f" {text}", f"{text}\0", text.swapcase(), f"{text}\ud83d", f"../{text}"))


def _bury(holder: Any, key: Any, chance: Random) -> None:
    value = holder[key]
    for _ in range(chance.choice((1, 60, DEEP))):
        value = [value] if chance.random() < 0.5 else {"Deeper": value}
    holder[key] = value


def _add(holder: Any, key: Any, chance: Random) -> None:
    if isinstance(holder, dict):
        holder[chance.choice(("NewerThanUs", "__class__", ""))] = chance.choice((*NUMBERS, *TEXTS, {}, [None]))
    else:
        holder.append(holder[key])


ODD_MEMBERS: Final = (
    *("NextToken", "MaxResults", "NameContains", "SortBy", "SortOrder", "StatusEquals", "Tags", "EndpointName"),
    *("CreationTimeAfter", "LastModifiedTimeBefore", "ScheduledTimeAfter", "MonitoringTypeEquals", "ScheduleName"),
)
FAULTS: Final = (_replace, _replace, _remove, _lengthen, _spoil, _bury, _add)
SHAPES: Final[Mapping[str, Shape]] = {**published_model("sagemaker").shapes, **EXTENSION_SHAPES}
# One good request of each operation, in the furnished world.
GOOD: Final[Mapping[str, Mapping[str, Any]]] = {
    **{scenario.operation: scenario.request for scenario in SCENARIOS},
    "DeleteProcessingJob": {"ProcessingJobName": "done"},
    "DescribeMonitoringExecution": {"MonitoringExecutionId": "execution-1"},
    "StartMonitoringExecution": {
        "MonitoringScheduleName": "hourly",
        "DataAnalysisStartTime": "2026-11-20T11:00:00Z",
        "DataAnalysisEndTime": 1795176000,
    },
}


def broken(body: bytes, chance: Random) -> bytes:
    """A body that is cut, spoilt, doubled, or something else altogether."""
    cut = chance.randrange(len(body))
    other = (
        b"",
        b"null",
        b"[]",
        b"{" * 2000,
        b"[" * 2000,
        b'{"a":' * 900 + b"1" + b"}" * 900,
        b"\xff\xfe{}",
        b'"text"',
    )
    return chance.choice((body[:cut], body[:cut] + bytes([chance.randrange(256)]) + body[cut:], body * 2, *other))
