"""The model asked again for sampled records: which input of a request, and what of those that cannot be asked."""

import numpy as np
import pytest
import torch
from torch import nn

from monitor_jobs.contract.capture import CaptureData, CaptureRecord, EventMetadata
from monitor_jobs.contract.container import Variable
from monitor_jobs.contract.errors import BadInput
from monitor_jobs.contract.report import Constraints
from monitor_jobs.saliency.signals import SIGNALS, signals_of
from monitor_jobs.saliency_drift.asking import ask
from monitor_jobs.saliency_drift.constraints import BASELINE_RECORDS, WINDOW_RECORDS, limits_from, records_from
from monitor_jobs.saliency_drift.sample import SampledRecord
from tests.saliency_networks import networks

BATCH = torch.rand(3, 3, 32, 32, generator=torch.Generator().manual_seed(2))


class Replayed:
    """A model whose requests are these, by event."""

    def __init__(self, **inputs: torch.Tensor | str) -> None:
        self.network: nn.Module = networks()["plain"]
        self.given = inputs

    def inputs(self, record: CaptureRecord) -> torch.Tensor:
        given = self.given[record.event_metadata.event_id]
        if isinstance(given, str):
            raise BadInput(given)
        return given


def sampled(event: str, lot: int = 0) -> SampledRecord:
    metadata = EventMetadata(event_id=event, inference_id=f"id-{event}", inference_time="2026-11-20T12:00:00Z")
    return SampledRecord(lot, "a.jsonl", lot + 1, CaptureRecord(capture_data=CaptureData(), event_metadata=metadata))


@pytest.mark.parametrize("lot", [0, 1, 5])
def test_of_a_request_with_several_inputs_one_is_asked_by_its_lot(lot):
    model = Replayed(batch=BATCH)
    found = ask(model, [sampled("batch", lot)])
    expected = signals_of(model.network, BATCH).values[lot % 3]
    assert found.signals == pytest.approx(expected[None].numpy(), rel=1e-3, abs=1e-4)
    assert [(one.event_id, one.inference_id, one.line) for one in found.records] == [("batch", "id-batch", lot + 1)]


def test_those_that_cannot_be_asked_are_counted_by_reason_and_the_others_keep_their_rows():
    model = Replayed(a=BATCH, b="withheld", c=BATCH[:1], d="withheld", e=torch.full((1, 3, 32, 32), torch.nan))
    found = ask(model, [sampled(event) for event in "abcde"])
    assert found.not_asked == {"withheld": 2, "the network's answer, or its gradient, is not finite": 1}
    assert [one.event_id for one in found.records] == ["a", "c"]
    assert found.signals.shape == (2, len(SIGNALS))
    assert np.isfinite(found.signals).all()


def test_nothing_to_ask_is_no_error_and_nothing_that_could_be_asked_is():
    assert len(ask(Replayed(), [])) == 0
    with pytest.raises(BadInput, match="none of 2 sampled records could be asked again: withheld"):
        ask(Replayed(a="withheld", b="gone"), [sampled("a"), sampled("b")])


def test_parts_that_do_not_sum_to_the_logit_are_counted():
    class Hidden(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = networks()["plain"]

        def forward(self, images: torch.Tensor) -> torch.Tensor:
            return self.inner(images) + 5

    model = Replayed(a=BATCH)
    model.network = Hidden().eval()
    assert ask(model, [sampled("a")]).inexact == 1


def test_more_records_are_asked_of_a_baseline_unless_the_variable_says():
    assert records_from({}) == WINDOW_RECORDS
    assert records_from({Variable.ANALYSIS: "suggest_baseline"}) == BASELINE_RECORDS
    assert records_from({Variable.ANALYSIS: "suggest_baseline", "SALIENCY_RECORDS": "7"}) == 7


@pytest.mark.parametrize("text", ["", "-1", "1.5", "0", "100001", "9" * 400, "\u0663"])
def test_a_number_of_records_that_is_none_is_refused(text):
    with pytest.raises(BadInput, match=r"SALIENCY_RECORDS is .*: give a whole number from 1 to 100000"):
        records_from({"SALIENCY_RECORDS": text})


def test_the_environment_goes_before_constraints_and_these_before_defaults():
    constraints = Constraints(monitoring_config={"saliency_drift": {"minimum_distance": 0.3, "false_alarm_rate": 0.2}})
    limits = limits_from({"SALIENCY_MINIMUM_DISTANCE": "0.4"}, constraints)
    assert (limits.minimum_distance, limits.false_alarm_rate, limits.not_asked_limit) == (0.4, 0.2, 0.1)


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ([], "monitoring_config.saliency_drift in constraints.json is .*: make it an object of limits"),
        (
            {"false_alarm_rate": "often"},
            "monitoring_config.saliency_drift.false_alarm_rate in constraints.json is 'often'",
        ),
    ],
)
def test_limits_that_do_not_fit_are_refused_by_their_place(section, message):
    with pytest.raises(BadInput, match=message):
        limits_from({}, Constraints(monitoring_config={"saliency_drift": section}))
