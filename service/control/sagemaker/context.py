"""What every operation is handed besides its request, and the errors it may answer with."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from monitor_jobs.object_store import ObjectStore
from service.control.api import ApiError, Json, UnknownOperationException
from service.core.names import Resource, arn
from service.core.ports import Database

__all__ = [
    "Context",
    "Handler",
    "Json",
    "ResourceInUse",
    "ResourceNotFound",
    "UnknownOperationException",
    "ValidationException",
]


@dataclass(frozen=True, slots=True)
class Context:
    """The database, the store, the moment of the request, and where this installation says it is."""

    database: Database
    store: ObjectStore
    now: datetime
    region: str
    account: str
    allowed_buckets: frozenset[str] = frozenset()  # any, where empty

    def arn(self, kind: Resource, name: str) -> str:
        """The ARN of a resource of this installation."""
        return arn(kind, name, region=self.region, account=self.account)


Handler = Callable[[Json, Context], Json]


class ValidationException(ApiError):
    """The request does not fit, or names a Model, EndpointConfig or Endpoint that is not there."""


class ResourceNotFound(ApiError):
    """A schedule, execution or job that is not there."""

    code = "ResourceNotFound"


class ResourceInUse(ApiError):
    """The name is taken, or the resource's state forbids this."""

    code = "ResourceInUse"
