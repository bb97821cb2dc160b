"""Known keys: whose key a request was signed or sent with, answered from memory.

What lives here: a picture of all users and keys, at most 5 s old. What does not: verifying a signature, making keys
(issuing), what users may do (core.access).
"""

import secrets
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from service.core.access import Principal
from service.core.keys import API_KEY_PATTERN, KeyStatus, digest_of, status_at
from service.core.ports import Database, Sealer
from service.core.records import Query
from service.core.secret import Secret, Unsealable
from service.core.users import AccessKeyRecord, ApiKeyRecord
from service.logs import EventLog

MOST_SECONDS: Final = 5.0  # for so long another process's revocation may go unseen
FRESH_SECONDS: Final = 2.0  # after that the next picture is taken, beside the requests that the last one still answers

log = EventLog(__name__)


@dataclass(frozen=True, slots=True)
class SigningKey:
    """What a signature is to be held against; nobody's, where the key is unknown, inactive or expired.

    There is a secret in any case: who verifies with it before asking whose it is takes as long for every key.
    """

    secret: Secret
    principal: Principal | None


@dataclass(frozen=True, slots=True)
class _Known:
    """One key as it was found; its times are compared at each use."""

    principal: Principal
    status: KeyStatus
    expires_at: datetime | None
    secret: Secret | None = None

    def owner(self, now: datetime) -> Principal | None:
        is_active = status_at(now, status=self.status, expires_at=self.expires_at) is KeyStatus.ACTIVE
        return self.principal if is_active else None


@dataclass(frozen=True, slots=True)
class _Picture:
    """All keys at one moment: access keys by id, API keys by digest."""

    taken_seconds: float
    access_keys: Mapping[str, _Known]
    api_keys: Mapping[str, _Known]


class KnownKeys:
    """Whose key is whose, with no SQL on the way of a request while requests come.

    A change is seen at once by the process that makes it (`forget`), by others within 5 s. Thread-safe.
    Proven by tests/unit/test_known_keys.py.
    """

    def __init__(
        self,
        database: Database,
        sealer: Sealer,
        *,
        clock: Callable[[], datetime],
        seconds: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = database
        self._sealer = sealer
        self._clock = clock
        self._seconds = seconds
        self._nobodys = Secret(secrets.token_urlsafe(30))
        self._picture: _Picture | None = None
        self._changing = threading.Lock()
        self._taking = threading.Lock()
        self._changes = 0
        self._unsealable: set[str] = set()
        self._beside = ThreadPoolExecutor(1, thread_name_prefix="known-keys")

    def signing_key(self, key_id: str) -> SigningKey:
        """What a signature that names this access key is to be held against, now."""
        known = self._now_known().access_keys.get(key_id)
        if known is None or known.secret is None:
            return SigningKey(self._nobodys, None)
        return SigningKey(known.secret, known.owner(self._clock()))

    def bearer(self, api_key: str) -> Principal | None:
        """Who may send this API key, now. Found by its digest, of which no one can choose a part by choosing a key."""
        if not API_KEY_PATTERN.fullmatch(api_key):
            return None
        return self.holder(digest_of(api_key))

    def holder(self, digest: str) -> Principal | None:
        """Who may send the API key of this digest, now."""
        known = self._now_known().api_keys.get(digest)
        return None if known is None else known.owner(self._clock())

    def forget(self) -> None:
        """Look again before the next answer: this process has changed users or keys."""
        with self._changing:
            self._changes += 1
            self._picture = None

    def close(self) -> None:
        """End the thread that looks ahead."""
        self._beside.shutdown(cancel_futures=True)

    def _now_known(self) -> _Picture:
        picture = self._picture
        age_seconds = MOST_SECONDS if picture is None else self._seconds() - picture.taken_seconds
        if picture is None or age_seconds >= MOST_SECONDS:
            return self._taken_if(older_than=picture)
        if age_seconds >= FRESH_SECONDS and not self._taking.locked():
            self._beside.submit(self._look_ahead, picture)
        return picture

    def _look_ahead(self, last: _Picture) -> None:
        try:
            self._taken_if(older_than=last)
        except Exception as error:  # noqa: BLE001 -- the last picture still serves, and the next request tries again
            log.warning("keys_not_read", error=type(error).__name__)

    def _taken_if(self, *, older_than: _Picture | None) -> _Picture:
        """The picture that another thread has taken meanwhile, or a new one."""
        with self._taking:
            present = self._picture
            if present is not None and present is not older_than:
                return present
            changes = self._changes
            taken = self._take()
            with self._changing:
                if changes == self._changes:
                    self._picture = taken
            return taken

    def _take(self) -> _Picture:
        seconds = self._seconds()  # before it is read: what is revoked meanwhile is revoked within 5 s from here
        users = {user.name: user for user in self._database.users.find(Query())}
        pairs, api_keys = self._database.access_keys.find(Query()), self._database.api_keys.find(Query())

        def known(key: AccessKeyRecord | ApiKeyRecord, secret: Secret | None) -> _Known:
            grants = users[key.user_name].grants
            return _Known(Principal(key.user_name, key.id, grants), key.status, key.expires_at, secret)

        return _Picture(
            seconds,
            {key.id: known(key, self._secret(key)) for key in pairs if key.user_name in users},
            {key.digest: known(key, None) for key in api_keys if key.user_name in users},
        )

    def _secret(self, key: AccessKeyRecord) -> Secret | None:
        try:
            return self._sealer.unseal(key.sealed_secret, key_id=key.id)
        except Unsealable as error:
            if key.id not in self._unsealable:
                log.error("secret_not_unsealed", key_id=key.id, error=str(error))
                self._unsealable.add(key.id)
            return None
