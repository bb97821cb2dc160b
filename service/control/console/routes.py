"""The table of the console's routes: path, line in the table of rules, page.

What does not live here: pages, and who may see them.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Final

from starlette.concurrency import run_in_threadpool
from starlette.responses import Response
from starlette.routing import Route as StarletteRoute

from monitor_jobs.object_store import ObjectStore
from service.control.access.auditing import notes_of
from service.control.access.routes import Route
from service.control.api import Api
from service.control.console.assets import Assets
from service.control.console.door import Door, Visit
from service.control.console.findings import explanation_picture, findings, report_page
from service.control.console.forms import Form
from service.control.console.invocations import InvocationCounts
from service.control.console.login import Login
from service.control.console.overview import TOKENS, Json, last_verdict, overview, with_invocations
from service.control.console.rendering import as_json, foreign_page, page, picture, redirection
from service.control.unserved import unless_for_s3
from service.core.access import Action, permitted
from service.core.ports import Database
from service.core.records import Query

CHANGES: Final = {
    "/schedules/{MonitoringScheduleName}/start": "StartMonitoringSchedule",
    "/schedules/{MonitoringScheduleName}/stop": "StopMonitoringSchedule",
}


@dataclass(frozen=True, slots=True)
class Console:
    """What pages are made of: operations, the store that reports lie in, and what endpoint processes have counted."""

    door: Door
    sagemaker: Api
    database: Database
    store: ObjectStore
    counts: InvocationCounts

    def routes(self) -> Iterator[StarletteRoute]:
        """Every route."""
        login = Login(self.door)
        yield _get("/login", self.door.open("GET /login", login.show))
        yield _post("/login", self.door.open("POST /login", login.log_in))
        yield _post("/logout", self.door.form("POST /logout", login.log_out))
        yield _get("/assets/{file}", self.door.open("GET /assets/{file}", Assets().respond))
        yield _get("/", unless_for_s3(self.door.page("GET /", self._overview_page)))
        pages = {
            "/index.json": self._overview_json,
            "/executions/{MonitoringExecutionId}.json": self._execution_json,
            "/executions/{MonitoringExecutionId}": self._execution_page,
            "/executions/{MonitoringExecutionId}/report": self._report,
            "/executions/{MonitoringExecutionId}/explanations/{Picture}": self._picture,
        }
        for path, make in pages.items():
            yield _get(path, self.door.page(f"GET {path}", make))
        for path, operation in CHANGES.items():
            yield _post(path, self.door.form(f"POST {path}", partial(self._change, operation)))

    async def _overview_page(self, visit: Visit) -> Response:
        shown = await self._overview(visit)

        def may_operate(endpoint: str) -> bool:
            return visit.session is not None and permitted(visit.caller, Action.OPERATE, endpoint)

        return page("overview", **visit.shown, shown=shown, may_operate=may_operate, last_verdict=last_verdict)

    async def _overview_json(self, visit: Visit) -> Response:
        return as_json(await self._overview(visit))

    async def _overview(self, visit: Visit) -> Json:
        sent = visit.request.query_params
        after = {kind: sent[kind] for kind in TOKENS if kind in sent}
        shown = await run_in_threadpool(overview, self._ask(visit), after=after)
        names = [endpoint["EndpointName"] for endpoint in shown["Endpoints"]]
        endpoints = await run_in_threadpool(self.database.endpoints.find, Query(any_of={"name": names}))
        return with_invocations(shown, await self.counts.of(endpoints))

    async def _execution_page(self, visit: Visit) -> Response:
        return page("execution", **visit.shown, shown=await self._findings(visit))

    async def _execution_json(self, visit: Visit) -> Response:
        return as_json(await self._findings(visit))

    async def _findings(self, visit: Visit) -> Json:
        return await run_in_threadpool(findings, self._ask(visit), self.store, _execution_id(visit))

    async def _report(self, visit: Visit) -> Response:
        return foreign_page(await run_in_threadpool(report_page, self._ask(visit), self.store, _execution_id(visit)))

    async def _picture(self, visit: Visit) -> Response:
        name = str(visit.request.path_params["Picture"])
        found = await run_in_threadpool(explanation_picture, self._ask(visit), self.store, _execution_id(visit), name)
        return picture(found)

    async def _change(self, operation: str, visit: Visit, _form: Form) -> Response:
        call = notes_of(visit.request.scope)
        call.operation, call.admitted = f"{self.sagemaker.service}:{operation}", True
        await run_in_threadpool(self._ask(visit), operation, dict(visit.request.path_params))
        return redirection("/")

    def _ask(self, visit: Visit) -> Callable[[str, Json], Json]:
        return lambda operation, request: self.sagemaker.call(operation, request, visit.caller)


def _execution_id(visit: Visit) -> str:
    return str(visit.request.path_params["MonitoringExecutionId"])


def _get(path: str, route: Route) -> StarletteRoute:
    return StarletteRoute(path, route, methods=["GET"])


def _post(path: str, route: Route) -> StarletteRoute:
    return StarletteRoute(path, route, methods=["POST"])
