"""The control process's HTTP: SageMaker's control plane and runtime, the console, /metrics, Prometheus's targets."""

import random
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from fastapi import FastAPI
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from monitor_jobs.object_store import ObjectStore
from service.control.access.auditing import Audited, Auditor
from service.control.access.authentication import Authenticator
from service.control.access.enforcement import Access
from service.control.access.issuing import Issuer
from service.control.access.keys import KnownKeys
from service.control.access.resources import Installation
from service.control.access.routes import Guard, Route
from service.control.access.sessions import Sessions
from service.control.api import Api
from service.control.cloudwatch.operations import CloudWatchContext, cloudwatch_api
from service.control.console.browser import Cookies
from service.control.console.door import Door
from service.control.console.invocations import InvocationCounts
from service.control.console.routes import Console
from service.control.gateway.gate import Gate
from service.control.gateway.invocations import PREFIX, Invocations
from service.control.identity.context import IdentityContext
from service.control.identity.operations import identity_apis
from service.control.job_logs import job_log
from service.control.logs.operations import LogsContext, logs_api
from service.control.logs.streams import LogFiles
from service.control.monitoring_metrics import MonitoringCollector
from service.control.protocol import dispatcher
from service.control.sagemaker.context import Context
from service.control.sagemaker.operations import sagemaker_api
from service.control.throttling import AddressesLimited
from service.control.unserved import CBOR_PATH, no_cbor, not_found
from service.core.access import Principal
from service.core.ports import Database
from service.core.records import Query
from service.local_only import LocalOnly
from service.request_bodies import RequestBodies
from service.settings import Settings
from service.transport import StrictTransport, hosts_of, is_encrypted


@dataclass(frozen=True, slots=True)
class Keys:
    """What tells callers apart and makes keys for them; `endpoint_token` is what endpoint processes ask of theirs."""

    known: KnownKeys
    issuer: Issuer
    authenticator: Authenticator
    endpoint_token: str


def build_app(database: Database, store: ObjectStore, settings: Settings, keys: Keys, auditor: Auditor) -> ASGIApp:
    """The ASGI application of the control process."""
    here, authenticator = Installation(database, settings.region, settings.account), keys.authenticator
    gate, bodies = Gate(authenticator, here), RequestBodies(longest=settings.max_body_bytes)
    generator = random.SystemRandom()
    invocations = Invocations(gate, settings, bodies, endpoint_token=keys.endpoint_token, generator=generator)
    sagemaker, *others = _apis(here, store, settings, keys)
    counts = InvocationCounts(keys.endpoint_token)
    console = Console(_door(here, settings, keys, bodies), sagemaker, database, store, counts)
    lifespan = _closing(invocations.close, counts.close, keys.known.close, auditor.close)
    app = FastAPI(title="Sextant", docs_url=None, redoc_url=None, openapi_url=None, lifespan=lifespan)
    app.add_route("/", dispatcher([sagemaker, *others], authenticator, bodies), methods=["POST"])
    app.routes.extend(console.routes())
    app.add_route(CBOR_PATH, no_cbor, methods=["POST"])
    for status in (404, 405):
        app.add_exception_handler(status, not_found)
    app.add_route("/ping", _ping, methods=["GET"])
    guard = Guard(authenticator, here)
    pages = {
        "/metrics": _metrics(database),
        "/prometheus/targets": _targets(database),
        "/processing-jobs/{name}/log": job_log(settings.data / "jobs"),
    }
    for path, page in pages.items():
        app.add_route(path, guard.before(f"GET {path}", page), methods=["GET"])

    async def route(scope: Scope, receive: Receive, send: Send) -> None:
        invoked = scope["type"] == "http" and scope["path"].startswith(PREFIX)
        await (invocations if invoked else app)(scope, receive, send)

    limited = AddressesLimited(Audited(route, auditor), authenticator.limits)
    guarded = LocalOnly(limited, hosts=hosts_of(settings))
    return StrictTransport(guarded) if is_encrypted(settings) else guarded


def _door(here: Installation, settings: Settings, keys: Keys, bodies: RequestBodies) -> Door:
    sessions = Sessions(here.database, keys.known, clock=lambda: datetime.now(UTC))
    cookies = Cookies("https" if is_encrypted(settings) else "http")
    return Door(here, keys.authenticator, sessions, cookies, bodies)


def _apis(here: Installation, store: ObjectStore, settings: Settings, keys: Keys) -> list[Api]:
    def sagemaker(caller: Principal) -> Context:
        return Context(Access(caller, here), store, datetime.now(UTC), settings.allowed_buckets)

    def logs(caller: Principal) -> LogsContext:
        access = Access(caller, here)
        return LogsContext(access, LogFiles(access, settings.data), datetime.now(UTC))

    def cloudwatch(caller: Principal) -> CloudWatchContext:
        return CloudWatchContext(Access(caller, here), datetime.now(UTC))

    def identity(caller: Principal) -> IdentityContext:
        return IdentityContext(Access(caller, here), keys.issuer, datetime.now(UTC), keys.known.forget)

    return [sagemaker_api(sagemaker), logs_api(logs), cloudwatch_api(cloudwatch), *identity_apis(identity)]


def _closing(*closed: Callable[[], None]) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        yield
        for close in closed:
            close()

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
