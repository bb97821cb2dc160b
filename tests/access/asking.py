"""Requests of every operation and route, about one's own endpoint, a foreign one, or none: as they go over the wire.

Names of what belongs to an endpoint mislead: whose own names begin like the caller's endpoints belong to foreign ones.
"""

import json
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlencode

from service.core.names import ENDPOINT_LOG_GROUPS
from tests import sagemaker_requests as requests
from tests.access.cells import BY_SESSION, OWN_CODE, Whose

KINDS: Final = ("DataQuality", "ModelQuality", "ModelBias", "ModelExplainability")
SCHEDULES: Final = {Whose.OWN: "s-1", Whose.FOREIGN: "own-s-2", Whose.NOBODYS: "own-s-3"}
DEFINITIONS: Final = {Whose.OWN: "d-1", Whose.FOREIGN: "own-d-2", Whose.NOBODYS: "own-d-3"}
JOBS: Final = {Whose.OWN: "j-1", Whose.FOREIGN: "own-j-2", Whose.NOBODYS: "own-j-3"}
PREFIXES: Final = {"sagemaker": "SageMaker", "logs": "Logs_20140328", "cloudwatch": "GraniteServiceVersion20100801"}
SIGNING_NAMES: Final = {"cloudwatch": "monitoring"}
IMAGE: Final = "registry.example/mine:1"
ARN: Final = "arn:aws:sagemaker:us-east-1:000000000000:monitoring-schedule/"


@dataclass(frozen=True)
class Asked:
    """One request: which service it is signed for, None where a browser's session sends it, and what is sent."""

    service: str | None
    method: str = "POST"
    path: str = "/"
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


def asked(operation: str, whose: Whose) -> Asked:
    """The request of an operation, as in `sagemaker:ListModels`, or of a route, as in `GET /metrics`."""
    if "/" in operation:
        return _page(operation, whose)
    service, _, name = operation.removesuffix(OWN_CODE).partition(":")
    if name == "InvokeEndpoint":
        return Asked(service, path=f"/endpoints/{whose}/invocations", body=b"[1]")
    members = MEMBERS[service](name, whose, operation.endswith(OWN_CODE))
    signing = SIGNING_NAMES.get(service, service)
    if service in PREFIXES:
        headers = {"X-Amz-Target": f"{PREFIXES[service]}.{name}", "Content-Type": "application/x-amz-json-1.1"}
        return Asked(signing, headers=headers, body=json.dumps(members).encode())
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    return Asked(signing, headers=headers, body=urlencode({"Action": name, **members}).encode())


def _page(operation: str, whose: Whose) -> Asked:
    method, _, path = operation.removesuffix(BY_SESSION).partition(" ")
    named = {
        "{name}": JOBS[whose],
        "{MonitoringScheduleName}": SCHEDULES[whose],
        "{MonitoringExecutionId}": f"execution-of-{whose}",
    }
    for placeholder, name in named.items():
        path = path.replace(placeholder, name)
    by_session = method == "POST" or operation.endswith(BY_SESSION)
    return Asked(None if by_session else "sagemaker", method, path)


def _sagemaker(name: str, whose: Whose, own_code: bool) -> dict[str, Any]:
    image = IMAGE if own_code else "sextant/class-skew"
    kind = next((kind for kind in KINDS if f"{kind}JobDefinition" in name), "")
    if kind:
        return _definition(name, kind, whose, image)
    application = {"MonitoringAppSpecification": {"ImageUri": image}}
    made = {
        "CreateModel": requests.model(whose),
        "CreateEndpointConfig": requests.endpoint_config(whose),
        "CreateMonitoringSchedule": requests.schedule("own-new", endpoint=whose, **application),
        "UpdateMonitoringSchedule": requests.schedule(SCHEDULES[whose], endpoint=whose, **application),
        "CreateProcessingJob": requests.processing_job(f"{whose}-new", AppSpecification={"ImageUri": image}),
    }
    return made.get(name) or _members(name, whose)


