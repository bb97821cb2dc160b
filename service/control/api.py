"""One of AWS's APIs as it is served here: what tells its requests, and the way from an operation to its answer.

What lives here: the table of an API, and the errors that a table may answer with. What does not: HTTP (protocol), the
operations themselves (sagemaker, logs, cloudwatch, identity).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from monitor_jobs.contract.errors import SextantError
from service.control.admission import require_shallow
from service.control.shapes import ApiModel, published_model, validate
from service.core.access import Principal

Json = dict[str, object]


class Guard(Protocol):
    """Decides whether a caller may do an operation: access.enforcement."""

    def require(self, operation: str, request: Mapping[str, Any], /) -> None:
        """Return where the caller may. Raises an ApiError that denies it."""
        ...


class Guarded(Protocol):
    """What an operation is handed besides its request; the guard stands before it."""

    @property
    def access(self) -> Guard: ...  # noqa: D102


ContextT = TypeVar("ContextT", bound=Guarded)
Table = Mapping[str, Callable[[Json, ContextT], Json]]


class ApiError(SextantError):
    """An answer whose code is the one that AWS gives; the query protocol has some by another name and status."""

    code = "ValidationException"
    status = 400
    query_code: str | None = None
    query_status = 400


class UnknownOperationException(ApiError):
    """An operation that is not served."""

    code = "UnknownOperationException"


@dataclass(frozen=True, slots=True)
class Refusal:
    """An answer that is no success: AWS's code, a sentence, an HTTP status; the query protocol's own where it has."""

    code: str
    message: str
    status: int = 400
    query_code: str | None = None
    query_status: int | None = None

    @property
    def fault(self) -> str:
        """Whose fault it is, in the query protocol's words."""
        return "Sender" if self.status < 500 else "Receiver"


@dataclass(frozen=True, slots=True)
class Api:
    """One API: botocore's name of it, what its requests carry, how an operation is answered.

    `target_prefix` stands in X-Amz-Target, None where the API speaks the query protocol only; `signing_name` in the
    scope of a signature. `codes` are the error codes of what operations raise, the most special error first.
    """

    service: str
    target_prefix: str | None
    signing_name: str
    operations: frozenset[str]
    call: Callable[[str, Json, Principal], Json]
    codes: Mapping[type[SextantError], str]

    @property
    def model(self) -> ApiModel:
        """The API as AWS publishes it."""
        return published_model(self.service)

    def refusal(self, error: SextantError) -> Refusal:
        """What an error is answered with."""
        if isinstance(error, ApiError):
            return refusal_of(error)
        return Refusal(
            next((code for kind, code in self.codes.items() if isinstance(error, kind)), ApiError.code), str(error)
        )


def refusal_of(error: ApiError) -> Refusal:
    """What an error that has its own code is answered with, by any API."""
    return Refusal(error.code, str(error), error.status, query_code=error.query_code, query_status=error.query_status)


def query_code(code: str, api: Api | None) -> str:
    """The code that the query protocol has for an error: some are published under another name than their shape."""
    if code == UnknownOperationException.code:
        return "InvalidAction"
    shape = {} if api is None else api.model.shapes.get(code, {})
    return str(shape.get("error", {}).get("code", code))


def call(operation: str, request: Json, context: ContextT, *, table: Table[ContextT], model: ApiModel) -> Json:
    """The answer of one operation. Raises what `fitting` does, and what the operation itself raises."""
    handler, fitted = fitting(operation, request, context, table=table, model=model)
    return handler(fitted, context)


def fitting(
    operation: str, request: Json, context: ContextT, *, table: Table[ContextT], model: ApiModel
) -> tuple[Callable[[Json, ContextT], Json], Json]:
    """The operation's function, and the request without nulls, which fits its published shape and which the caller may.

    Raises UnknownOperationException for an operation that is not in the table, BadInput where the request does not fit,
    and what denies it.
    """
    handler = table.get(operation)
    if handler is None:
        raise UnknownOperationException(f"{operation} is not served: served are {', '.join(sorted(table))}")
    require_shallow(request)
    shape = model.input_shape(operation)
    if shape is not None:
        validate(request, shape, model.shapes)
    fitted = without_nulls(request)
    context.access.require(f"{model.service}:{operation}", fitted)
    return handler, fitted


def without_nulls(request: Json) -> Json:
    """The request without the members that are null, at any depth: JSON takes them for ones that were not sent."""
    return {name: _without_nulls(value) for name, value in request.items() if value is not None}


def _without_nulls(value: object) -> object:
    if isinstance(value, dict):
        return without_nulls(value)
    return [_without_nulls(item) for item in value] if isinstance(value, list) else value
