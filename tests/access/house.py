"""An installation with an endpoint of one's own and a foreign one, all that belongs to each, and a user for each role.

What lives here: the real application of the control process, in this process, and its answers. What does not: what is
asked of it (asking), what is right (cells).
"""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx
from starlette.types import ASGIApp

from service.audit import AuditLog
from service.control.access.auditing import Auditor
from service.control.access.rules import RULES, Open
from service.control.access.sessions import Session
from service.control.app import Keys, build_app
from service.core.access import Grant, Principal, Role
from service.core.secret import Secret
from tests import sagemaker_requests as requests
from tests.access.asking import DEFINITIONS, JOBS, KINDS, SCHEDULES, Asked, asked
from tests.access.cells import BY_SESSION, OWN_CODE, ROLES, Cell, Reach, Whose
from tests.aws_clients import Signed
from tests.documentation import served
from tests.people import People, now

ADDRESS = "http://127.0.0.1:8080"
NOBODY = Principal("nobody", "no key", ())
DENIALS = (b"AccessDenied", b"is not authorized to perform")
CHANGES = ("Create", "Update", "Delete", "Start", "Stop", "Put", "Add", "Reset")
BRINGING = ("CreateProcessingJob", "CreateMonitoringSchedule", "UpdateMonitoringSchedule")
BRINGING_CODE = frozenset(
    f"sagemaker:{name}{OWN_CODE}" for name in (*BRINGING, *(f"Create{kind}JobDefinition" for kind in KINDS))
)


PAGES = frozenset(
    f"GET /{path}"
    for path in ("", "index.json", *(f"executions/{{MonitoringExecutionId}}{end}" for end in ("", ".json", "/report")))
)


def operations() -> frozenset[str]:
    """All operations and routes but those for everybody; those that may bring code of one's own twice."""
    named = {f"{service.removesuffix('-runtime')}:{name}" for service, name in served()}
    routes = {name for name, rule in RULES.items() if " /" in name and rule.action is not Open.TO_ANYBODY}
    return frozenset(named) | routes | BRINGING_CODE | {name + BY_SESSION for name in routes & PAGES}


@dataclass(frozen=True)
class Browser:
    """A browser that has logged in: its cookies, and the token of its forms."""

    cookies: dict[str, str]
    token: str


@dataclass
class House:
    """The application, who asks, a user without grants, and what it keeps.

    API keys by the id of the caller's pair; `forget` has the application look at all keys again.
    """

    app: ASGIApp
    callers: dict[tuple[str, Reach], Signed]
    nobody: Signed
    here: requests.Installation
    api_keys: dict[str, str]
    forget: Callable[[], None]
    browsers: dict[str, Browser] = field(default_factory=dict)

    def answers(self, cell: Cell) -> httpx.Response:
        """The answer to a cell's request; what it changed is as it was."""
        answer = self.ask(asked(cell.operation, cell.whose), self.callers[cell.role, cell.reach])
        changes = cell.operation.partition(":")[2].startswith(CHANGES) or cell.operation.startswith("POST /schedules/")
        if changes and (answer.is_success or answer.is_redirect):
            furnish(self.here)
        return answer

    def ask(self, request: Asked, caller: Signed | None) -> httpx.Response:
        """The answer to one request, signed by a caller where there is one, or sent by the caller's browser."""
        if request.service is None:
            return self._visit(request, caller)
        signs = None if caller is None else Signed(caller.key_id, caller.secret, service=request.service)

        return self.sent(request, auth=signs)

    def sent(self, request: Asked, **options: Any) -> httpx.Response:
        """The answer to a request as it is."""

        async def send() -> httpx.Response:
            transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url=ADDRESS, **options) as client:
                return await client.request(request.method, request.path, headers=request.headers, content=request.body)

        return asyncio.run(send())

    def _visit(self, request: Asked, caller: Signed | None) -> httpx.Response:
        """The answer to the browser of a caller, which logs in where it has not, or was logged out since."""
        key = None if caller is None else self.api_keys.get(caller.key_id)
        if key is None or caller is None or caller.secret == "not its secret":
            return self.sent(posted(request) if request.method == "POST" else request)
        browser = self.browsers.get(caller.key_id) or self.logged_in(key)
        self.browsers[caller.key_id] = browser
        if request.method == "GET":
            return self.sent(request, cookies=browser.cookies)
        answer = self.sent(posted(request, token=browser.token), cookies=browser.cookies)
        if request.path == "/logout":
            del self.browsers[caller.key_id]
        return answer

    def logged_in(self, key: str) -> Browser:
        """A browser in which somebody has logged in with an API key."""
        answer = self.sent(posted(Asked(None, path="/login"), api_key=key))
        assert answer.status_code == 303, answer.text
        (held,) = answer.cookies.values()
        return Browser(dict(answer.cookies), Session(Secret(held), NOBODY).token)

    def call(self, operation: str, caller: Signed, **members: Any) -> httpx.Response:
        """The answer to an operation of SageMaker's with these members."""
        request = asked("sagemaker:ListModels", Whose.OWN)
        headers = {**request.headers, "X-Amz-Target": f"SageMaker.{operation}"}
        return self.ask(replace(request, headers=headers, body=requests.sent(members)), caller)


