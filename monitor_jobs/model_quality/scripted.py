"""Merged captures as a user's script answers them: its rows stand in the place of the endpoint's answer.

What lives here: lines to the script, and lines of what it made of them. What does not: the script's process
(monitor_jobs.record_scripts), what an attribute finds in its rows (attributes).
"""

import json
from collections import deque
from collections.abc import Iterator, Sequence
from typing import Any

from monitor_jobs.record_scripts import RecordScript, ScriptRow, shared_preprocessor


def scripted(lines: Iterator[bytes | None], script: RecordScript | None) -> Iterator[bytes | None]:
    """The lines with the rows of a script as their answers, in JSON; those that it leaves out are gone.

    What is no record is passed on as it is, not always in its place: its reason is told where lines are read. None, a
    line too long to hold, too. As they were where there is no script. Raises ScriptFailed.
    """
    return lines if script is None else _scripted(lines, script)


def _scripted(lines: Iterator[bytes | None], script: RecordScript) -> Iterator[bytes | None]:
    asked, others = deque[dict[str, Any]](), deque[bytes | None]()

    def records() -> Iterator[dict[str, Any]]:
        for line in lines:
            record = _record(line)
            if record is None:
                others.append(line)
            else:
                asked.append(record)
                yield record

    for rows in shared_preprocessor(script).rows_of_many(records()):
        record = asked.popleft()
        if rows:
            yield _answered(record, rows)
        while others:
            yield others.popleft()
    yield from others


def _record(line: bytes | None) -> dict[str, Any] | None:
    try:
        value = json.loads(line or b"")
    except (ValueError, RecursionError):
        return None
    is_record = isinstance(value, dict) and isinstance(value.get("captureData"), dict)
    return value if is_record and isinstance(value.get("eventMetadata"), dict) else None


def _answered(record: dict[str, Any], rows: Sequence[ScriptRow]) -> bytes:
    answer = {
        "observedContentType": "application/json",
        "mode": "OUTPUT",
        "encoding": "JSON",
        "data": json.dumps([dict(row) for row in rows]),
    }
    return json.dumps({**record, "captureData": {"endpointOutput": answer}}).encode()
