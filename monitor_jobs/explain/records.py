"""Finds captured requests by their ids.

What lives here: capture files to requests. What does not: what is done with them (job).
"""

import io
from collections.abc import Collection, Iterable, Iterator
from itertools import islice
from pathlib import Path

from pydantic import ValidationError

from monitor_jobs.capture_io import labels_of
from monitor_jobs.capture_io.answers import UnreadableAnswer, read_answer
from monitor_jobs.capture_io.blocks import LongLine, read_blocks
from monitor_jobs.capture_io.lines import Output
from monitor_jobs.contract.capture import CaptureRecord
from monitor_jobs.contract.explanation import ExplanationRequest
from monitor_jobs.contract.model_package import ModelCard
from monitor_jobs.monitor import CaptureFile


def find(files: Iterable[CaptureFile], request: ExplanationRequest) -> Iterator[CaptureRecord]:
    """The records that are asked for, at most `limit`; lines that hold no record are passed over. Raises OSError.

    A window counts only where no id is named.
    """
    marks = [identifier.encode() for identifier in request.ids]
    lines = ((file, raw) for file in files for raw in _lines(file.path))
    # most lines hold another's picture: they are not parsed
    records = ((file, _record(raw)) for file, raw in lines if not marks or _holds(raw, marks))
    wanted = (record for file, record in records if record is not None and _is_asked(record, file, request))
    return islice(wanted, request.limit)


def answered(record: CaptureRecord, card: ModelCard) -> tuple[str, ...]:
    """What each input was answered by the captured answer, as the card names it; nothing where that cannot be read."""
    half = record.capture_data.endpoint_output
    if half is None:
        return ()
    try:
        answer = read_answer(Output(half.data, half.encoding, half.observed_content_type))
    except UnreadableAnswer:
        return ()
    return labels_of(answer.classes, card)


def _is_asked(record: CaptureRecord, file: CaptureFile, request: ExplanationRequest) -> bool:
    metadata = record.event_metadata
    if request.ids:
        return metadata.event_id in request.event_ids or metadata.inference_id in request.inference_ids
    return file.window is None or metadata.inference_time in file.window


def _lines(path: Path) -> Iterator[bytes]:
    for block in read_blocks(path):
        if not isinstance(block, LongLine):
            yield from io.BytesIO(block.text)


def _holds(raw: bytes, marks: Collection[bytes]) -> bool:
    # an id that JSON escapes is found by its escape
    return b"\\" in raw or any(mark in raw for mark in marks)


def _record(raw: bytes) -> CaptureRecord | None:
    try:
        return CaptureRecord.model_validate_json(raw)
    except ValidationError:
        return None
