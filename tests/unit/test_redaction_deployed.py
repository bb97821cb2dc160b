"""From a model's environment and an installation's setting to what an endpoint's process is told."""

from pathlib import Path

import pytest

from monitor_jobs.contract.errors import BadInput
from service.control.sagemaker.context import ValidationException
from service.core.redaction import Redaction, parse_redaction
from service.scheduler.endpoint_specs import CaptureLimits, EndpointSpecs
from tests import sagemaker_requests as requests
from tests.sagemaker_requests import Installation

OWN = '{"request": {"json": {"$.ssn": "drop"}}}'
DEFAULT = parse_redaction('{"response": {"images": "strip"}}')


def model_with(rules: str) -> dict:
    model = requests.model()
    return {**model, "PrimaryContainer": {**model["PrimaryContainer"], "Environment": {"SEXTANT_REDACTION": rules}}}


def told(here: Installation, default: Redaction | None) -> Redaction | None:
    limits = CaptureLimits(flush_interval_seconds=1, spool_budget_bytes=1, torch_threads=0, redaction=default)
    (spec,) = (
        EndpointSpecs(here.database, here.settings.data, limits).of(here.database.endpoints.get("signs"), "signs").specs
    )
    return spec.redaction


@pytest.fixture
def here(tmp_path: Path) -> Installation:
    return Installation(tmp_path)


def deployed(here: Installation, rules: str) -> Installation:
    here.call("CreateModel", **model_with(rules))
    here.call("CreateEndpointConfig", **requests.endpoint_config())
    here.call("CreateEndpoint", EndpointName="signs", EndpointConfigName="signs")
    return here


def test_an_endpoint_is_told_its_models_rules(here: Installation) -> None:
    assert told(deployed(here, OWN), None) == parse_redaction(OWN)


def test_an_endpoint_is_told_the_installations_rules_too(here: Installation) -> None:
    both = Redaction.model_validate({"request": {"json": {"$.ssn": "drop"}}, "response": {"images": "strip"}})
    assert told(deployed(here, OWN), DEFAULT) == both


def test_an_endpoint_without_rules_is_told_none(here: Installation) -> None:
    assert told(here.with_endpoint(), None) is None


def test_a_model_with_rules_that_are_none_is_refused(here: Installation) -> None:
    with pytest.raises(ValidationException, match="Model signs: SEXTANT_REDACTION is no set of rules: Invalid JSON"):
        here.call("CreateModel", **model_with("ssn"))


def test_rules_that_an_older_installation_took_keep_the_endpoint_from_starting(here: Installation) -> None:
    deployed(here, OWN)
    record = here.database.models.get("signs")
    record.request["PrimaryContainer"]["Environment"]["SEXTANT_REDACTION"] = "ssn"
    here.database.models.save(record)
    with pytest.raises(BadInput, match="no set of rules"):
        told(here, None)
