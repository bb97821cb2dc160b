"""Which records of a violated report are explained by themselves, and of which endpoints."""

from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor_jobs.contract.explanation import ExplanationRequest
from monitor_jobs.contract.model_package import ModelCard, ModelInput
from monitor_jobs.contract.report import OffendingRecord
from service.core.explanations import can_be_explained, worst_records
from service.core.processing_requests import processing_job
from tests.integration.capture_spool import config_of, spec_of

PICTURES = ModelCard(input=ModelInput(shape=(3, 32, 32)))


@pytest.mark.parametrize(
    ("card", "mode", "explained"),
    [
        (PICTURES, "InputAndOutput", True),
        (PICTURES, "Input", True),
        (PICTURES, "Output", False),
        (ModelCard(), "InputAndOutput", False),
        (ModelCard(input=ModelInput(shape=(13,))), "InputAndOutput", False),
    ],
)
def test_pictures_that_are_captured_are_explained(tmp_path, card, mode, explained):
    assert can_be_explained(spec_of(tmp_path, config=config_of(mode=mode)), card) is explained


def test_an_endpoint_without_capture_has_nothing_to_explain(tmp_path):
    spec = spec_of(tmp_path).model_copy(update={"data_capture": None})
    assert not can_be_explained(spec, PICTURES)


names = st.text(alphabet="abc", max_size=2)


@given(st.lists(st.lists(names, max_size=5), max_size=4), st.integers(0, 6))
def test_the_first_records_that_are_named_count_once_each_in_their_order(violations, most):
    def named(events):
        return [OffendingRecord(event_id=event, object_key="k", line=1) for event in events]

    told = SimpleNamespace(violations=[SimpleNamespace(offending_records=named(events)) for events in violations])
    chosen = [record.event_id for record in worst_records(told, most)]
    in_order = list(dict.fromkeys(event for events in violations for event in events if event))
    assert chosen == in_order[:most]


def test_no_more_records_are_chosen_than_a_job_can_be_asked_for():
    records = [OffendingRecord(event_id=f"event-{number}", object_key="k", line=1) for number in range(100)]
    told = SimpleNamespace(violations=[SimpleNamespace(offending_records=records)])
    chosen = worst_records(told, 100)
    asked = ExplanationRequest(event_ids=frozenset(record.event_id for record in chosen))
    assert (len(chosen), len(asked.arguments())) == (98, 100)


def test_folders_of_a_job_are_ours_whatever_a_models_environment_says():
    job = processing_job(
        "explain",
        image="sextant/explain",
        inputs=[],
        target="s3://bucket/out",
        environment={"output_path": "/elsewhere", "dataset_source": "/elsewhere", "own": "kept"},
        role_arn="",
    )
    assert job["Environment"] == {
        "own": "kept",
        "dataset_source": "/opt/ml/processing/input/endpoint",
        "output_path": "/opt/ml/processing/outputs",
    }
