"""UpdateEndpoint and what DescribeEndpoint tells of it: what is asked for, kept and refused."""

from dataclasses import replace
from datetime import timedelta

import pytest

from monitor_jobs.contract.errors import BadInput, Conflict
from service.control.sagemaker.context import ValidationException
from service.core.states import EndpointStatus
from tests import sagemaker_requests as requests
from tests.sagemaker_requests import NOON, Installation

ARN = "arn:aws:sagemaker:us-east-1:000000000000"
ALL_AT_ONCE = {"Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": 0}
BLUE_GREEN = {"BlueGreenUpdatePolicy": {"TrafficRoutingConfiguration": ALL_AT_ONCE, "TerminationWaitInSeconds": 9}}
HALF = {"Type": "CAPACITY_PERCENT", "Value": 50}


@pytest.fixture
def here(tmp_path):
    """The endpoint `signs` in service, and a configuration `better`."""
    installation = Installation(tmp_path).with_endpoint()
    installation.call("CreateModel", **requests.model("better"))
    installation.call("CreateEndpointConfig", **requests.endpoint_config("better"))
    change(installation, status=EndpointStatus.IN_SERVICE, running=[process(1)])
    yield installation.later(minutes=1)
    installation.database.engine.dispose()


def process(port):
    return {"variant": "AllTraffic", "handle": {"address": f"http://127.0.0.1:{port}"}}


def change(here, **changes):
    here.database.endpoints.save(replace(here.database.endpoints.get("signs"), **changes))


def update(here, config="better", **members):
    return here.call("UpdateEndpoint", EndpointName="signs", EndpointConfigName=config, **members)


def describe(here):
    return here.call("DescribeEndpoint", EndpointName="signs")


def test_an_update_answers_with_the_endpoints_arn(here):
    assert update(here) == {"EndpointArn": f"{ARN}:endpoint/signs"}


def test_an_endpoint_under_update_tells_the_old_configuration_and_the_pending_one(here):
    update(here)
    described = describe(here)
    assert (described["EndpointStatus"], described["EndpointConfigName"]) == ("Updating", "signs")
    assert described["LastModifiedTime"] == NOON + timedelta(minutes=1)
    assert described["PendingDeploymentSummary"] == {"EndpointConfigName": "better", "ProductionVariants": []}


def test_a_process_that_starts_is_a_pending_variant(here):
    update(here)
    change(here, starting=[process(2)])
    (variant,) = describe(here)["PendingDeploymentSummary"]["ProductionVariants"]
    assert variant["VariantName"] == "AllTraffic"


def test_capture_goes_on_while_an_endpoint_is_updated(here):
    update(here)
    assert describe(here)["DataCaptureConfig"]["CaptureStatus"] == "Started"


def test_a_finished_update_pends_no_more(here):
    update(here)
    change(here, config_name="better", pending_config_name=None, status=EndpointStatus.IN_SERVICE)
    assert describe(here)["EndpointConfigName"] == "better"
    assert "PendingDeploymentSummary" not in describe(here)


def test_the_same_configuration_may_be_asked_for(here):
    update(here, "signs")
    assert describe(here)["PendingDeploymentSummary"]["EndpointConfigName"] == "signs"


def test_the_reason_of_a_failed_update_is_told_until_the_next_one(here):
    change(here, failure_reason="no model_fn")
    assert describe(here)["FailureReason"] == "no model_fn"
    update(here)
    assert "FailureReason" not in describe(here)


@pytest.mark.parametrize("status", ["CREATING", "UPDATING", "SYSTEM_UPDATING", "ROLLING_BACK", "DELETING"])
def test_an_endpoint_that_is_changing_is_not_updated_in_awss_words(here, status):
    change(here, status=EndpointStatus[status])
    with pytest.raises(ValidationException) as raised:
        update(here)
    assert str(raised.value) == f'Cannot update in-progress endpoint "{ARN}:endpoint/signs".'


def test_a_failed_endpoint_can_only_be_deleted(here):
    change(here, status=EndpointStatus.FAILED)
    with pytest.raises(Conflict, match="an endpoint that is Failed cannot become Updating: it may become Deleting"):
        update(here)


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ("endpoints", f'Could not find endpoint "{ARN}:endpoint/signs".'),
        ("endpoint_configs", f'Could not find endpoint configuration "{ARN}:endpoint-config/signs".'),
        ("models", f'Could not find model "{ARN}:model/signs".'),
    ],
)
def test_what_is_not_there_is_a_validation_exception(here, table, words):
    getattr(here.database, table).remove("signs")
    with pytest.raises(ValidationException) as raised:
        update(here, "signs")
    assert str(raised.value) == words


def test_a_refused_update_changes_nothing(here):
    before = here.database.endpoints.get("signs")
    with pytest.raises(ValidationException):
        update(here, "nope")
    assert here.database.endpoints.get("signs") == before


def test_a_deployment_config_is_kept_and_told(here):
    update(here, DeploymentConfig=BLUE_GREEN)
    assert describe(here)["LastDeploymentConfig"] == BLUE_GREEN


@pytest.mark.parametrize(("retain", "kept"), [(True, BLUE_GREEN), (False, None)])
def test_the_last_deployment_config_is_used_again_where_it_is_retained(here, retain, kept):
    change(here, deployment_config=BLUE_GREEN)
    update(here, RetainDeploymentConfig=retain)
    assert describe(here).get("LastDeploymentConfig") == kept


def test_variant_properties_may_be_retained_or_not(here):
    excluded = [{"VariantPropertyType": "DesiredInstanceCount"}]
    update(here, RetainAllVariantProperties=True, ExcludeRetainedVariantProperties=excluded)
    assert describe(here)["EndpointStatus"] == "Updating"


@pytest.mark.parametrize(
    ("config", "words"),
    [
        (
            {"RollingUpdatePolicy": {"MaximumBatchSize": HALF, "WaitIntervalInSeconds": 1}},
            r"RollingUpdatePolicy needs several instances: one is served",
        ),
        (
            {"AutoRollbackConfiguration": {"Alarms": [{"AlarmName": "errors"}]}},
            "names CloudWatch alarms: none are served",
        ),
        (
            {"BlueGreenUpdatePolicy": {"TrafficRoutingConfiguration": ALL_AT_ONCE | {"Type": "CANARY"}}},
            "Traffic cannot be routed CANARY: one instance is served, ALL_AT_ONCE",
        ),
    ],
)
def test_a_deployment_that_cannot_be_done_is_refused(here, config, words):
    with pytest.raises(ValidationException, match=words):
        update(here, DeploymentConfig=config)


@pytest.mark.parametrize(
    ("config", "kept"),
    [({}, {}), ({"BlueGreenUpdatePolicy": None}, {}), *[({"AutoRollbackConfiguration": {}},) * 2]],
)
def test_a_deployment_config_that_says_nothing_is_taken(here, config, kept):
    update(here, DeploymentConfig=config)
    assert describe(here)["LastDeploymentConfig"] == kept


def test_a_wait_beyond_awss_hour_is_refused_by_its_shape(here):
    policy = {"TrafficRoutingConfiguration": ALL_AT_ONCE, "TerminationWaitInSeconds": 3601}
    with pytest.raises(BadInput, match="terminationWaitInSeconds"):
        update(here, DeploymentConfig={"BlueGreenUpdatePolicy": policy})
