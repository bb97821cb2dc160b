"""Signatures that were used already: a mutating call is carried out once, whoever sends it again.

What lives here: the memory of them, as long as each is good. What does not: which calls mutate. Clients that try again
sign each attempt anew, as botocore does, and are not refused: docs/decisions/0016-signatures.md.
"""

import heapq
from datetime import datetime
from threading import Lock
from typing import Final

from service.core.signatures.errors import InvalidSignature, SignatureRefused
from service.core.signatures.reading import Signature

MOST_REMEMBERED: Final = 100_000  # about 30 MB; 300 calls a second for as long as a signature is good


class SignatureUsed(InvalidSignature):
    """The signature came before."""


class SignedBeforeStart(SignatureRefused):
    """Nobody remembers whether the signature came before; clients sign anew and try again."""

    status = 503
    code = query_code = "ServiceUnavailable"


class TooManySignatures(SignatureRefused):
    """No more can be remembered; clients try again later."""

    status = 400
    code, query_code = "ThrottlingException", "Throttling"


class UsedSignatures:
    """The verified signatures of mutating calls, each until it is good no more. Thread safe."""

    def __init__(self, started: datetime, *, most: int = MOST_REMEMBERED) -> None:
        self._started = started.replace(microsecond=0)  # signatures know no parts of a second
        self._most = most
        self._used: set[bytes] = set()
        self._by_end: list[tuple[datetime, bytes]] = []  # a heap
        self._lock = Lock()

    def __len__(self) -> int:
        return len(self._used)

    def use(self, signature: Signature, now: datetime) -> None:
        """Remember a verified signature. Raises SignatureUsed, SignedBeforeStart, TooManySignatures.

        What is full refuses, it does not forget: else whoever has a key of their own could make room for a replay.
        """
        if signature.signed_at < self._started:
            raise SignedBeforeStart(
                "The request was signed before this service started: sign it anew, by a right clock."
            )
        value = bytes.fromhex(signature.value.decode())
        with self._lock:
            self._forget_ended(now)
            if value in self._used:
                raise SignatureUsed("The signature was used already: sign every request anew.")
            if len(self._used) >= self._most:
                raise TooManySignatures("Rate exceeded: more changes are asked for than can be told apart; wait.")
            self._used.add(value)
            heapq.heappush(self._by_end, (signature.good_until, value))

    def _forget_ended(self, now: datetime) -> None:
        while self._by_end and self._by_end[0][0] < now:
            self._used.discard(heapq.heappop(self._by_end)[1])
