"""The runtime API's error table: which status, code and members an invocation that fails is answered with.

| code | status | when |
|---|---|---|
| ValidationError | 400 | an endpoint or target that is not there, not InService, a member or body that does not fit |
| ThrottlingException | 400 | a caller who asks too often; botocore tries again |
| ModelError | 424 | whatever the model answers beyond 2xx, answers over the limit, and no answer in time |
| ModelNotReadyException | 429 | the process was started again and still loads its model |
| InternalFailure | 500 | a failure of the gateway's own; its log tells |
| MissingAuthenticationTokenException and its like | 403 | no key, an unknown one, or a signature that is not its own |
| AccessDeniedException | 403 | the caller has no grant for the endpoint, be it there or not |
| ServiceUnavailable | 503 | the process cannot be reached, broke off, or one of both is busy: botocore tries again |

A packed body is a ValidationError of status 415.
InternalDependencyException (530) is never answered: nothing here depends on another service.
"""

from dataclasses import dataclass
from typing import Final

import orjson

from monitor_jobs.contract.errors import SextantError
from service.control.access.authentication import Throttled
from service.core.keys import without_api_keys

MESSAGE_MAX_CHARACTERS: Final = 1024
ERROR_HEADER: Final = b"x-amzn-errortype"
NO_STATUS: Final = 0  # AWS's OriginalStatusCode where the model gave no answer that has one


class InvocationError(SextantError):
    """An answer of the runtime API that is no success."""

    status = 500
    code = "InternalFailure"
    retry_after: str | None = None

    def members(self) -> dict[str, object]:
        """The answer's JSON; botocore reads either spelling of the message."""
        message = without_api_keys(str(self))
        return {"Message": message, "message": message}

    def body(self) -> bytes:
        """The answer's body as botocore parses it; the code goes in a header."""
        return orjson.dumps(self.members())


class Refused(InvocationError):
    """Whoever asks is not known, or may not."""

    def __init__(self, code: str, message: str, status: int) -> None:
        super().__init__(message)
        self.code, self.status = code, status


class ValidationError(InvocationError):
    """The request does not fit."""

    status, code = 400, "ValidationError"


class UnsupportedEncoding(ValidationError):
    """The body is packed."""

    status = 415


class ThrottlingException(InvocationError):
    """A caller asks too often."""

    status, code = 400, "ThrottlingException"

    def __init__(self, throttled: Throttled) -> None:
        super().__init__(str(throttled))
        self.retry_after = throttled.retry_after


class UnknownOperationException(InvocationError):
    """No operation of the runtime API."""

    status, code = 404, "UnknownOperationException"


class ModelNotReadyException(InvocationError):
    """The model is being loaded."""

    status, code = 429, "ModelNotReadyException"


class ServiceUnavailable(InvocationError):
    """The process does not answer; another attempt may be."""

    status, code = 503, "ServiceUnavailable"
    retry_after = "1"


@dataclass(frozen=True, slots=True)
class Origin:
    """What a model said instead of an answer, and where its log is."""

    status: int
    message: str
    log_stream_arn: str


class ModelError(InvocationError):
    """The model failed, or refused the request."""

    status, code = 424, "ModelError"

    def __init__(self, variant: str, origin: Origin) -> None:
        side = "client" if 400 <= origin.status < 500 else "server"
        super().__init__(f'Received {side} error ({origin.status}) from {variant} with message "{origin.message}".')
        self._origin = origin

    def members(self) -> dict[str, object]:
        """The message, and what the model said."""
        return {
            **super().members(),
            "OriginalStatusCode": self._origin.status,
            "OriginalMessage": self._origin.message,
            "LogStreamArn": self._origin.log_stream_arn,
        }
