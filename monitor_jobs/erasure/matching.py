"""Which lines an erasure is about. An id is known by its digest alone: whoever goes on with it need not be told it."""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import msgspec

from monitor_jobs.contract.erasure import IdKind, Tombstone
from monitor_jobs.contract.errors import BadInput
from monitor_jobs.contract.keyed_hash import DigestUse, keyed_hash
from monitor_jobs.contract.tensor_files import StepFacts
from monitor_jobs.contract.watermark import floor_second
from monitor_jobs.contract.window import parse_timestamp

# Within a body its quotes would be escaped; in a line that is damaged, what looks like an id is one.
_LOOKS_LIKE: Final = {
    IdKind.INFERENCE_ID: re.compile(rb'"inferenceId"\s*:\s*"([^"]{1,512})"'),
    IdKind.EVENT_ID: re.compile(rb'"eventId"\s*:\s*"([^"]{1,512})"'),
}


class _Metadata(msgspec.Struct, gc=False, frozen=True, rename="camel"):
    event_id: str = ""
    inference_id: str = ""
    inference_time: str = ""


class _Line(msgspec.Struct, gc=False, frozen=True, rename="camel"):
    event_metadata: _Metadata


_decode: Final = msgspec.json.Decoder(_Line).decode


def digests_of(key: bytes, kind: IdKind, value: str) -> tuple[str, ...]:
    """The digests by which lines of an id are known: of the id, and of what redaction makes of an inference id."""
    digests = [keyed_hash(key, DigestUse.ERASED, value.encode())]
    if kind is IdKind.INFERENCE_ID:
        redacted = keyed_hash(key, DigestUse.REDACTED, value.encode())
        digests.append(keyed_hash(key, DigestUse.ERASED, redacted.encode()))
    return tuple(digests)


@dataclass(frozen=True, slots=True)
class Matcher:
    """Tells the lines of one id that were captured up to a moment."""

    kind: IdKind
    digests: frozenset[str]
    until: datetime
    key: bytes

    @classmethod
    def of(cls, tombstone: Tombstone, key: bytes) -> "Matcher":
        """The matcher of a tombstone's id."""
        return cls(tombstone.kind, frozenset(tombstone.digests), tombstone.requested_at, key)

    def is_id(self, value: str | None) -> bool:
        """True where this is the id."""
        return bool(value) and keyed_hash(self.key, DigestUse.ERASED, str(value).encode()) in self.digests

    def event_to_erase(self, line: bytes) -> str | None:
        """The event of a line that is to be erased, "" where it tells none; None of one that stays.

        A line without a legible time goes, and so does one that is damaged and seems to hold the id.
        """
        try:
            metadata = _decode(line).event_metadata
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return "" if any(map(self._is_bytes, _LOOKS_LIKE[self.kind].findall(line))) else None
        value = metadata.inference_id if self.kind is IdKind.INFERENCE_ID else metadata.event_id
        return metadata.event_id if self.is_id(value) and self._is_in_time(metadata.inference_time) else None

    def is_step_to_erase(self, facts: StepFacts) -> bool:
        """True of a step whose capture line would be erased: that has whole seconds."""
        value = facts.inference_id if self.kind is IdKind.INFERENCE_ID else facts.event_id
        return self.is_id(value) and floor_second(facts.answered_at) <= self.until

    def _is_bytes(self, value: bytes) -> bool:
        return self.is_id(value.decode(errors="replace"))

    def _is_in_time(self, text: str) -> bool:
        try:
            return parse_timestamp(text) <= self.until
        except BadInput:
            return True
