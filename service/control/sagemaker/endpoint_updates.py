"""UpdateEndpoint and UpdateEndpointWeightsAndCapacities: another configuration, the same again, or other weights.

The endpoint goes on answering meanwhile.

What lives here: what may be asked for, and what DescribeEndpoint tells of it. What does not: the processes that it
takes (the scheduler's).
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from service.control.sagemaker.context import Context, Json, ValidationException
from service.control.sagemaker.endpoints import check_variants, find_endpoint, find_endpoint_config
from service.core.names import Resource
from service.core.records import EndpointRecord
from service.core.states import EndpointStatus, advance
from service.core.variants import asked_for, current_weights

IN_PROGRESS = (
    EndpointStatus.CREATING,
    EndpointStatus.UPDATING,
    EndpointStatus.SYSTEM_UPDATING,
    EndpointStatus.ROLLING_BACK,
    EndpointStatus.DELETING,
)


def update_endpoint(request: Json, context: Context) -> Json:
    """Asks for an Endpoint under another configuration, or a new process under the same one.

    It is Updating, and serves, until the new processes have taken over and the old ones are gone; then InService. Where
    one does not get ready, RollingBack and InService as before, and FailureReason says why.
    """
    with context.database.transaction():  # the scheduler may write the row as well
        record, arn = _settled(request, context)
        config = find_endpoint_config(str(request["EndpointConfigName"]), context)
        check_variants(config, context)
        wanted = replace(
            record,
            status=advance(record.status, EndpointStatus.UPDATING),
            pending_config_name=config.name,
            deployment_config=_deployment_config(request, record),
            retained_weights=_retained_weights(request, record),
            failure_reason=None,
            modified_at=context.now,
        )
        context.database.endpoints.save(wanted)
    return {"EndpointArn": arn}


def update_endpoint_weights_and_capacities(request: Json, context: Context) -> Json:
    """Asks for other weights; the endpoint is Updating until every request is drawn by them, then InService.

    There is one instance of a variant, so any DesiredInstanceCount is taken and changes nothing.
    """
    with context.database.transaction():  # the scheduler may write the row as well
        record, arn = _settled(request, context)
        weights = _desired_weights(request, current_weights(record), arn)
        wanted = replace(
            record,
            status=advance(record.status, EndpointStatus.UPDATING),
            running=[asked_for(process, weights) for process in record.running],
            failure_reason=None,
            modified_at=context.now,
        )
        context.database.endpoints.save(wanted)
    return {"EndpointArn": arn}


def _settled(request: Json, context: Context) -> tuple[EndpointRecord, str]:
    """The endpoint and its ARN. Raises ValidationException in AWS's words where something is done to it already."""
    name = str(request["EndpointName"])
    record, arn = find_endpoint(name, context), context.arn(Resource.ENDPOINT, name)
    if record.status in IN_PROGRESS:
        raise ValidationException(f'Cannot update in-progress endpoint "{arn}".')
    return record, arn


def _desired_weights(request: Json, served: Mapping[str, float], arn: str) -> dict[str, float]:
    given: Any = request["DesiredWeightsAndCapacities"]
    for each in given:
        if each["VariantName"] not in served:
            names = ", ".join(served)
            raise ValidationException(f'Could not find variant "{each["VariantName"]}" on "{arn}": it has {names}.')
    return {
        each["VariantName"]: float(each["DesiredWeight"]) for each in given if each.get("DesiredWeight") is not None
    }


def _retained_weights(request: Json, record: EndpointRecord) -> dict[str, float] | None:
    """Those of the variants that serve, where they are to outlive the configuration's own."""
    excluded: Any = request.get("ExcludeRetainedVariantProperties") or []
    if not request.get("RetainAllVariantProperties") or {"VariantPropertyType": "DesiredWeight"} in excluded:
        return None
    return current_weights(record)


def _deployment_config(request: Json, record: EndpointRecord) -> dict[str, Any] | None:
    """The DeploymentConfig asked for, or the last one where that is to be retained."""
    given: Any = request.get("DeploymentConfig")
    if given is None:
        return record.deployment_config if request.get("RetainDeploymentConfig") else None
    if given.get("RollingUpdatePolicy"):
        raise ValidationException("DeploymentConfig.RollingUpdatePolicy needs several instances: one is served")
    if _member(given, "AutoRollbackConfiguration").get("Alarms"):
        raise ValidationException("DeploymentConfig.AutoRollbackConfiguration names CloudWatch alarms: none are served")
    routing = _member(_member(given, "BlueGreenUpdatePolicy"), "TrafficRoutingConfiguration")
    if routing and routing["Type"] != "ALL_AT_ONCE":
        raise ValidationException(f"Traffic cannot be routed {routing['Type']}: one instance is served, ALL_AT_ONCE")
    return dict(given)


def _member(given: dict[str, Any], name: str) -> dict[str, Any]:
    return given.get(name) or {}  # null is as good as not sent
