"""The control process's HTTP: SageMaker's control plane and runtime, /metrics, and Prometheus's list of targets."""

import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime

from fastapi import FastAPI
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from monitor_jobs.object_store import ObjectStore
from service.control.cloudwatch.operations import CloudWatchContext, cloudwatch_api
from service.control.gateway.invocations import PREFIX, Invocations
from service.control.identity import identity_apis
from service.control.job_logs import job_log
from service.control.logs.operations import LogsContext, logs_api
from service.control.logs.streams import LogFiles
from service.control.monitoring_metrics import MonitoringCollector
from service.control.protocol import dispatcher
from service.control.rate_limiting import AddressesLimited, RateLimits
from service.control.sagemaker.context import Context
from service.control.sagemaker.operations import sagemaker_api
from service.control.unserved import CBOR_PATH, no_cbor, not_found
from service.core.ports import Database
from service.core.records import Query
from service.local_only import LocalOnly
from service.request_bodies import RequestBodies
from service.settings import Settings


def build_app(database: Database, store: ObjectStore, settings: Settings) -> ASGIApp:
    """The ASGI application of the control process."""

    def new_context() -> Context:
        where = settings.region, settings.account, settings.allowed_buckets
        return Context(database, store, datetime.now(UTC), *where)

    bodies = RequestBodies(longest=settings.max_body_bytes)
    invocations = Invocations(database, settings, bodies, generator=random.SystemRandom())
    app = FastAPI(title="Sextant", docs_url=None, redoc_url=None, openapi_url=None, lifespan=_closing(invocations))
    apis = [
        sagemaker_api(new_context),
        logs_api(_logs_context(database, settings)),
        cloudwatch_api(lambda: CloudWatchContext(database, datetime.now(UTC))),
        *identity_apis(settings.account),
    ]
    app.add_route("/", dispatcher(apis, bodies), methods=["POST"])
    app.add_route(CBOR_PATH, no_cbor, methods=["POST"])
    for status in (404, 405):
        app.add_exception_handler(status, not_found)
    app.add_route("/ping", _ping, methods=["GET"])
    app.add_route("/metrics", _metrics(database), methods=["GET"])
    app.add_route("/prometheus/targets", _targets(database), methods=["GET"])
    app.add_route("/processing-jobs/{name}/log", job_log(settings.data / "jobs"), methods=["GET"])

    async def route(scope: Scope, receive: Receive, send: Send) -> None:
        invoked = scope["type"] == "http" and scope["path"].startswith(PREFIX)
        await (invocations if invoked else app)(scope, receive, send)

    return LocalOnly(AddressesLimited(route, RateLimits(settings)))


Route = Callable[[Request], Awaitable[Response]]


def _logs_context(database: Database, settings: Settings) -> Callable[[], LogsContext]:
    files = LogFiles(database, settings.data)
    arn_prefix = f"arn:aws:logs:{settings.region}:{settings.account}"
    return lambda: LogsContext(files, datetime.now(UTC), arn_prefix)


def _closing(invocations: Invocations) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        yield
        invocations.close()

    return lifespan


async def _ping(_request: Request) -> Response:
    return Response()


def _metrics(database: Database) -> Route:
    registry = CollectorRegistry()
    registry.register(MonitoringCollector(database, lambda: datetime.now(UTC)))

    async def metrics(_request: Request) -> Response:
        return Response(await run_in_threadpool(generate_latest, registry), media_type=CONTENT_TYPE_LATEST)

    return metrics


def _targets(database: Database) -> Route:
    # Prometheus's HTTP service discovery: endpoints take free ports, so their addresses are asked for, not configured.
    async def targets(_request: Request) -> Response:
        endpoints = await run_in_threadpool(database.endpoints.find, Query())
        rows = [
            {"targets": [process["handle"]["address"].removeprefix("http://")], "labels": {"job": "sextant-endpoint"}}
            for endpoint in endpoints
            for process in endpoint.processes
        ]
        return JSONResponse(rows)

    return targets
