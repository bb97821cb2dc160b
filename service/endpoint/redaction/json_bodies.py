"""JSON and JSON lines: values at paths, redacted.

The body is written anew from what was parsed, even where no path leads anywhere: of a name that is there twice, only
what was looked at remains.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

import orjson

from service.core.json_paths import Anywhere, Every, Step
from service.core.redaction import Action
from service.endpoint.redaction.values import Hash, redacted
from service.endpoint.redaction.withheld import Withheld, WithheldReason

Place = tuple[Any, str | int]  # a dict and a name in it, or a list and an index
Rules = Sequence[tuple[tuple[Step, ...], Action]]

MISSING: Final = object()


def redact_json(body: bytes, rules: Rules, hashed: Hash) -> bytes:
    """The body with every value at one of the paths redacted; values of JSON lines are redacted each by itself.

    Raises Withheld where it is neither JSON nor JSON lines.
    """
    try:
        return orjson.dumps(redact_value(orjson.loads(body), rules, hashed))
    except orjson.JSONDecodeError:
        return b"\n".join(_redacted_line(line, rules, hashed) for line in _lines(body))


def redact_value(value: Any, rules: Rules, hashed: Hash) -> Any:  # noqa: ANN401 -- any JSON value
    """The value with what the rules say; it is changed in place. A path that leads nowhere changes nothing."""
    for steps, action in rules:
        for container, name in list(_places(value, steps)):
            _replace(container, name, action, hashed)
    return value


def _lines(body: bytes) -> list[bytes]:
    lines = body.split(b"\n")
    if len(lines) == 1 or not any(map(bytes.strip, lines)):
        raise Withheld(WithheldReason.NOT_JSON)
    return lines


def _redacted_line(line: bytes, rules: Rules, hashed: Hash) -> bytes:
    if not line.strip():
        return b""
    try:
        return orjson.dumps(redact_value(orjson.loads(line), rules, hashed))
    except orjson.JSONDecodeError as error:
        raise Withheld(WithheldReason.NOT_JSON) from error


def _places(value: Any, steps: Sequence[Step]) -> Iterator[Place]:  # noqa: ANN401 -- any JSON value
    places: Iterable[Place] = _step(value, steps[0])
    for step in steps[1:]:
        places = [place for container, name in places for place in _step(container[name], step)]
    return iter(places)


def _step(value: Any, step: Step) -> Iterator[Place]:  # noqa: ANN401 -- any JSON value
    if isinstance(step, Anywhere):
        return _anywhere(value, step.name)
    if step is Every.EVERY:
        return ((value, name) for name in _names(value))
    if isinstance(step, int):
        fits = isinstance(value, list) and step < len(value)
    else:
        fits = isinstance(value, dict) and step in value
    return iter([(value, step)] if fits else [])


def _names(value: Any) -> Iterable[str | int]:  # noqa: ANN401 -- any JSON value
    return list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()


def _anywhere(value: Any, name: str) -> Iterator[Place]:  # noqa: ANN401 -- any JSON value
    """The inner ones first: by the time that one is redacted, those within it are."""
    found, pending = [], [value]
    while pending:
        each = pending.pop()
        if isinstance(each, dict):
            if name in each:
                found.append((each, name))
            pending += each.values()
        elif isinstance(each, list):
            pending += each
    return reversed(found)


def _replace(container: Any, name: str | int, action: Action, hashed: Hash) -> None:  # noqa: ANN401 -- dict or list
    if action is Action.DROP and isinstance(container, dict):
        container.pop(name, None)  # a path of two `..` may lead here twice
    else:
        container[name] = redacted(container[name], action, hashed)
