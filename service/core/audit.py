"""The audit log's chain: what a line says, how lines hang together, and where a chain is broken.

What lives here: pure functions over bytes. What does not: files, locks, clocks (service.audit), and which calls leave a
line (service.control).

A line is a JSON object in canonical form: sorted members, no spaces, ASCII. It names the hash of the line before, and
carries the SHA-256 of itself without that member; so no byte of it, and no line, can be other than it was written
without the next one showing it. The last line is shown by the head, which is kept elsewhere.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from service.core.keys import without_api_keys

RESOURCE_SUFFIXES: Final = ("Name", "Names", "Arn", "Id")
RESOURCE_MAX_CHARACTERS: Final = 256
SHA256: Final = "sha256"


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that was done or refused: when, by whom, from where, what, on what, and how it ended.

    `user` and `key_id` are None where nobody was told. `error` is the code of the answer, None for a success. `count`
    is how many alike one line stands for.
    """

    at: datetime
    operation: str
    status: int
    error: str | None = None
    user: str | None = None
    key_id: str | None = None
    address: str = ""
    resource: Mapping[str, str] = field(default_factory=dict)
    request_id: str = ""
    count: int = 1


@dataclass(frozen=True, slots=True)
class Head:
    """The number and hash of a chain's last line."""

    sequence: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Break:
    """Where a chain is broken, and how."""

    place: str
    reason: str

    def __str__(self) -> str:
        return f"{self.place} {self.reason}"


START: Final = Head(0, "0" * 64)


def line_after(head: Head, entry: Entry) -> tuple[bytes, Head]:
    """The line of an entry behind a chain's head, with its newline, and the head that it makes."""
    members = {
        "sequence": head.sequence + 1,
        "time": entry.at.astimezone(UTC).isoformat(timespec="microseconds"),
        "user": entry.user,
        "key_id": entry.key_id,
        "from": entry.address,
        "operation": entry.operation,
        "resource": dict(entry.resource),
        "status": entry.status,
        "error": entry.error,
        "count": entry.count,
        "request_id": entry.request_id,
        "previous": head.sha256,
    }
    return _sealed(members), Head(head.sequence + 1, _hash_of(members))


def first_break(lines: Iterable[tuple[str, bytes]], head: Head | None) -> Break | None:
    """The first line that is not as it was written; None where all are and the last one is the head's.

    Lines come with their newlines and with what to call each. Without a head, a cut-off end cannot be told.
    Every change of a byte, removal, swap, repetition and insertion is found: tests/unit/test_audit_chain.py.
    """
    at, last = START, "the log"
    for place, line in lines:
        if at == head:
            return Break(place, f"stands behind line {at.sequence}, which was the last one written")
        if reason := _why_broken(line, at):
            return Break(place, reason)
        at, last = Head(at.sequence + 1, str(json.loads(line)[SHA256])), place
    if head is None or at == head:
        return None
    if at.sequence < head.sequence:
        return Break(last, f"is the last of {at.sequence} lines, and {head.sequence} were written")
    return Break(last, f"is line {at.sequence}, and the last one written was line {head.sequence}")


def resource_of(request: Mapping[str, object]) -> dict[str, str]:
    """What a request names: its members that are names, ARNs or ids. Nothing else of a request goes into a log."""
    named = ((name, value) for name, value in request.items() if name.endswith(RESOURCE_SUFFIXES))
    return {name: without_api_keys(value)[:RESOURCE_MAX_CHARACTERS] for name, value in named if isinstance(value, str)}


def _why_broken(line: bytes, before: Head) -> str:
    members = _members(line)
    if members is None:
        return "is no line of an audit log: it was changed, or written by another program"
    sequence, previous = members.get("sequence"), members.get("previous")
    if _sealed({name: value for name, value in members.items() if name != SHA256}) != line:
        return "was changed after it was written"
    if type(sequence) is not int:
        return "has no number"
    if sequence > before.sequence + 1:
        return f"is line {sequence}: {sequence - before.sequence - 1} before it were removed or moved"
    if sequence <= before.sequence:
        return f"is line {sequence}, which comes a second time or behind a later one"
    return "" if previous == before.sha256 else f"does not follow the line {before.sequence} that stands before it"


def _members(line: bytes) -> dict[str, Any] | None:
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _sealed(members: dict[str, Any]) -> bytes:
    return _canonical({**members, SHA256: _hash_of(members)}) + b"\n"


def _hash_of(members: dict[str, Any]) -> str:
    return hashlib.sha256(_canonical(members)).hexdigest()


def _canonical(members: dict[str, Any]) -> bytes:
    return json.dumps(members, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode()