def posted(request: Asked, **fields: str) -> Asked:
    """A form as a page of the house itself sends it."""
    headers = {"Content-Type": "application/x-www-form-urlencoded", "Origin": ADDRESS}
    return replace(request, headers=headers, body=urlencode(fields).encode())


def is_denied(answer: httpx.Response) -> bool:
    """True for an answer that tells the caller that he may not."""
    return any(words in answer.content for words in DENIALS)


@contextmanager
def house(folder: Path) -> Iterator[House]:
    """The house, furnished; its database is closed when the block is left."""
    here = requests.Installation(folder)
    people = People(folder, here.database)
    furnish(here)
    grants = {(role, reach): Grant(Role(role), reach.value) for role in ROLES for reach in Reach}
    callers = {key: people.add(f"{key[0]}-{key[1].name.lower()}", grant) for key, grant in grants.items()}
    nobody = people.add("nobody")
    api_keys = {key.key_id: people.api_key(f"{role}-{reach.name.lower()}") for (role, reach), key in callers.items()}
    api_keys[nobody.key_id] = people.api_key("nobody")
    keys = Keys(people.known, people.issuer, people.authenticator, "no endpoint process is asked here")
    try:
        auditor = Auditor(AuditLog(folder, now), now)
        app = build_app(here.database, here.store, here.settings, keys, auditor)
        yield House(app, callers, nobody, here, api_keys, people.known.forget)
    finally:
        people.close()
        here.database.engine.dispose()


def furnish(here: requests.Installation) -> None:
    """An endpoint of one's own and a foreign one, each with all that can belong to one."""
    here.forget_everything()
    for whose in (Whose.OWN, Whose.FOREIGN):
        here.with_endpoint(whose)
        here.call("CreateMonitoringSchedule", **requests.schedule(SCHEDULES[whose], endpoint=whose))
        for kind in KINDS:
            definition = requests.job_definition(kind, DEFINITIONS[whose])
            definition[f"{kind}JobInput"]["EndpointInput"]["EndpointName"] = whose
            here.call(f"Create{kind}JobDefinition", **definition)
        judged = {"schedule_name": SCHEDULES[whose], "endpoint_name": whose}
        here.database.executions.add(requests.execution(1, id=f"execution-of-{whose}", **judged))
        job = replace(requests.ended_job(JOBS[whose]), schedule_name=SCHEDULES[whose], access_name=whose)
        here.database.processing_jobs.add(job)
        _log(here.settings.data / "endpoints" / whose / "AllTraffic" / "log.jsonl")
        _log(here.settings.data / "jobs" / JOBS[whose] / "log.txt")


def _log(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("one line\n")
