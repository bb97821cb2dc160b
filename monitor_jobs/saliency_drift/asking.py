"""Sampled records to signals: the model is asked again for each.

What lives here: one record after another through the model. What does not: which records (sample), what is concluded
(analysis).
"""

from collections import Counter
from collections.abc import Iterable

import numpy as np
import torch
from numpy.typing import NDArray

from monitor_jobs.contract.errors import BadInput, SextantError
from monitor_jobs.contract.report import OffendingRecord
from monitor_jobs.replay.models import ReplayedModel
from monitor_jobs.saliency.signals import SIGNALS, signals_of
from monitor_jobs.saliency.terms import EXACT_ERROR
from monitor_jobs.saliency_drift.observed import Observed
from monitor_jobs.saliency_drift.sample import SampledRecord


def ask(model: ReplayedModel, sample: Iterable[SampledRecord]) -> Observed:
    """What the model's network says now of each sampled record; of a request with several inputs, of one by its lot.

    Raises BadInput with the first reason where no record could be asked.
    """
    rows, records, inexact = [], [], 0
    not_asked: Counter[str] = Counter()
    for one in sample:
        try:
            row, exact = _signals(model, one)
        except SextantError as error:
            not_asked[str(error)] += 1
            continue
        rows.append(row)
        records.append(_reference(one))
        inexact += not exact
    if not rows and not_asked:
        first = next(iter(not_asked))
        raise BadInput(f"none of {not_asked.total()} sampled records could be asked again: {first}")
    signals = np.array(rows, dtype=np.float64).reshape(len(rows), len(SIGNALS))
    return Observed(signals, tuple(records), inexact, dict(not_asked))


def _signals(model: ReplayedModel, one: SampledRecord) -> tuple[NDArray[np.float64], bool]:
    inputs = model.inputs(one.record)
    position = one.lot % len(inputs)
    found = signals_of(model.network, inputs[position : position + 1])
    if not bool(torch.isfinite(found.values).all()):
        raise BadInput("the network's answer, or its gradient, is not finite")
    return found.values[0].numpy(), bool(found.errors[0] <= EXACT_ERROR)


def _reference(one: SampledRecord) -> OffendingRecord:
    metadata = one.record.event_metadata
    return OffendingRecord(
        event_id=metadata.event_id, object_key=one.object_key, line=one.line, inference_id=metadata.inference_id
    )
