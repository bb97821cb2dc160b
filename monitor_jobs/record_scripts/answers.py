"""What a script's child answers, checked: it may have written anything.

What lives here: one answer to rows, or to an error that says of which record. What does not: reading it (process).
"""

from collections.abc import Mapping
from typing import TypeAlias

import msgspec

from monitor_jobs.contract.errors import BadInput

Scalar: TypeAlias = str | int | float | bool | None
ScriptRow: TypeAlias = Mapping[str, Scalar]


class ScriptFailed(BadInput):
    """A user's script raised, returned nonsense, took too much, or ended."""


class Answer(msgspec.Struct, forbid_unknown_fields=True):
    """One line of a child: rows, or what went wrong."""

    rows: list[dict[str, Scalar]] = []
    error: str | None = None


_decode = msgspec.json.Decoder(Answer).decode


def rows_in(handler: str, place: str, reply: bytes) -> list[dict[str, Scalar]]:
    """The rows of an answer. Raises ScriptFailed with the script's own words, or where it is no answer at all."""
    try:
        answer = _decode(reply)
    except (msgspec.DecodeError, RecursionError) as error:
        raise ScriptFailed(f"{handler} wrote {reply[:80]!r} in place of an answer {place}: {error}") from error
    if answer.error is not None:
        raise ScriptFailed(f"{handler} failed {place}: {answer.error}; the job's log has its traceback")
    return answer.rows
