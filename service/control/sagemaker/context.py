"""What every operation is handed besides its request, and the errors it may answer with."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from monitor_jobs.object_store import ObjectStore
from service.control.access.enforcement import Access
from service.control.api import ApiError, Json, UnknownOperationException
from service.core.names import Resource
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
    """What the caller may do and where, the store, and the moment of the request."""

    access: Access
    store: ObjectStore
    now: datetime
    allowed_buckets: frozenset[str] = frozenset()  # any, where empty

    @property
    def database(self) -> Database:
        """The installation's database."""
        return self.access.here.database

    def arn(self, kind: Resource, name: str) -> str:
        """The ARN of a resource of this installation."""
        return self.access.here.arn(kind, name)


Handler = Callable[[Json, Context], Json]


class ValidationException(ApiError):
    """The request does not fit, or names a Model, EndpointConfig or Endpoint that is not there."""


class ResourceNotFound(ApiError):
    """A schedule, execution or job that is not there."""

    code = "ResourceNotFound"


class ResourceInUse(ApiError):
    """The name is taken, or the resource's state forbids this."""

    code = "ResourceInUse"
