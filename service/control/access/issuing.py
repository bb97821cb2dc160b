"""Keys made and kept: the one place where a secret is sealed, and an API key becomes a digest.

What lives here: new keys of a user, in the database. What does not: who may ask for one (identity), what keys look like
(core.keys).
"""

from dataclasses import dataclass
from datetime import datetime
from random import SystemRandom

from service.core.keys import ApiKey, KeyPair, digest_of, new_api_key, new_key_pair
from service.core.ports import Database, Sealer
from service.core.users import AccessKeyRecord, ApiKeyRecord


@dataclass(frozen=True, slots=True)
class Issuer:
    """Makes keys; what it returns holds the secret, which nothing shows again."""

    database: Database
    sealer: Sealer
    generator: SystemRandom

    def key_pair(self, user_name: str, now: datetime) -> tuple[KeyPair, AccessKeyRecord]:
        """A new access key of a user, and its row."""
        pair = new_key_pair(self.generator)
        return pair, self.keep_pair(pair, user_name, now)

    def api_key(
        self, user_name: str, now: datetime, *, expires_at: datetime | None = None
    ) -> tuple[ApiKey, ApiKeyRecord]:
        """A new API key of a user, and its row."""
        made = new_api_key(self.generator)
        return made, self.keep_api_key(made, user_name, now, expires_at=expires_at)

    def keep_pair(self, pair: KeyPair, user_name: str, now: datetime) -> AccessKeyRecord:
        """The row of a pair that is a user's from now on. Raises Conflict where its id is taken."""
        sealed = self.sealer.seal(pair.secret, key_id=pair.key_id)
        record = AccessKeyRecord(pair.key_id, user_name, now, sealed)
        self.database.access_keys.add(record)
        return record

    def keep_api_key(
        self, api_key: ApiKey, user_name: str, now: datetime, *, expires_at: datetime | None = None
    ) -> ApiKeyRecord:
        """The row of an API key that is a user's from now on. Raises Conflict where it is taken."""
        digest = digest_of(api_key.secret.reveal())
        record = ApiKeyRecord(api_key.key_id, user_name, now, digest, expires_at=expires_at)
        self.database.api_keys.add(record)
        return record
