"""Users with a key pair each, in the database of an installation under test, and who tells them apart.

What does not live here: IAM's operations, by which users are made elsewhere (tests.contract.test_identity_clients).
"""

from datetime import UTC, datetime
from pathlib import Path
from random import SystemRandom

from service.adapters.database import SqlDatabase
from service.adapters.sealed_secrets import open_sealed_secrets
from service.control.access.authentication import Authenticator
from service.control.access.issuing import Issuer
from service.control.access.keys import KnownKeys
from service.control.access.rate_limits import RateLimits
from service.control.access.replay import UsedSignatures
from service.core.access import Grant
from service.core.users import UserRecord
from service.first_key import secrets_folder
from service.settings import Settings
from tests.aws_clients import Signed

UNLIMITED = Settings(requests_per_second_per_address=0, requests_per_second_per_key=0, failed_keys_per_minute=0)


def now() -> datetime:
    return datetime.now(UTC)


class People:
    """Users of one installation; what is made of its folder ends by `close`."""

    def __init__(self, folder: Path, database: SqlDatabase) -> None:
        self._database = database
        self.issuer = Issuer(database, open_sealed_secrets(secrets_folder(folder)), SystemRandom())
        self.known = KnownKeys(database, self.issuer.sealer, clock=now)
        self.authenticator = Authenticator(self.known, UsedSignatures(now()), RateLimits(UNLIMITED), clock=now)

    def add(self, name: str, *grants: Grant) -> Signed:
        """What signs as a new user who has these grants."""
        rows = [{"role": grant.role.value, "endpoints": grant.endpoints} for grant in grants]
        self._database.users.add(UserRecord(name, now(), {"grants": rows}))
        pair, _ = self.issuer.key_pair(name, now())
        self.known.forget()
        return Signed(pair.key_id, pair.secret.reveal())

    def api_key(self, name: str) -> str:
        """A new API key of a user."""
        made, _ = self.issuer.api_key(name, now())
        self.known.forget()
        return made.secret.reveal()

    def close(self) -> None:
        """End what looks ahead."""
        self.known.close()
