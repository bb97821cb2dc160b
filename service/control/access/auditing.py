"""What control leaves in the audit log: every change, and every refusal of a caller or of what a caller may not do.

What lives here: which calls leave a line, and what it says of them. What does not: how lines are kept (service.audit).
Reads and invocations leave none; of a request only the names in it are kept.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from http import HTTPStatus
from typing import Final

from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.audit import AuditLog, AuditUnwritable
from service.control.access.rules import changes
from service.control.api import Json
from service.core.access import Principal
from service.core.audit import Entry, resource_of
from service.core.refusals import Refusals
from service.logs import EventLog

REQUEST_ID: Final = b"x-amzn-requestid"
ERROR_HEADER: Final = b"x-amzn-errortype"
NOTES: Final = "sextant.call"
UNKNOWN_CALLER, DENIED = HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN

log = EventLog(__name__)


@dataclass(slots=True)
class Call:
    """One call as far as it is known: from where, by whom, of what, on what; the code of its refusal, if any.

    `claimed` is who a request says it is of, and `proven` who it is of. `admitted` is set once it goes to its
    operation, `refused` where its sender was not let in or may not do this, whatever status that is answered with,
    `is_told` where it leaves a line although it changes nothing: somebody has logged in or out.
    """

    address: str
    operation: str
    claimed: Principal | None = None
    proven: Principal | None = None
    request: Json = field(default_factory=dict)
    error: str | None = None
    admitted: bool = False
    refused: bool = False
    is_told: bool = False

    @property
    def is_recorded(self) -> bool:
        """True where it leaves a line whatever comes of it: an operation that changes something, or a session."""
        return self.is_told or (self.admitted and changes(self.operation))

    @property
    def caller(self) -> Principal:
        """Who it is of. Raises RuntimeError before that is proven."""
        if self.proven is None:
            raise RuntimeError(f"{self.operation} was called before its caller was proven")
        return self.proven


def notes_of(scope: Scope) -> Call:
    """What is known of a request so far, for whoever learns more of it to add."""
    if NOTES not in scope:
        client = scope.get("client")
        scope[NOTES] = Call(client[0] if client else "", f"{scope['method']} /")
    notes: Call = scope[NOTES]
    return notes


class Auditor:
    """Writes calls down. Thread safe, and any number of processes may have one."""

    def __init__(self, audit: AuditLog, clock: Callable[[], datetime]) -> None:
        self._audit = audit
        self._clock = clock
        self._refusals = Refusals()
        self._lock = threading.Lock()

    def record(self, call: Call, status: int, request_id: str) -> None:
        """Write down a change, whatever came of it, or a refusal, which may be counted only.

        A change is on the disk then. Raises AuditUnwritable where it cannot be; a refusal stands all the same.
        """
        entry = self._entry(call, status, request_id)
        if call.refused:
            with self._lock:
                due = self._refusals.due(entry)
            self._record_if_possible(due)
        elif call.is_recorded:
            with self._lock:
                due = self._refusals.over(entry.at)
            self._audit.record(*due, entry)

    def close(self) -> None:
        """Write down what was counted."""
        with self._lock:
            rest = self._refusals.rest(self._clock())
        self._record_if_possible(rest)

    def _record_if_possible(self, entries: list[Entry]) -> None:
        try:
            if entries:
                self._audit.record(*entries)
        except AuditUnwritable as error:
            log.error("audit_unwritable", cause=error)

    def _entry(self, call: Call, status: int, request_id: str) -> Entry:
        claimed = call.proven or call.claimed
        return Entry(
            at=self._clock(),
            operation=call.operation,
            status=status,
            error=call.error,
            user=None if call.proven is None else call.proven.user,
            key_id=None if claimed is None else claimed.key_id,
            address=call.address,
            resource=resource_of(call.request),
            request_id=request_id,
        )


class Audited:
    """ASGI middleware: what changes something, and whom is refused, is written down before the answer is sent."""

    def __init__(self, app: ASGIApp, auditor: Auditor) -> None:
        self._app = app
        self._auditor = auditor

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and look at its answer."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        unwritten: list[AuditUnwritable] = []

        async def looking(message: Message) -> None:
            if message["type"] == "http.response.start":
                try:
                    await self._look(notes_of(scope), message)
                except AuditUnwritable as error:
                    unwritten.append(error)
                    await _say_unwritten(scope, receive, send, error)
            if not unwritten:
                await send(message)

        await self._app(scope, receive, looking)

    async def _look(self, call: Call, answer: Message) -> None:
        headers: dict[bytes, bytes] = dict(answer["headers"])
        if answer["status"] in (UNKNOWN_CALLER, DENIED) and not call.refused:
            told = headers.get(ERROR_HEADER, b"").decode("latin-1")
            call.refused, call.error = True, call.error or told or HTTPStatus(answer["status"]).phrase
        if call.refused or call.is_recorded:
            request_id = headers.get(REQUEST_ID, b"").decode("latin-1")
            await run_in_threadpool(self._auditor.record, call, answer["status"], request_id)


async def _say_unwritten(scope: Scope, receive: Receive, send: Send, error: AuditUnwritable) -> None:
    call = notes_of(scope)
    log.error("audit_unwritable", operation=call.operation, cause=error)
    words = f"{call.operation} was carried out ({call.error or 'as asked'}), and it is not recorded: {error}"
    await JSONResponse({"__type": "InternalFailure", "message": words}, 500)(scope, receive, send)
