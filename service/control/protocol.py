"""AWS's JSON 1.1 protocol: `POST /` with `X-Amz-Target: SageMaker.<Operation>`, errors as `__type` and `message`."""

import uuid
from collections.abc import Awaitable, Callable
from datetime import datetime

import orjson
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from monitor_jobs.contract.errors import BadInput, Conflict, NotFound, SextantError
from service.control.sagemaker.context import ApiError, Context, Json, ValidationException
from service.control.sagemaker.operations import call
from service.logs import EventLog

CONTENT_TYPE = "application/x-amz-json-1.1"
MAX_REQUEST_BYTES = 1_048_576
TARGET_HEADER = "x-amz-target"

log = EventLog(__name__)


def dispatcher(new_context: Callable[[], Context]) -> Callable[[Request], Awaitable[Response]]:
    """The HTTP route of the operation table; each request gets a context of its own moment."""

    async def dispatch(request: Request) -> Response:
        operation = request.headers.get(TARGET_HEADER, "").removeprefix("SageMaker.")
        try:
            body = parse_body(await read_body(request))
            answer = await run_in_threadpool(call, operation, body, new_context())
        except SextantError as error:
            return error_response(error)
        except Exception as error:  # noqa: BLE001 -- logged with its traceback
            log.error("operation_failed", operation=operation, cause=error)
            return _answer({"__type": "InternalFailure", "message": f"{operation} failed: see the control log"}, 500)
        return _answer(answer, 200)

    return dispatch


async def read_body(request: Request) -> bytes:
    """The request's body, at most 1 MiB. Raises ValidationException beyond that."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_REQUEST_BYTES:
            raise ValidationException(f"Request body is longer than {MAX_REQUEST_BYTES} bytes")
    return bytes(body)


def parse_body(body: bytes) -> Json:
    """The JSON object of a request; an empty body is an empty object. Raises ValidationException otherwise."""
    try:
        request = orjson.loads(body or b"{}")
    except orjson.JSONDecodeError as error:
        raise ValidationException(f"Request body is no JSON: {error}") from error
    if not isinstance(request, dict):
        raise ValidationException(f"Request body is a JSON {type(request).__name__}, not an object")
    return request


def error_response(error: SextantError) -> Response:
    """An error as botocore parses it; the header alone would be ignored on this protocol."""
    return _answer({"__type": _code(error), "message": str(error)}, 400)


def _code(error: SextantError) -> str:
    if isinstance(error, ApiError):
        return error.code
    codes: dict[type[SextantError], str] = {
        BadInput: "ValidationException",
        NotFound: "ResourceNotFound",
        Conflict: "ValidationException",
    }
    return next((code for kind, code in codes.items() if isinstance(error, kind)), "ValidationException")


def _answer(content: Json, status: int) -> Response:
    headers = {"x-amzn-RequestId": str(uuid.uuid4())}
    body = orjson.dumps(content, default=_on_the_wire, option=orjson.OPT_PASSTHROUGH_DATETIME)
    return Response(body, status, headers, CONTENT_TYPE)


def _on_the_wire(value: object) -> float:
    if isinstance(value, datetime):
        return value.timestamp()  # JSON 1.1 carries times as epoch seconds
    raise TypeError(f"{type(value).__name__} has no wire form")
