"""The endpoint's HTTP face: /invoke, /invocations, /ping, /metrics.

What lives here: which outcome has which status, and what is counted, logged and captured of it. What does not: ASGI
messages (invocation), the model's thread (worker), capture itself (behind ports.CaptureSink). Invocations bypass
FastAPI, whose machinery costs more than all of this file; the other pages use it.
"""

import math
import time
from datetime import UTC, datetime
from functools import partial
from http import HTTPStatus
from typing import Final

from fastapi import FastAPI, Response
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.types import ASGIApp, Receive, Scope, Send

from monitor_jobs.contract.errors import BadInput, ModelUnsuitable, SextantError
from monitor_jobs.model_functions.codecs import Answer, NotAcceptable, UnsupportedContentType
from monitor_jobs.model_functions.functions import ModelRequest
from service.core.caller import caller_of
from service.core.deployment import EndpointSpec, Exchange
from service.core.http_limits import Refusal
from service.endpoint.callers_only import CallersOnly
from service.endpoint.invocation import (
    InvocationHeaders,
    read_headers,
    send_answer,
    send_error,
)
from service.endpoint.ports import CaptureRefused, CaptureSink, Face, Tell
from service.endpoint.serving_metrics import ServingMetrics
from service.endpoint.worker import ModelBusy, ModelWorker
from service.local_only import LocalOnly
from service.logs import EventLog
from service.request_bodies import BodyTooLong, CallerGone, RequestBodies, TooManyBodies

INVOKE_PATHS: Final = frozenset({"/invoke", "/invocations"})
INVOKE_URLS: Final = frozenset(path.encode() for path in INVOKE_PATHS)
LOG_SECONDS: Final = 1.0  # between two lines about refusals: there may be thousands a second
CLIENT_CLOSED_REQUEST: Final = 499  # nobody receives it; it is what the metrics say
STATUSES: Final[tuple[tuple[type[SextantError], int], ...]] = (
    (BodyTooLong, HTTPStatus.REQUEST_ENTITY_TOO_LARGE),
    (UnsupportedContentType, HTTPStatus.UNSUPPORTED_MEDIA_TYPE),
    (NotAcceptable, HTTPStatus.NOT_ACCEPTABLE),
    (BadInput, HTTPStatus.BAD_REQUEST),
    (ModelBusy, HTTPStatus.SERVICE_UNAVAILABLE),
    (CaptureRefused, HTTPStatus.SERVICE_UNAVAILABLE),
    (TooManyBodies, HTTPStatus.SERVICE_UNAVAILABLE),
    (ModelUnsuitable, HTTPStatus.FAILED_DEPENDENCY),
)

log = EventLog("sextant.endpoint")


def build_app(invocations: "Invocations", face: Face, spec: EndpointSpec) -> ASGIApp:
    """The ASGI application of one endpoint process, open to this machine's holders of the token only.

    POST /invoke and /invocations answer with the model's answer, 4xx with a sentence for what the caller can mend
    (413 over size), 424 for the model's own failure, 503 with Retry-After while the model cannot take more, or its
    capture where that is asked to refuse. GET /ping is 200 while `face` is ready, else 503. Checked in
    tests/integration/test_endpoint.py.
    """
    pages = _pages(face)

    async def route(scope: Scope, receive: Receive, send: Send) -> None:
        invoked = scope["type"] == "http" and scope["path"] in INVOKE_PATHS
        await (invocations if invoked else pages)(scope, receive, send)

    return LocalOnly(CallersOnly(route, token_sha256=spec.token_sha256))


