"""A capture file to tables, a chunk at a time.

What lives here: chunks of records to columns, and where each row came from. What does not: the rows of one record
(rows), and the process of a preprocessing script (monitor_jobs.record_scripts).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Any

from monitor_jobs.contract.capture import CaptureData, CaptureRecord, EventMetadata, Payload, UnreadableReason
from monitor_jobs.contract.dataset_format import CaptureFormat
from monitor_jobs.feature_table.captures.decoding import DecodeMany, decoded_together
from monitor_jobs.feature_table.captures.halves import DecodeBytes, UnreadableHalf
from monitor_jobs.feature_table.captures.lines import Half, Halves, Numbered, Reasons, RecordChunk, read_chunks
from monitor_jobs.feature_table.captures.rows import NamedRow, rows_of_record
from monitor_jobs.feature_table.json_values import TooWide, flattened
from monitor_jobs.feature_table.table import FeatureTable, RowSource
from monitor_jobs.feature_table.values import columns_of_rows
from monitor_jobs.monitor import CaptureFile
from monitor_jobs.record_scripts import shared_preprocessor


@dataclass(frozen=True, slots=True)
class RowRules:
    """How records become rows: the baseline's names in their order, and a decoder of what is no table."""

    names: tuple[str, ...] = ()
    decode: DecodeMany | None = None


def read_captures(file: CaptureFile, dataset_format: CaptureFormat, rules: RowRules) -> Iterator[FeatureTable]:
    """The rows of one capture file's records inside its window; memory does not grow with the file.

    Lines that are no records are counted as captures.lines says; records without rows as captures.rows says, or as
    WRONG_SCHEMA where the half that `dataset_format` names was not captured. Where the file has a script, that makes
    the rows. Raises OSError, and ScriptFailed.
    """
    for chunk in read_chunks(file.path, file.window):
        if chunk.records or chunk.refused:
            yield _table(chunk, _Reader(file, dataset_format, rules))


@dataclass(frozen=True, slots=True)
class _Reader:
    file: CaptureFile
    dataset_format: CaptureFormat
    rules: RowRules

    def rows_of_each(self, records: Sequence[Numbered]) -> Iterator[Sequence[NamedRow] | UnreadableReason]:
        """The rows of each record, or why it has none."""
        if self.file.script is not None:
            return map(_flat, shared_preprocessor(self.file.script).rows_of_many(map(_record, records)))
        decode = decoded_together([numbered.record for numbered in records], self.rules.decode)
        return map(partial(self._rows_of, decode=decode), records)

    def _rows_of(self, numbered: Numbered, *, decode: DecodeBytes | None) -> Sequence[NamedRow] | UnreadableReason:
        try:
            return self._rows_of_halves(numbered, decode)
        except UnreadableHalf as error:
            return error.reason

    def _rows_of_halves(self, numbered: Numbered, decode: DecodeBytes | None) -> Sequence[NamedRow]:
        halves = self._chosen(numbered.record.capture_data)
        if halves.endpoint_input is None and halves.endpoint_output is None:
            raise UnreadableHalf(UnreadableReason.WRONG_SCHEMA)
        return rows_of_record(halves, names=self.rules.names, card=self.file.card, decode=decode)

    def _chosen(self, captured: Halves) -> Halves:
        chosen = self.dataset_format.halves
        return Halves(
            captured.endpoint_input if "endpointInput" in chosen else None,
            captured.endpoint_output if "endpointOutput" in chosen else None,
        )

    def source(self, numbered: Numbered) -> RowSource:
        """The record that its rows come from."""
        metadata = numbered.record.event_metadata
        return RowSource(metadata.event_id, self.file.object_key, numbered.line, metadata.inference_id)


@dataclass(slots=True)
class _Gathered:
    rows: list[NamedRow] = field(default_factory=list)
    sources: list[RowSource] = field(default_factory=list)
    times: list[int] = field(default_factory=list)


def _table(chunk: RecordChunk, reader: _Reader) -> FeatureTable:
    gathered, unreadable = _Gathered(), Reasons(chunk.refused)
    for numbered, rows in zip(chunk.records, reader.rows_of_each(chunk.records), strict=True):
        if isinstance(rows, UnreadableReason):
            unreadable[rows] += 1
            continue
        gathered.rows += rows
        gathered.sources += [reader.source(numbered)] * len(rows)
        gathered.times.append(numbered.time)
    columns, integral = columns_of_rows(gathered.rows)
    return FeatureTable(
        columns=columns,
        rows=len(gathered.rows),
        integral=integral,
        records=len(gathered.times),
        sources=tuple(gathered.sources),
        unreadable=unreadable,
        earliest=min(gathered.times, default=None),
        latest=max(gathered.times, default=None),
    )


def _flat(rows: Sequence[Mapping[str, Any]]) -> list[NamedRow] | UnreadableReason:
    try:
        return [flattened(row) for row in rows]
    except TooWide:
        return UnreadableReason.WRONG_SCHEMA


def _record(numbered: Numbered) -> CaptureRecord:
    captured, metadata = numbered.record.capture_data, numbered.record.event_metadata
    return CaptureRecord(
        capture_data=CaptureData(
            endpoint_input=_payload(captured.endpoint_input, "INPUT"),
            endpoint_output=_payload(captured.endpoint_output, "OUTPUT"),
        ),
        event_metadata=EventMetadata(
            event_id=metadata.event_id,
            inference_id=metadata.inference_id,
            custom_attributes=metadata.custom_attributes,
            inference_time=datetime.fromtimestamp(numbered.time, UTC),
        ),
    )


def _payload(half: Half | None, mode: str) -> Payload | None:
    return None if half is None else Payload.model_validate({**_fields(half), "mode": mode})


def _fields(half: Half) -> dict[str, str]:
    return {"observed_content_type": half.observed_content_type, "data": half.data, "encoding": half.encoding}
