"""InvokeEndpoint: `POST /endpoints/{name}/invocations` forwarded to the endpoint's process, errors in AWS's table.

Follows the runtime API: 400 ValidationError for an unknown endpoint or a body over 6 MiB, 424 ModelError for whatever
the model answers beyond 2xx, 503 ServiceUnavailable where the process does not answer. Not here: capture (the
endpoint does it).

An endpoint's process may be replaced at any moment. An address is therefore used soon after it was read, while what is
there still answers (core.handover), and what could not be connected to is looked for once more: nothing was sent yet.
A request that may have reached a model is never sent again.
"""

import time
from typing import Final

import httpx
import orjson
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from service.core.deployment import MAX_BODY_BYTES
from service.core.handover import ADDRESS_SECONDS
from service.core.ports import Database
from service.core.records import EndpointRecord
from service.core.states import SERVING
from service.settings import Settings

FORWARDED_HEADERS: Final = (
    "content-type",
    "accept",
    "x-amzn-sagemaker-inference-id",
    "x-amzn-sagemaker-custom-attributes",
)
RETURNED_HEADERS: Final = ("content-type", "x-amzn-sagemaker-custom-attributes")
VARIANT_HEADER: Final = "x-amzn-invoked-production-variant"
MODEL_TIMEOUT = httpx.Timeout(connect=1.0, read=62.0, write=62.0, pool=62.0)


READS: Final = 3  # of a row that each time took too long to be acted on; then the last one serves


class InvocationError(Exception):
    """An answer of the runtime API that is no success."""

    def __init__(self, status: int, code: str, message: str, **members: object) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.members = {"Message": message, "message": message, **members}

    def response(self) -> Response:
        """The answer as botocore parses it: code in the header, text in the body."""
        headers = {"x-amzn-ErrorType": self.code}
        return Response(orjson.dumps(self.members), self.status, headers, "application/json")


class _NothingSentError(InvocationError):
    """No connection to the process could be made."""

    def __init__(self, error: httpx.HTTPError) -> None:
        super().__init__(503, "ServiceUnavailable", f"Endpoint process does not answer: {error!r}")


class Gateway:
    """Finds the process of an endpoint and forwards invocations to it."""

    def __init__(self, database: Database, client: httpx.AsyncClient, settings: Settings) -> None:
        self._database = database
        self._client = client
        self._account = settings.account
        self._log_group_arn = f"arn:aws:logs:{settings.region}:{settings.account}:log-group:/aws/sagemaker/Endpoints"

    async def invoke(self, request: Request) -> Response:
        """The model's answer, or an error of the runtime API."""
        try:
            return await self._invoke(request.path_params["name"], await _read(request), request)
        except InvocationError as error:
            return error.response()

    async def _invoke(self, name: str, body: bytes, request: Request) -> Response:
        variant = await self._fresh_variant(name)
        try:
            answer = await self._forward(variant["address"], body, request)
        except _NothingSentError:
            variant = await self._fresh_variant(name)
            answer = await self._forward(variant["address"], body, request)
        return self._checked(answer, variant["variant"], name)

    async def _fresh_variant(self, name: str) -> dict[str, str]:
        for _ in range(READS):
            asked_at = time.monotonic()
            variant = await run_in_threadpool(self._variant, name)
            if time.monotonic() - asked_at <= ADDRESS_SECONDS:
                break
        return variant

    def _variant(self, name: str) -> dict[str, str]:
        record = self._database.endpoints.get(name)
        if record is None:
            raise InvocationError(400, "ValidationError", f"Endpoint {name} of account {self._account} not found.")
        return _serving_variant(record)

    async def _forward(self, address: str, body: bytes, request: Request) -> httpx.Response:
        headers = {name: request.headers[name] for name in FORWARDED_HEADERS if name in request.headers}
        try:
            return await self._client.post(f"{address}/invocations", content=body, headers=headers)
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            raise _NothingSentError(error) from error
        except httpx.TimeoutException as error:
            raise InvocationError(424, "ModelError", f"Model did not answer in time: {error!r}") from error
        except httpx.HTTPError as error:
            raise InvocationError(503, "ServiceUnavailable", f"Endpoint process does not answer: {error!r}") from error

    def _checked(self, answer: httpx.Response, variant: str, name: str) -> Response:
        if answer.status_code == httpx.codes.SERVICE_UNAVAILABLE:
            raise InvocationError(503, "ServiceUnavailable", _message(answer))
        if not answer.is_success:
            side = "server" if answer.is_server_error else "client"
            raise InvocationError(
                424,
                "ModelError",
                f'Received {side} error ({answer.status_code}) from {variant} with message "{_message(answer)}".',
                OriginalStatusCode=answer.status_code,
                OriginalMessage=_message(answer),
                LogStreamArn=f"{self._log_group_arn}/{name}",
            )
        # The type goes as a header: as a media type, Starlette would add a charset to the model's own text types.
        kept = {name: answer.headers[name] for name in RETURNED_HEADERS if name in answer.headers}
        return Response(answer.content, answer.status_code, {VARIANT_HEADER: variant, **kept})


def _serving_variant(record: EndpointRecord) -> dict[str, str]:
    if record.status not in SERVING or not record.running:
        raise InvocationError(400, "ValidationError", f"Endpoint {record.name} is {record.status}, not InService.")
    return {"variant": record.running[0]["variant"], "address": record.running[0]["handle"]["address"]}


async def _read(request: Request) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            raise InvocationError(400, "ValidationError", f"Request body is longer than {MAX_BODY_BYTES} bytes.")
    return bytes(body)


def _message(answer: httpx.Response) -> str:
    return answer.text[:1024]
