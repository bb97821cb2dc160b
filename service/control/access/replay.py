"""Signatures that were used already: a change is made once, whoever sends its request again.

What lives here: the memory of them, as long as each is good. What does not: which operations change something.

botocore dates a signature by the second and leaves the headers out that number a call's attempts. A client that tries
again at once, or makes the same call again, then sends the same signature; it is told from one who merely sends the
same bytes by its attempt, and only while the client itself could have signed so: docs/decisions/0016-signatures.md.
"""

import heapq
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256
from threading import Lock
from typing import Final

from service.core.signatures.errors import InvalidSignature, SignatureRefused
from service.core.signatures.reading import Signature

MOST_REMEMBERED: Final = 100_000  # about 60 MB; 300 changes a second for as long as a signature is good
SAME_SECOND: Final = timedelta(seconds=2)  # the second of a client's clock, and a second on the way
LONGEST: Final = timedelta(minutes=15)


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


@dataclass(slots=True)
class _Use:
    first_at: datetime
    attempts: set[bytes] = field(default_factory=set)


class UsedSignatures:
    """The verified signatures of changes, each until it is good no more. Thread safe."""

    def __init__(self, started: datetime, *, most: int = MOST_REMEMBERED) -> None:
        self._started = started.replace(microsecond=0)  # signatures know no parts of a second
        self._most = most
        self._uses: dict[bytes, _Use] = {}
        self._by_end: list[tuple[datetime, bytes]] = []  # a heap
        self._remembered = 0
        self._lock = Lock()

    def __len__(self) -> int:
        return self._remembered

    def use(self, signature: Signature, now: datetime) -> None:
        """Remember that a verified signature is used for a change.

        Raises SignatureUsed, SignedBeforeStart, TooManySignatures: what is full refuses and does not forget, else
        whoever has a key of their own could make room for a replay. Proven by tests/unit/test_used_signatures.py.
        """
        if signature.signed_at < self._started:
            raise SignedBeforeStart("The request was signed before this service started: sign it anew.")
        if signature.good_until - now > LONGEST:
            raise InvalidSignature("A change may be presigned for at most 15 minutes: sign it for less.")
        value, attempt = signature.value, sha256(b"\n".join(signature.attempt or ())).digest()
        with self._lock:
            self._forget_ended(now)
            use = self._uses.get(value)
            if use is not None and (attempt in use.attempts or now - use.first_at > SAME_SECOND):
                raise SignatureUsed("The signature was used already: sign every request anew.")
            if self._remembered >= self._most:
                raise TooManySignatures("Rate exceeded: more changes were asked for than can be told apart: wait.")
            self._remember(value, attempt, signature.good_until, now)

    def _remember(self, value: bytes, attempt: bytes, good_until: datetime, now: datetime) -> None:
        if value not in self._uses:
            self._uses[value] = _Use(now)
            heapq.heappush(self._by_end, (good_until, value))
        self._uses[value].attempts.add(attempt)
        self._remembered += 1

    def _forget_ended(self, now: datetime) -> None:
        while self._by_end and self._by_end[0][0] < now:
            _, value = heapq.heappop(self._by_end)
            self._remembered -= len(self._uses.pop(value).attempts)
