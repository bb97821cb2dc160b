"""UpdateEndpointWeightsAndCapacities, and what an UpdateEndpoint retains: what is asked for, told and refused."""

from dataclasses import replace
from datetime import timedelta

import pytest

from monitor_jobs.contract.errors import BadInput, Conflict
from service.control.sagemaker.context import ValidationException
from service.core.handover import ADDRESS_SECONDS
from service.core.states import EndpointStatus
from service.core.variants import initial_weights, is_drawn_by, is_reweighted, reweighted, variants_of
from tests import sagemaker_requests as requests
from tests.sagemaker_requests import NOON, Installation

ARN = "arn:aws:sagemaker:us-east-1:000000000000:endpoint/signs"


@pytest.fixture
def here(tmp_path):
    """The endpoint `signs` in service with two variants, Blue of weight 3 and Green of weight 1."""
    installation = Installation(tmp_path).with_endpoint()
    change(installation, status=EndpointStatus.IN_SERVICE, running=[process("Blue", 3.0), process("Green", 1.0)])
    yield installation.later(minutes=1)
    installation.database.engine.dispose()


def process(variant, weight):
    return {"variant": variant, "handle": {"address": "http://127.0.0.1:1"}, "weight": weight}


def row(here):
    return here.database.endpoints.get("signs")


def change(here, **changes):
    here.database.endpoints.save(replace(row(here), **changes))


def ask(here, *desired):
    return here.call(
        "UpdateEndpointWeightsAndCapacities", EndpointName="signs", DesiredWeightsAndCapacities=list(desired)
    )


def shares(here):
    variants = here.call("DescribeEndpoint", EndpointName="signs")["ProductionVariants"]
    return {each["VariantName"]: (each["CurrentWeight"], each["DesiredWeight"]) for each in variants}


def test_variants_are_described_with_their_weights_and_counts(here):
    first = here.call("DescribeEndpoint", EndpointName="signs")["ProductionVariants"][0]
    assert first == {
        "VariantName": "Blue",
        "CurrentWeight": 3.0,
        "DesiredWeight": 3.0,
        "CurrentInstanceCount": 1,
        "DesiredInstanceCount": 1,
    }


def test_other_weights_are_wanted_until_the_scheduler_has_given_them(here):
    assert ask(here, {"VariantName": "Green", "DesiredWeight": 0}) == {"EndpointArn": ARN}
    assert here.call("DescribeEndpoint", EndpointName="signs")["EndpointStatus"] == "Updating"
    assert shares(here) == {"Blue": (3.0, 3.0), "Green": (1.0, 0.0)}


def test_a_capacity_is_taken_and_changes_no_weight(here):
    ask(here, {"VariantName": "Green", "DesiredInstanceCount": 4})
    assert shares(here) == {"Blue": (3.0, 3.0), "Green": (1.0, 1.0)}


def test_a_variant_that_is_not_served_is_named_beside_those_that_are(here):
    with pytest.raises(ValidationException) as raised:
        ask(here, {"VariantName": "Blue", "DesiredWeight": 9}, {"VariantName": "Red", "DesiredWeight": 1})
    assert str(raised.value) == f'Could not find variant "Red" on "{ARN}": it has Blue, Green.'
    assert row(here).status is EndpointStatus.IN_SERVICE


def test_a_weight_below_zero_is_refused_by_its_shape(here):
    with pytest.raises(BadInput, match="desiredWeight"):
        ask(here, {"VariantName": "Blue", "DesiredWeight": -1})


@pytest.mark.parametrize("status", [EndpointStatus.CREATING, EndpointStatus.UPDATING, EndpointStatus.DELETING])
def test_an_endpoint_that_is_changing_keeps_its_weights_in_awss_words(here, status):
    change(here, status=status)
    with pytest.raises(ValidationException, match=f'^Cannot update in-progress endpoint "{ARN}".$'):
        ask(here, {"VariantName": "Blue", "DesiredWeight": 1})


def test_a_failed_endpoint_gets_no_weights(here):
    change(here, status=EndpointStatus.FAILED)
    with pytest.raises(Conflict, match="an endpoint that is Failed cannot become Updating"):
        ask(here, {"VariantName": "Blue", "DesiredWeight": 1})


@pytest.mark.parametrize(
    ("members", "retained"),
    [
        ({}, None),
        ({"RetainAllVariantProperties": False}, None),
        ({"RetainAllVariantProperties": True}, {"Blue": 3.0, "Green": 1.0}),
        ({"ExcludeRetainedVariantProperties": [{"VariantPropertyType": "DesiredWeight"}]}, None),
        ({"ExcludeRetainedVariantProperties": [{"VariantPropertyType": "DesiredInstanceCount"}]}, {"Blue", "Green"}),
    ],
)
def test_weights_outlive_an_update_where_they_are_retained_and_not_excluded(here, members, retained):
    if "ExcludeRetainedVariantProperties" in members:
        members = {"RetainAllVariantProperties": True, **members}
    here.call("UpdateEndpoint", EndpointName="signs", EndpointConfigName="signs", **members)
    kept = row(here).retained_weights
    assert (kept.keys() if isinstance(retained, set) else kept) == retained


def test_a_configurations_weights_are_one_where_it_names_none():
    variants = [{"VariantName": "Blue", "InitialVariantWeight": 0}, {"VariantName": "Green"}]
    assert initial_weights({"ProductionVariants": variants}) == {"Blue": 0.0, "Green": 1.0}


def test_a_process_from_before_there_were_weights_has_all_of_its_share(here):
    change(here, running=[{"variant": "AllTraffic", "handle": {"address": "http://127.0.0.1:1"}}])
    (variant,) = variants_of(row(here))
    assert (variant.weight, variant.desired_weight, variant.is_loading) == (1.0, 1.0, False)


def test_weights_are_drawn_by_once_no_gateway_can_know_the_old_ones(here):
    ask(here, {"VariantName": "Green", "DesiredWeight": 5})
    assert is_reweighted(row(here))
    change(here, running=reweighted(row(here), NOON))
    assert (is_reweighted(row(here)), shares(here)["Green"]) == (False, (5.0, 5.0))
    moments = (NOON, NOON + timedelta(seconds=ADDRESS_SECONDS))
    assert [is_drawn_by(row(here), now) for now in moments] == [False, True]


def test_a_config_of_several_variants_is_described_as_it_was_sent(here):
    variants = [{"VariantName": name, "ModelName": "signs", "InitialVariantWeight": 0.5} for name in ("Blue", "Green")]
    here.call("CreateEndpointConfig", **requests.endpoint_config("both", "signs", ProductionVariants=variants))
    assert here.call("DescribeEndpointConfig", EndpointConfigName="both")["ProductionVariants"] == variants
