"""Captured requests: the model is asked again.

What lives here: records to explanations. What does not: finding records (records), the model (model).
"""

from collections.abc import Iterable, Iterator
from functools import partial

from monitor_jobs.contract.capture import CaptureRecord
from monitor_jobs.contract.map_kind import MapKind
from monitor_jobs.explain.explaining import Explained, explained
from monitor_jobs.explain.model import Model
from monitor_jobs.explain.records import answered, body_of
from monitor_jobs.explain.subject import Subject
from monitor_jobs.model_functions.codecs import JSON
from monitor_jobs.model_functions.functions import ModelRequest
from monitor_jobs.model_functions.network import inputs_of


def captured_subjects(records: Iterable[CaptureRecord], model: Model, kind: MapKind) -> Iterator[Subject]:
    """Each record as what is to be explained. Raises where the model cannot be loaded, as Model does."""
    _ = model.network  # a fault of it is not each record's
    for record in records:
        metadata = record.event_metadata
        yield Subject(metadata.event_id, metadata.inference_id, partial(_explain, record, model, kind))


def _explain(record: CaptureRecord, model: Model, kind: MapKind) -> Iterator[tuple[Explained, str | None]]:
    body, content_type = body_of(record)
    inputs = inputs_of(model.served, model.network, ModelRequest(body, content_type, JSON))
    labels = answered(record, model.served.card)
    then = labels if len(labels) == len(inputs) else [None] * len(inputs)
    yield from zip(explained(model.network, inputs, kind, model.served.card), then, strict=True)
