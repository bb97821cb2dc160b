"""AWS's JSON protocols 1.0 and 1.1: `X-Amz-Target: <prefix>.<Operation>`, errors as `__type` and `message`.

An API that once spoke the query protocol keeps the error codes of that time in a header, which clients prefer.
"""

import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

import orjson
from starlette.responses import Response

from monitor_jobs.contract.errors import BadInput
from service.control.api import Api, Json, Refusal, UnknownOperationException, query_code
from service.core.keys import without_api_keys

TARGET_HEADER: Final = "x-amz-target"
QUERY_ERROR_HEADER: Final = "x-amzn-query-error"
NEWEST_VERSION: Final = "1.1"


class JsonProtocol:
    """The port protocol.WireProtocol over APIs that have a target prefix."""

    def __init__(self, apis: Sequence[Api]) -> None:
        self._apis = {api.target_prefix: api for api in apis if api.target_prefix is not None}

    def target(self, headers: Mapping[str, str], body: bytes, scope: str | None) -> tuple[Api, str]:  # noqa: ARG002
        """See protocol.WireProtocol."""
        target = headers.get(TARGET_HEADER, "")
        prefix, _, operation = target.partition(".")
        api = self._apis.get(prefix)
        if api is None:
            known = ", ".join(f"{name}.*" for name in sorted(self._apis))
            raise UnknownOperationException(f"X-Amz-Target {target!r} is not served: served are {known}")
        return api, operation

    def parse(self, body: bytes, api: Api, operation: str) -> Json:  # noqa: ARG002
        """See protocol.WireProtocol; an empty body is an empty object."""
        try:
            request = orjson.loads(body or b"{}")
        except orjson.JSONDecodeError as error:
            raise BadInput(f"Request body is no JSON: {error}") from error
        if not isinstance(request, dict):
            raise BadInput(f"Request body is a JSON {type(request).__name__}, not an object")
        return request

    def answer(self, content: Json, api: Api, operation: str) -> Response:  # noqa: ARG002
        """See protocol.WireProtocol."""
        return _response(content, 200, api, {})

    def refusal(self, refusal: Refusal, api: Api | None) -> Response:
        """See protocol.WireProtocol."""
        headers = {}
        if api is not None and "awsQueryCompatible" in api.model.metadata:
            headers[QUERY_ERROR_HEADER] = f"{query_code(refusal.code, api)};{refusal.fault}"
        return _response(
            {"__type": refusal.code, "message": without_api_keys(refusal.message)}, refusal.status, api, headers
        )


def _response(content: Json, status: int, api: Api | None, headers: Mapping[str, str]) -> Response:
    version = NEWEST_VERSION if api is None else api.model.metadata["jsonVersion"]
    body = orjson.dumps(content, default=_on_the_wire, option=orjson.OPT_PASSTHROUGH_DATETIME)
    every = {"x-amzn-RequestId": str(uuid.uuid4()), **headers}
    return Response(body, status, every, f"application/x-amz-json-{version}")


def _on_the_wire(value: object) -> float:
    if isinstance(value, datetime):
        return value.timestamp()  # JSON carries times as epoch seconds
    raise TypeError(f"{type(value).__name__} has no wire form")
