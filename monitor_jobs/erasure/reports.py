"""Reports that name an erased record: it is taken from the records that they name; lines of others are counted anew.

The page beside a report follows it, and so do explanations below it.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime

from pydantic import ValidationError

from monitor_jobs.capture_io import event_id_of
from monitor_jobs.contract.capture import opened_at_of
from monitor_jobs.contract.erasure import Amendment, IdKind
from monitor_jobs.contract.explanation import EXPLANATIONS_FILE
from monitor_jobs.contract.report import PAGE_FILE, REPORT_FILE, OffendingRecord, Report, Violation
from monitor_jobs.erasure.explanations import amend_explanations
from monitor_jobs.erasure.matching import Matcher
from monitor_jobs.erasure.variant import Variant
from monitor_jobs.object_store import S3Address
from monitor_jobs.object_store.shown import put_shown
from monitor_jobs.report_page import with_violations_of


class Reports:
    """The reports below some addresses, and the capture files that were amended."""

    def __init__(
        self, variant: Variant, addresses: Iterable[str], amendments: Iterable[Amendment], matcher: Matcher
    ) -> None:
        self._variant = variant
        self._addresses = tuple(addresses)
        self._amended = {variant.path_of(each.object_key): each for each in amendments}
        self._events = {event for each in self._amended.values() for lines in each.erased for event in lines.events}
        self._matcher = matcher
        self._lines: dict[str, Mapping[str, int]] = {}  # by capture file, of each event

    def amend(self, *, since: datetime | None) -> int:
        """How many reports and explanations were changed, of those written since. Raises StoreUnavailable."""
        return sum(map(self._amend_file, self._written(since)))

    def holding(self, value: bytes) -> list[S3Address]:
        """Every object there that still holds these bytes: what another program wrote is for a person to judge."""
        return [address for address in self._written(None) if value in (self._variant.get(str(address)) or b"")]

    def _written(self, since: datetime | None) -> Iterable[S3Address]:
        listed = (entry for prefix in self._addresses for entry in self._variant.below(prefix))
        return (entry.address for entry in listed if since is None or entry.modified_at >= since)

    def _amend_file(self, address: S3Address) -> bool:
        name = address.key.rpartition("/")[2]
        if name == REPORT_FILE:
            return self._amend(address)
        if name == EXPLANATIONS_FILE:
            body = self._variant.get(str(address)) or b""
            return amend_explanations(self._variant.store, address, body, self._names_erased)
        return False

    def _amend(self, address: S3Address) -> bool:
        try:
            report = Report.model_validate_json(self._variant.get(str(address)) or b"")
        except ValidationError:
            return False  # of another program
        amended = report.model_copy(update={"violations": tuple(map(self._violation, report.violations))})
        if amended != report:
            self._amend_page(address, amended)  # first: who is broken off in between finds the report as it was
            put_shown(self._variant.store, address, amended.to_json().encode())
        return amended != report

    def _amend_page(self, address: S3Address, amended: Report) -> None:
        page = S3Address(address.bucket, address.key.removesuffix(REPORT_FILE) + PAGE_FILE)
        text = (self._variant.get(str(page)) or b"").decode(errors="surrogateescape")
        changed = with_violations_of(text, amended)
        if changed != text:
            put_shown(self._variant.store, page, changed.encode(errors="surrogateescape"))

    def _violation(self, violation: Violation) -> Violation:
        kept = tuple(self._relocated(each) for each in violation.offending_records if not self._is_erased(each))
        return violation.model_copy(update={"offending_records": kept})

    def _names_erased(self, event_id: str, inference_id: str | None) -> bool:
        # an explanation does not say when its record was captured
        value = inference_id if self._matcher.kind is IdKind.INFERENCE_ID else event_id
        return event_id in self._events or self._matcher.is_id(value)

    def _is_erased(self, record: OffendingRecord) -> bool:
        if record.event_id and record.event_id in self._events:
            return True
        value = record.inference_id if self._matcher.kind is IdKind.INFERENCE_ID else record.event_id
        opened_at = opened_at_of(record.object_key)  # its file may be gone
        return self._matcher.is_id(value) and (opened_at is None or opened_at <= self._matcher.until)

    def _relocated(self, record: OffendingRecord) -> OffendingRecord:
        line = self._lines_of(record.object_key).get(record.event_id) if record.object_key in self._amended else None
        return record if line is None else record.model_copy(update={"line": line})

    def _lines_of(self, object_key: str) -> Mapping[str, int]:
        if object_key not in self._lines:
            body = self._variant.get(f"{self._variant.destination}/{object_key}") or b""
            events = enumerate(map(event_id_of, body.splitlines()), 1)
            self._lines[object_key] = {event.decode(): line for line, event in events}
        return self._lines[object_key]
