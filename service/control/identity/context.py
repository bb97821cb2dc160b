"""What every operation of IAM's and STS's is handed besides its request, and the errors it may answer with."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from service.control.access.enforcement import Access
from service.control.access.issuing import Issuer
from service.control.api import ApiError, Json
from service.core.ports import Database
from service.core.records import Query
from service.core.users import UserRecord


class NoSuchEntity(ApiError):
    """A user, key or policy that is not there."""

    code = "NoSuchEntityException"
    query_status = 404


class EntityAlreadyExists(ApiError):
    """The name is taken."""

    code = "EntityAlreadyExistsException"
    query_status = 409


class DeleteConflict(ApiError):
    """A user that has keys or policies still."""

    code = "DeleteConflictException"
    query_status = 409


class ConcurrentModification(ApiError):
    """Somebody else changed the user at the same time."""

    code = "ConcurrentModificationException"
    query_status = 409


class LimitExceeded(ApiError):
    """One more than may be."""

    code = "LimitExceededException"
    query_status = 409


class MalformedPolicyDocument(ApiError):
    """A policy that says anything but which roles a user has for which endpoints."""

    code = "MalformedPolicyDocumentException"


class ServiceNotSupported(ApiError):
    """API keys are for this service only."""

    code = "ServiceNotSupportedException"
    query_status = 404


@dataclass(frozen=True, slots=True)
class IdentityContext:
    """What the caller may do and where, what makes keys, the moment of the request, and whom to tell of a change."""

    access: Access
    issuer: Issuer
    now: datetime
    changed: Callable[[], None]

    @property
    def database(self) -> Database:
        """The installation's database."""
        return self.access.here.database

    @property
    def account(self) -> str:
        """The account that ARNs name."""
        return self.access.here.account

    @property
    def caller(self) -> str:
        """The name of the user who calls."""
        return self.access.principal.user

    def arn(self, resource: str) -> str:
        """The ARN of a resource of IAM's, such as `user/ann`."""
        return f"arn:aws:iam::{self.account}:{resource}"

    def unique_id(self, prefix: str, *parts: object) -> str:
        """An id in the form of IAM's: the same for the same parts."""
        text = "/".join(map(str, (self.account, *parts)))
        return prefix + hashlib.sha256(text.encode()).hexdigest()[:17].upper()

    def user(self, request: Json) -> UserRecord:
        """The user that a request names, the caller where it names none. Raises NoSuchEntity."""
        name = str(request.get("UserName", self.caller))
        found = self.database.users.get(name)
        if found is None:
            raise NoSuchEntity(f"The user with name {name} cannot be found.")
        return found


def page(request: Json, *, by: str) -> Query:
    """The rows of one page, and one more, which tells that there are others; IAM's marker is the last row's key."""
    marker = request.get("Marker")
    after = None if marker is None else (str(marker), str(marker))
    return Query(order_by=by, limit=int(str(request.get("MaxItems", 100))) + 1, after=after)


def paged(rows: list[Json], member: str, query: Query, *, marker: str) -> Json:
    """The answer that has the rows of a page; `marker` is the member that is a row's key."""
    most = (query.limit or 1) - 1
    shown = rows[:most]
    if len(rows) <= most:
        return {member: shown, "IsTruncated": False}
    return {member: shown, "IsTruncated": True, "Marker": shown[-1][marker]}
