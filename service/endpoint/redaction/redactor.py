"""The rules of one endpoint, applied to its exchanges.

What lives here: which rules fit a body. What does not: reading and writing it (json_bodies, csv_bodies, pictures).
"""

import re
from collections.abc import Callable
from typing import Final, Literal

from monitor_jobs.capture_io import CapturedBody
from monitor_jobs.contract.capture import CaptureContentTypeHeader, media_type
from service.core.redaction import BodyRules, HeaderAction, Redaction
from service.endpoint.redaction.csv_bodies import redact_csv
from service.endpoint.redaction.json_bodies import redact_json
from service.endpoint.redaction.pictures import strip_picture
from service.endpoint.redaction.values import Hash
from service.endpoint.redaction.withheld import Withheld, WithheldReason, marker_of
from service.logs import EventLog

log = EventLog(__name__)

JSON_TYPES: Final = frozenset(
    {
        "application/json",
        "application/jsonlines",
        "application/x-jsonlines",
        "application/jsonl",
        "application/x-ndjson",
    }
)
CSV_TYPES: Final = frozenset({"text/csv"})
IMAGE_TYPES: Final = frozenset({"image/jpeg", "image/jpg", "image/png", "application/x-image"})
_CHARSET: Final = re.compile(r';\s*charset="?(utf-?8|us-ascii|iso-8859-1)"?\s*(?:;|$)', re.IGNORECASE)

Count = Callable[["Half", WithheldReason], object]
Half = Literal["request", "response"]
HALVES: Final[tuple[Half, ...]] = ("request", "response")


class Redactor:
    """Used by one thread. `hashed` makes the digest of a value, `count` hears of every body that is withheld."""

    def __init__(
        self, redaction: Redaction, content_types: CaptureContentTypeHeader, *, hashed: Hash, count: Count
    ) -> None:
        self._redaction = redaction
        self._rules: dict[Half, BodyRules | None] = {"request": redaction.request, "response": redaction.response}
        self._json = JSON_TYPES | {each.lower() for each in content_types.json_content_types}
        self._csv = CSV_TYPES | {each.lower() for each in content_types.csv_content_types}
        self._hashed = hashed
        self._count = count

    def body(self, half: Half, captured: CapturedBody) -> CapturedBody:
        """The body as it may be captured, or the marker of one that is withheld. Never fails."""
        rules = self._rules[half]
        if rules is None:
            return captured
        try:
            return self._redacted(captured, rules)
        except Withheld as outcome:
            reason = outcome.reason
        except Exception as error:  # noqa: BLE001 -- whatever is wrong with us, nothing may be captured
            reason = WithheldReason.FAILED
            log.fault("capture_not_redacted", cause=error)
        self._count(half, reason)
        return marker_of(reason)

    def inference_id(self, given: str | None) -> str | None:
        """The inference id as it may be captured."""
        return self._header(given, self._redaction.headers.inference_id)

    def custom_attributes(self, given: str | None) -> str | None:
        """The custom attributes as they may be captured."""
        return self._header(given, self._redaction.headers.custom_attributes)

    def _header(self, given: str | None, action: HeaderAction | None) -> str | None:
        if given is None or action is HeaderAction.KEEP:
            return given
        return self._hashed(given.encode()) if action is HeaderAction.HASH else None

    def _redacted(self, captured: CapturedBody, rules: BodyRules) -> CapturedBody:
        kind = media_type(captured.content_type)
        body = self._body(kind, captured.body, rules)
        # parameters are free text, and the type itself is one that was expected: a rule or `keep` knows it
        charset = _CHARSET.search(captured.content_type)
        return CapturedBody(body, f"{kind}; charset={charset[1]}" if charset else kind, captured.encoding)

    def _body(self, kind: str, body: bytes, rules: BodyRules) -> bytes:
        if rules.json_paths and kind in self._json:
            return redact_json(body, rules.steps, self._hashed)
        if rules.csv and kind in self._csv:
            return redact_csv(body, rules.csv, self._hashed)
        if rules.images and kind in IMAGE_TYPES:
            return strip_picture(body)
        if kind in rules.keep:
            return body
        raise Withheld(WithheldReason.NO_RULE)
