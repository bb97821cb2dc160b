"""Captured requests: the model is asked again.

What lives here: records to explanations. What does not: finding records (records), the model (replay).
"""

from collections.abc import Iterable, Iterator
from functools import partial

from monitor_jobs.contract.capture import CaptureRecord
from monitor_jobs.contract.map_kind import MapKind
from monitor_jobs.explain.explaining import Explained, explained
from monitor_jobs.explain.records import answered
from monitor_jobs.explain.subject import Subject
from monitor_jobs.replay.models import ReplayedModel


def captured_subjects(records: Iterable[CaptureRecord], model: ReplayedModel, kind: MapKind) -> Iterator[Subject]:
    """Each record as what is to be explained. Raises where the model cannot be loaded, as ReplayedModel does."""
    _ = model.network  # a fault of it is not each record's
    for record in records:
        metadata = record.event_metadata
        yield Subject(metadata.event_id, metadata.inference_id, partial(_explain, record, model, kind))


def _explain(record: CaptureRecord, model: ReplayedModel, kind: MapKind) -> Iterator[tuple[Explained, str | None]]:
    inputs = model.inputs(record)
    labels = answered(record, model.served.card)
    then = labels if len(labels) == len(inputs) else [None] * len(inputs)
    yield from zip(explained(model.network, inputs, kind, model.served.card), then, strict=True)
