"""Sessions of browsers: what stands for an API key once somebody has logged in with it, and for how long.

What lives here: the life of a session. What does not: cookies and pages (console), whose a key is and whether it is
still in force (keys), which is asked at each use, so that a session ends with its key.
"""

import hmac
import re
import secrets
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final

from monitor_jobs.contract.errors import Conflict
from service.control.access.keys import KnownKeys
from service.core.access import Principal
from service.core.keys import digest_of
from service.core.ports import Database
from service.core.records import Query, SortOrder
from service.core.secret import Secret
from service.core.users import SessionRecord

LONGEST: Final = timedelta(hours=12)  # a working day, after which the key is asked for again
LONGEST_UNUSED: Final = timedelta(hours=1)
NOTED_EVERY: Final = timedelta(minutes=1)  # so that a page costs a write a minute, not one each
MOST_OF_A_KEY: Final = 20  # browsers at the same time; the one that was used longest ago makes room
ID_BYTES: Final = 32
ID_PATTERN: Final = re.compile(r"[A-Za-z0-9_-]{43}")
FORMS: Final = b"forms of this session"


@dataclass(frozen=True, slots=True)
class Session:
    """A browser's session: what its cookie holds, and who it is of, now."""

    id: Secret
    caller: Principal

    @property
    def token(self) -> str:
        """What every form of the session carries: a page of another site can send the cookie, but cannot know this.

        Derived from the id by HMAC-SHA256, so nothing more is kept, and the id does not follow from it.
        """
        return hmac.new(self.id.reveal().encode(), FORMS, sha256).hexdigest()

    def has_token(self, sent: str) -> bool:
        """True for the session's own token, compared in constant time."""
        return hmac.compare_digest(self.token.encode(), sent.encode())


class Sessions:
    """All sessions of an installation, in its database. Thread safe; proven by tests/unit/test_sessions.py."""

    def __init__(self, database: Database, known: KnownKeys, *, clock: Callable[[], datetime]) -> None:
        self._rows = database.sessions
        self._known = known
        self._clock = clock

    def begin(self, api_key: Secret, caller: Principal) -> Session:
        """A new session of a caller who has just shown this API key; its id was never sent by anybody before."""
        session = Session(Secret(secrets.token_urlsafe(ID_BYTES)), caller)
        now, key_digest = self._clock(), digest_of(api_key.reveal())
        self._make_room(key_digest, now)
        self._rows.add(SessionRecord(_digest(session.id.reveal()), key_digest, now, now))
        return session

    def find(self, session_id: str) -> Session | None:
        """The session that a cookie holds, None where it has ended, or its key is not in force as it was then."""
        row = self._row(session_id)
        caller = None if row is None else self._known.holder(row.key_digest)
        return None if caller is None else Session(Secret(session_id), caller)

    def use(self, session_id: str) -> None:
        """Let the session last for another hour from now."""
        row, now = self._row(session_id), self._clock()
        if row is not None and now - row.used_at >= NOTED_EVERY:
            with suppress(Conflict):  # used by another page, or ended, this moment
                self._rows.save(replace(row, used_at=now))

    def end(self, session_id: str) -> None:
        """End the session; nothing happens where there is none."""
        if ID_PATTERN.fullmatch(session_id):
            self._rows.remove(_digest(session_id))

    def _row(self, session_id: str) -> SessionRecord | None:
        row = self._rows.get(_digest(session_id)) if ID_PATTERN.fullmatch(session_id) else None
        return None if row is None or _has_ended(row, self._clock()) else row

    def _make_room(self, key_digest: str, now: datetime) -> None:
        """Forget sessions that have ended, and those of the key that are too many with one more."""
        for bounds in ({"created_at": now - LONGEST}, {"used_at": now - LONGEST_UNUSED}):
            for row in self._rows.find(Query(below=bounds)):
                self._rows.remove(row.id)
        newest_first = Query(equal={"key_digest": key_digest}, order_by="used_at", order=SortOrder.DESCENDING)
        for row in self._rows.find(newest_first)[MOST_OF_A_KEY - 1 :]:
            self._rows.remove(row.id)


def _has_ended(row: SessionRecord, now: datetime) -> bool:
    return now >= row.created_at + LONGEST or now >= row.used_at + LONGEST_UNUSED


def _digest(session_id: str) -> str:
    # As of API keys: 256 random bits are guessed neither with salt nor without.
    return sha256(session_id.encode()).hexdigest()