class Invocations:
    """The ASGI endpoint behind /invoke."""

    def __init__(self, served: ModelWorker, capture: CaptureSink, metrics: ServingMetrics, spec: EndpointSpec) -> None:
        self._worker = served
        self._capture = capture
        self._metrics = metrics
        self._limit = spec.max_body_bytes
        self._bodies = RequestBodies(longest=self._limit)
        self._full = Refusal(
            HTTPStatus.SERVICE_UNAVAILABLE, served.full_sentence, (b"retry-after", b"1"), type=ModelBusy.__name__
        )
        self._log = _SparseLog()

    def declines(self, url: bytes) -> Refusal | None:
        """The answer to an invocation for which there is no place, before anything is made of it; see http_server."""
        if url not in INVOKE_URLS or not self._worker.full:
            return None
        self._metrics.answered(HTTPStatus.SERVICE_UNAVAILABLE, 0.0)
        self._log.refused(self._worker.full_sentence)
        return self._full

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, then count it."""
        started = time.perf_counter()
        self._metrics.inflight.inc()
        try:
            status = await self._respond(scope, receive, send)
        finally:
            self._metrics.inflight.dec()
        self._metrics.answered(status, time.perf_counter() - started)

    async def _respond(self, scope: Scope, receive: Receive, send: Send) -> int:
        if scope["method"] != "POST":
            await send_error(send, HTTPStatus.METHOD_NOT_ALLOWED, "invocations are POST requests")
            return HTTPStatus.METHOD_NOT_ALLOWED
        try:
            await self._invoke(scope, receive, send)
        except CallerGone:
            return CLIENT_CLOSED_REQUEST
        except SextantError as error:
            return await self._refuse(send, error)
        return HTTPStatus.OK

    async def _invoke(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = read_headers(scope)
        self._capture.require_room()
        with self._worker.place() as place, self._bodies.room() as room:
            body = await room.read(scope, receive, limit=self._limit)
            request = ModelRequest(body, headers.content_type, headers.accept)
            pass_on = partial(self._pass_on, headers, body)
            answer = await self._worker.answer(place, request, caller=caller_of(scope), before_answer=pass_on)
        await send_answer(send, answer.body, answer.content_type)
        if answer.has_nan:
            self._metrics.held_nan()
        self._metrics.predicted(answer, place.served.card)

    async def _refuse(self, send: Send, error: SextantError) -> int:
        status = next(status for kind, status in STATUSES if isinstance(error, kind))
        if isinstance(error, ModelUnsuitable):
            log.fault("model_failed", cause=error.__cause__ or error)  # the caller is told the text
        elif isinstance(error, ModelBusy | CaptureRefused | TooManyBodies):
            self._log.refused(str(error))
        await send_error(send, status, str(error), type=type(error.__cause__ or error).__name__)
        return status

    def _pass_on(self, headers: InvocationHeaders, body: bytes, answer: Answer, tell: Tell) -> None:
        """On the model's thread."""
        if len(answer.body) > self._limit:
            size = len(answer.body)
            tell(ModelUnsuitable(f"the model's answer has {size} bytes: an answer may have {self._limit}"))
        else:
            self._capture.before_answer(_exchange(headers, body, answer), tell)


class _SparseLog:
    """Tells of refusals at most once a second; the metrics count each."""

    def __init__(self) -> None:
        self._untold, self._told_at = 0, -math.inf

    def refused(self, why: str) -> None:
        """Note one more."""
        self._untold += 1
        now = time.monotonic()
        if now - self._told_at >= LOG_SECONDS:
            log.warning("invocations_refused", invocations=self._untold, error=why)
            self._untold, self._told_at = 0, now


def _exchange(headers: InvocationHeaders, body: bytes, answer: Answer) -> Exchange:
    return Exchange(
        request_body=body,
        request_content_type=headers.content_type,
        response_body=answer.body,
        response_content_type=answer.content_type,
        answered_at=datetime.now(UTC),
        inference_id=headers.inference_id,
        custom_attributes=headers.custom_attributes,
    )


def _pages(face: Face) -> ASGIApp:
    pages = FastAPI(title="Sextant endpoint", docs_url=None, redoc_url=None, openapi_url=None)

    @pages.get("/ping")
    async def ping() -> Response:
        return Response(status_code=HTTPStatus.OK if face.is_ready() else HTTPStatus.SERVICE_UNAVAILABLE)

    @pages.get("/metrics")
    async def scrape() -> Response:
        return Response(face.metrics(), media_type=CONTENT_TYPE_LATEST)

    return pages
