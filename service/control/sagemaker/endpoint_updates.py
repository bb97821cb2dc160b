"""UpdateEndpoint: another configuration, or the same again, while the endpoint goes on answering.

What lives here: what may be asked for, and what DescribeEndpoint tells of it. What does not: the processes that it
takes (the scheduler's).
"""

from dataclasses import replace
from typing import Any

from service.control.sagemaker.context import Context, Json, ValidationException
from service.control.sagemaker.endpoints import check_variants, find_endpoint, find_endpoint_config
from service.core.names import Resource
from service.core.records import EndpointRecord
from service.core.states import EndpointStatus, advance

IN_PROGRESS = (
    EndpointStatus.CREATING,
    EndpointStatus.UPDATING,
    EndpointStatus.SYSTEM_UPDATING,
    EndpointStatus.ROLLING_BACK,
    EndpointStatus.DELETING,
)


def update_endpoint(request: Json, context: Context) -> Json:
    """Asks for an Endpoint under another configuration, or a new process under the same one.

    It is Updating, and serves, until the new process has taken over and the old one is gone; then InService. Where the
    new one does not get ready, RollingBack and InService as before, and FailureReason says why. There is one instance
    of one variant, so no variant property differs whether retained or not.
    """
    name = str(request["EndpointName"])
    with context.database.transaction():  # the scheduler may write the row as well
        record = find_endpoint(name, context)
        config = find_endpoint_config(str(request["EndpointConfigName"]), context)
        arn = context.arn(Resource.ENDPOINT, name)
        if record.status in IN_PROGRESS:
            raise ValidationException(f'Cannot update in-progress endpoint "{arn}".')
        check_variants(config, context)
        wanted = replace(
            record,
            status=advance(record.status, EndpointStatus.UPDATING),
            pending_config_name=config.name,
            deployment_config=_deployment_config(request, record),
            failure_reason=None,
            modified_at=context.now,
        )
        context.database.endpoints.save(wanted)
    return {"EndpointArn": arn}


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
