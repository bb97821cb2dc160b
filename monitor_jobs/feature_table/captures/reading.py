"""A capture file to tables, a chunk at a time.

What lives here: chunks of records to columns, and where each row came from. What does not: the rows of one record
(rows), and the process of a preprocessing script (monitor_jobs.record_scripts).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import repeat
from typing import Any, overload

import pyarrow as pa

from monitor_jobs.contract.capture import CaptureData, CaptureRecord, EventMetadata, Payload, UnreadableReason
from monitor_jobs.contract.dataset_format import CaptureFormat
from monitor_jobs.feature_table.captures.decoding import DecodeMany, decoded_together
from monitor_jobs.feature_table.captures.halves import DecodeBytes, UnreadableHalf
from monitor_jobs.feature_table.captures.lines import Half, Halves, Numbered, Reasons, RecordChunk, read_chunks
from monitor_jobs.feature_table.captures.rows import NamedRow, names_of_row, rows_of_record
from monitor_jobs.feature_table.captures.usual import Usual, usual_records
from monitor_jobs.feature_table.json_values import TooWide, flattened
from monitor_jobs.feature_table.names import KnownNames, parts_of_rows
from monitor_jobs.feature_table.table import FeatureTable, RowSource
from monitor_jobs.feature_table.values import column_of_cells, columns_by_name, columns_of_rows
from monitor_jobs.monitor import CaptureFile
from monitor_jobs.record_scripts import shared_preprocessor


@dataclass(frozen=True, slots=True)
class RowRules:
    """How records become rows: the baseline's names in their order, and a decoder of what is no table."""

    names: tuple[str, ...] = ()
    decode: DecodeMany | None = None


def read_captures(file: CaptureFile, dataset_format: CaptureFormat, rules: RowRules) -> Iterator[FeatureTable]:
    """The rows of one capture file's records inside its window; memory does not grow with the file.

    Rows of one table are in the order of their lines, and tables may overlap. Lines that are no records are counted as
    captures.lines says; records without rows as captures.rows says, or as WRONG_SCHEMA where the half that
    `dataset_format` names was not captured. Where the file has a script, that makes the rows. Raises OSError, and
    ScriptFailed.
    """
    reader = _Reader(file, rules)
    for chunk in read_chunks(file.path, file.window, dataset_format.halves):
        usual = usual_records(chunk.records) if file.script is None else Usual((), (), chunk.records)
        if usual.records:
            yield reader.usual_table(usual)
        if usual.others or chunk.refused:
            yield from reader.tables(RecordChunk(usual.others, chunk.refused))


@dataclass(slots=True)
class _Gathered:
    """Rows on their way into a table."""

    rows: list[NamedRow] = field(default_factory=list)
    records: list[Numbered] = field(default_factory=list)  # one for each row
    times: list[int] = field(default_factory=list)

    def add(self, numbered: Numbered, rows: Sequence[NamedRow]) -> None:
        self.rows += rows
        self.records += repeat(numbered, len(rows))
        self.times.append(numbered.time)


class _Reader:
    """Makes tables of the records of one file."""

    def __init__(self, file: CaptureFile, rules: RowRules) -> None:
        self._file, self._rules = file, rules
        self._names = KnownNames()

    def usual_table(self, usual: Usual) -> FeatureTable:
        """The table of records that are a line of CSV each."""
        names = names_of_row((), (None,) * len(usual.columns), self._rules.names)
        typed = dict(zip(names, map(column_of_cells, usual.columns), strict=True))
        times = [numbered.time for numbered in usual.records]
        return self._table(*columns_by_name(typed), usual.records, times, Reasons())

    def tables(self, chunk: RecordChunk) -> Iterator[FeatureTable]:
        """The tables of any records."""
        gathered, unreadable = _Gathered(), Reasons(chunk.refused)
        for numbered, rows in zip(chunk.records, self._rows_of_each(chunk.records), strict=True):
            if isinstance(rows, UnreadableReason):
                unreadable[rows] += 1
            elif all(map(self._names.admit, rows)):
                gathered.add(numbered, rows)
            else:
                unreadable[UnreadableReason.WRONG_SCHEMA] += 1
        times = gathered.times
        for part in parts_of_rows(gathered.rows):
            yield self._table(*columns_of_rows(gathered.rows[part]), gathered.records[part], times, unreadable)
            times, unreadable = [], Reasons()

    def _rows_of_each(self, records: Sequence[Numbered]) -> Iterator[Sequence[NamedRow] | UnreadableReason]:
        """The rows of each record, or why it has none."""
        if self._file.script is not None:
            return map(_flat, shared_preprocessor(self._file.script).rows_of_many(map(_record, records)))
        decode = decoded_together([numbered.record for numbered in records], self._rules.decode)
        return (self._rows_of(numbered.record.capture_data, decode) for numbered in records)

    def _rows_of(self, halves: Halves, decode: DecodeBytes | None) -> Sequence[NamedRow] | UnreadableReason:
        try:
            return rows_of_record(halves, names=self._rules.names, card=self._file.card, decode=decode)
        except UnreadableHalf as error:
            return error.reason

    def _table(
        self,
        columns: Mapping[str, pa.Array],
        integral: Mapping[str, int],
        records: Sequence[Numbered],
        times: Sequence[int],
        unreadable: Reasons,
    ) -> FeatureTable:
        return FeatureTable(
            columns=columns,
            rows=len(records),
            integral=integral,
            records=len(times),
            sources=_Sources(records, self._file.object_key),
            unreadable=unreadable,
            earliest=min(times, default=None),
            latest=max(times, default=None),
        )


class _Sources(Sequence[RowSource]):
    """Where rows came from, made where it is asked for: of most rows nobody asks."""

    def __init__(self, records: Sequence[Numbered], object_key: str) -> None:
        self._records, self._object_key = records, object_key

    def __len__(self) -> int:
        return len(self._records)

    @overload
    def __getitem__(self, row: int) -> RowSource: ...

    @overload
    def __getitem__(self, row: slice) -> "_Sources": ...

    def __getitem__(self, row: int | slice) -> "RowSource | _Sources":
        if isinstance(row, slice):
            return _Sources(self._records[row], self._object_key)
        numbered = self._records[row]
        metadata = numbered.record.event_metadata
        return RowSource(metadata.event_id, self._object_key, numbered.line, metadata.inference_id)


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
