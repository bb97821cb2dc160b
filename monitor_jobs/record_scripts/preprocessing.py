"""A user's `preprocess_handler`, which makes rows of records in place of the monitor's own reader.

What lives here: records to requests, answers to rows. What does not: the child process (process).
"""

import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from itertools import count
from multiprocessing.util import Finalize
from typing import TypeAlias

from monitor_jobs.contract.capture import CaptureRecord
from monitor_jobs.record_scripts.answers import ScriptRow, rows_in
from monitor_jobs.record_scripts.process import Request, ScriptProcess, running_script
from monitor_jobs.record_scripts.script import RecordScript

HANDLER = "preprocess_handler"
# A captured record, the same with ground truth as its JSON has it, or a line of a CSV dataset.
AnyRecord: TypeAlias = CaptureRecord | Mapping[str, object] | str


class RecordPreprocessor:
    """Calls a script for records, one or many at a time; its process is one for all."""

    def __init__(self, process: ScriptProcess) -> None:
        self._process = process
        self._numbers = count(1)

    def __call__(self, record: AnyRecord, /) -> Sequence[ScriptRow]:
        """The rows of one record."""
        (rows,) = self.rows_of_many([record])
        return rows

    def rows_of_many(self, records: Iterable[AnyRecord]) -> Iterator[Sequence[ScriptRow]]:
        """The rows of each record in order, none where the script leaves it out; several times as fast as one by one.

        Raises ScriptFailed naming the record that the script failed at.
        """
        for place, reply in self._process.replies(map(self._request, records)):
            yield rows_in(HANDLER, place, reply)

    def _request(self, record: AnyRecord) -> Request:
        number = next(self._numbers)
        if isinstance(record, str):
            return f"at line {number}", json.dumps(record).encode() + b"\n"
        if isinstance(record, CaptureRecord):
            return f"at record {number} (event id {record.event_metadata.event_id})", record.to_line()
        metadata = record.get("eventMetadata")
        event_id = metadata.get("eventId") if isinstance(metadata, Mapping) else None
        return f"at record {number} (event id {event_id})", json.dumps(record).encode() + b"\n"


@contextmanager
def record_preprocessor(script: RecordScript, say: Callable[[str], None]) -> Iterator[RecordPreprocessor]:
    """A preprocessor for as long as the context lasts. Raises ScriptFailed where the script cannot be loaded."""
    with running_script(script, HANDLER, say) as process:
        yield RecordPreprocessor(process)


@lru_cache(maxsize=1)
def shared_preprocessor(script: RecordScript) -> RecordPreprocessor:
    """The one preprocessor of a script in this process, until this process ends; its prints go to standard output."""
    context = record_preprocessor(script, _print)
    preprocessor = context.__enter__()
    # Not by atexit, which the workers of a fleet pass over.
    Finalize(None, context.__exit__, args=(None, None, None), exitpriority=0)
    return preprocessor


def _print(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()
