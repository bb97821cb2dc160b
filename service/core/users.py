"""What the database keeps of users: one frozen record a user, one a key, one a browser that has logged in.

What lives here: rows, as those of core.records. What does not: secrets, API keys and ids of sessions themselves, which
no row holds.
"""

from dataclasses import dataclass, field
from datetime import datetime

from service.core.access import Grant, Role
from service.core.keys import KeyStatus


@dataclass(frozen=True, slots=True)
class UserRecord:
    """A user: the grants of each of its policies, by the policy's name, as `[{"role": ..., "endpoints": ...}]`."""

    name: str
    created_at: datetime
    policies: dict[str, list[dict[str, str]]] = field(default_factory=dict)
    version: int = 0

    @property
    def grants(self) -> tuple[Grant, ...]:
        """What the user may do, of all policies together."""
        rows = (row for policy in self.policies.values() for row in policy)
        return tuple(Grant(Role(row["role"]), row["endpoints"]) for row in rows)


@dataclass(frozen=True, slots=True)
class AccessKeyRecord:
    """An access key, which signs requests; `sealed_secret` opens only with the sealing key, for this id."""

    id: str
    user_name: str
    created_at: datetime
    sealed_secret: str
    status: KeyStatus = KeyStatus.ACTIVE
    expires_at: datetime | None = None
    version: int = 0


@dataclass(frozen=True, slots=True)
class ApiKeyRecord:
    """An API key, which plain requests carry; `digest` is its SHA-256, unique, and all that is kept of it."""

    id: str
    user_name: str
    created_at: datetime
    digest: str
    status: KeyStatus = KeyStatus.ACTIVE
    expires_at: datetime | None = None
    version: int = 0


@dataclass(frozen=True, slots=True)
class SessionRecord:
    """A browser that has logged in: `id` is the SHA-256 of what its cookie holds, `key_digest` that of its API key.

    Whose it is, and what that user may do, is never kept: the key says it at each use.
    """

    id: str
    key_digest: str
    created_at: datetime
    used_at: datetime
    version: int = 0