def _definition(operation: str, kind: str, whose: Whose, image: str) -> dict[str, Any]:
    if operation.startswith("List"):
        return {}
    if not operation.startswith("Create"):
        return {"JobDefinitionName": DEFINITIONS[whose]}
    request = requests.job_definition(kind, "own-new")
    request[f"{kind}AppSpecification"]["ImageUri"] = image
    request[f"{kind}JobInput"]["EndpointInput"]["EndpointName"] = whose
    return request


def _members(name: str, whose: Whose) -> dict[str, Any]:
    """What names one resource, and what else the operation needs."""
    if name.startswith("List") and name not in ("ListTags", "ListMonitoringAlerts"):
        return {}
    weights = [{"VariantName": "AllTraffic", "DesiredWeight": 1}]
    alert = {"MonitoringAlertName": "a", "DatapointsToAlert": 1, "EvaluationPeriod": 1}
    more: dict[str, dict[str, Any]] = {
        "CreateEndpoint": {"EndpointConfigName": "own"},
        "UpdateEndpoint": {"EndpointConfigName": "own"},
        "UpdateEndpointWeightsAndCapacities": {"DesiredWeightsAndCapacities": weights},
        "StartMonitoringExecution": {"DataAnalysisStartTime": 1e9, "DataAnalysisEndTime": 1e9 + 60},
        "UpdateMonitoringAlert": alert,
        "AddTags": {"Tags": [{"Key": "k", "Value": "v"}]},
        "DeleteTags": {"TagKeys": ["k"]},
    }
    return {**_named(name, whose), **more.get(name, {})}


def _named(name: str, whose: Whose) -> dict[str, Any]:
    if "Tags" in name:
        return {"ResourceArn": ARN + SCHEDULES[whose]}
    if name == "DescribeMonitoringExecution":
        return {"MonitoringExecutionId": f"execution-of-{whose}"}
    if "ProcessingJob" in name:
        return {"ProcessingJobName": JOBS[whose]}
    if "Monitoring" in name:
        return {"MonitoringScheduleName": SCHEDULES[whose]}
    kind = next(kind for kind in ("EndpointConfig", "Endpoint", "Model") if kind in name)
    return {f"{kind}Name": whose}


def _logs(name: str, whose: Whose, _own_code: bool) -> dict[str, Any]:
    if name == "DescribeLogGroups":
        return {}
    stream = {"logStreamName": "AllTraffic/all-processes"} if name == "GetLogEvents" else {}
    return {"logGroupName": ENDPOINT_LOG_GROUPS + whose, **stream}


def _cloudwatch(name: str, whose: Whose, _own_code: bool) -> dict[str, Any]:
    times = {"StartTime": 1e9, "EndTime": 1e9 + 60}
    dimensions = [{"Name": "Endpoint", "Value": whose}]
    metric = {"Namespace": "Shop", "MetricName": "m", "Dimensions": dimensions}
    stat = {"Metric": metric, "Period": 60, "Stat": "Sum"}
    return {
        "ListMetrics": {},
        "PutMetricData": {
            "Namespace": "Shop",
            "MetricData": [{"MetricName": "m", "Value": 1.0, "Dimensions": dimensions}],
        },
        "GetMetricStatistics": {**metric, **times, "Period": 60, "Statistics": ["Sum"]},
        "GetMetricData": {**times, "MetricDataQueries": [{"Id": "q", "MetricStat": stat}]},
    }[name]


def _identity(_name: str, whose: Whose, _own_code: bool) -> dict[str, Any]:
    # All that any operation of IAM's here asks for; what one does not know it passes over.
    return {
        "RoleName": "any",
        "UserName": f"user-{whose}",
        "PolicyName": "p",
        "PolicyDocument": "{}",
        "AccessKeyId": "SXTNOBODYSKEY0000000",
        "Status": "Inactive",
        "ServiceName": "sagemaker.amazonaws.com",
        "ServiceSpecificCredentialId": "SXKNOBODYSKEY0000000",
    }


MEMBERS: Final = {
    "sagemaker": _sagemaker,
    "logs": _logs,
    "cloudwatch": _cloudwatch,
    "sts": _identity,
    "iam": _identity,
}
