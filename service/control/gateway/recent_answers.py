"""Answers of a moment ago, for callers who ask again because the answer did not reach them.

An AWS client sends one `amz-sdk-invocation-id` with every attempt of a call. Whether an answer arrived, a server never
learns: a connection may break when it was written and not yet read. The client then asks again, the model would answer
again, and the capture would hold one call twice. What lives here: the last answers by that id, for a bounded time and
in bounded memory, for the same user only. What does not: who that is (gate). A caller without such an id is never
answered from here.
"""

import re
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

KEPT_SECONDS: Final = 30.0  # clients wait for at most 20 s between attempts
KEPT_BYTES: Final = 32 * 2**20
INVOCATION_ID: Final = b"amz-sdk-invocation-id"
ATTEMPT: Final = b"amz-sdk-request"
_FIRST: Final = re.compile(rb"(^|;\s*)attempt=1(;|$)")


Key = tuple[str, str, bytes, int]


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a client, the same in all of its attempts."""

    user: str
    endpoint: str
    invocation_id: bytes
    body_bytes: int
    is_first_attempt: bool


@dataclass(frozen=True, slots=True)
class KeptAnswer:
    """A 2xx answer as it was sent."""

    status: int
    headers: list[tuple[bytes, bytes]]
    parts: Sequence[bytes]


class RecentAnswers:
    """The last answers, as many as there is memory for; the oldest go first."""

    def __init__(self, *, most_bytes: int = KEPT_BYTES, clock: Callable[[], float] = time.monotonic) -> None:
        self._most_bytes = most_bytes
        self._clock = clock
        self._answers: OrderedDict[Key, tuple[float, int, KeptAnswer]] = OrderedDict()
        self._bytes = 0

    def keep(self, call: Call, answer: KeptAnswer) -> None:
        """Keep the answer to a call."""
        self._forget(_key(call))
        size = sum(map(len, answer.parts))
        self._answers[_key(call)] = (self._clock(), size, answer)
        self._bytes += size
        self._forget_old()

    def find(self, call: Call) -> KeptAnswer | None:
        """The answer to an earlier attempt of the call; None at the first attempt, or where none is kept."""
        if call.is_first_attempt:
            return None
        self._forget_old()
        kept = self._answers.get(_key(call))
        return None if kept is None else kept[2]

    def _forget_old(self) -> None:
        expired = self._clock() - KEPT_SECONDS
        while self._answers:
            key, (kept_at, _, _) = next(iter(self._answers.items()))
            if kept_at >= expired and self._bytes <= self._most_bytes:
                return
            self._forget(key)

    def _forget(self, key: Key) -> None:
        kept = self._answers.pop(key, None)
        if kept is not None:
            self._bytes -= kept[1]


def call_of(user: str, endpoint: str, headers: Sequence[tuple[bytes, bytes]], body_bytes: int) -> Call | None:
    """The call that a request is an attempt of; None where its client does not number attempts."""
    given = dict(headers)
    if INVOCATION_ID not in given or ATTEMPT not in given:
        return None
    first = _FIRST.search(given[ATTEMPT]) is not None
    return Call(user, endpoint, given[INVOCATION_ID], body_bytes, first)


def _key(call: Call) -> Key:
    return call.user, call.endpoint, call.invocation_id, call.body_bytes
