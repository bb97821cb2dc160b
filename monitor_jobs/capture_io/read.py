"""Reading for people and tools: every line of a capture file as a whole record, or the reason why it is none.

What lives here: strictness. What does not: speed (predictions), and whether a monitor can read the prediction
(answers).
"""

import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from monitor_jobs.capture_io.blocks import LongLine, read_blocks
from monitor_jobs.capture_io.lines import JSON_SPACE, refusal_of
from monitor_jobs.contract.capture import CaptureRecord, UnreadableReason

EXCERPT_BYTES: Final = 120


@dataclass(frozen=True, slots=True)
class UnreadableLine:
    """A line that holds no record: its number from 1, why, and how it begins (empty where it was too long to hold)."""

    line: int
    reason: UnreadableReason
    excerpt: str


def read_records(path: Path) -> Iterator[CaptureRecord | UnreadableLine]:
    """Each line of a capture file in order, blank ones left out.

    A record may lack either half, but every field it has must be as the contract says: WRONG_SCHEMA otherwise; the
    other reasons as lines.refusal_of defines them. Holds one line of at most MAX_LINE_BYTES. Raises OSError.
    """
    line = 0
    for block in read_blocks(path):
        if isinstance(block, LongLine):
            line += 1
            yield UnreadableLine(line, UnreadableReason.TOO_LONG, "")
            continue
        for raw in io.BytesIO(block.text):
            line += 1
            if raw.strip(JSON_SPACE):
                yield _read_line(line, raw)


def _read_line(line: int, raw: bytes) -> CaptureRecord | UnreadableLine:
    reason = refusal_of(raw).reason
    if reason is UnreadableReason.WRONG_SCHEMA:  # JSON at least: the contract decides
        try:
            return CaptureRecord.model_validate_json(raw.strip(JSON_SPACE))
        except ValidationError:
            pass  # the reason stands
    return UnreadableLine(line, reason, raw[:EXCERPT_BYTES].decode(errors="replace"))
