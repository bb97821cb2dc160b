"""The table: what every operation and every other route needs of whom, and on which names. Nothing else is allowed.

What lives here: one line an operation, which is enforced (enforcement) and printed (docs/access.md). What does not: how
a request's names are found (resources, logs_and_metrics), which role allows an action (core.access).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import Final

from service.control.access import logs_and_metrics as measured
from service.control.access import resources as of
from service.control.access.resources import Concern, Json
from service.core.access import Action, Principal, patterns
from service.core.names import Resource
from service.core.own_code import definition_brings_code, job_brings_code, schedule_brings_code
from service.core.records import MonitoringType


class Open(StrEnum):
    """What needs no grant."""

    TO_ANYBODY = "anybody"
    TO_EVERY_USER = "every user"


@dataclass(frozen=True, slots=True)
class Rule:
    """One line: the action that a grant must allow on what the request concerns.

    What it refers to must be readable besides. Where it brings code of the caller's own, the action is to deploy.
    """

    action: Action | Open
    concerns: Concern = of.NOTHING
    refers_to: Concern | None = None
    brings_code: Callable[[Json], bool] | None = None

    @property
    def changes(self) -> bool:
        """True where a grant must allow more than to read and to ask."""
        return self.action in (Action.OPERATE, Action.DEPLOY, Action.ADMINISTER)


# One measurement is as good as the next, and clients send the same one twice on purpose.
MEASURES: Final = frozenset({"cloudwatch:PutMetricData"})


def changes(operation: str) -> bool:
    """True for an operation that leaves the installation another one: none of its requests is carried out twice."""
    return operation in RULES and RULES[operation].changes and operation not in MEASURES


def may_change(principal: Principal, operation: str) -> bool:
    """True for a change that some grant of the principal's allows, for whatever names."""
    return changes(operation) and bool(patterns(principal, Action(RULES[operation].action)))


def _of_kind(kind: MonitoringType) -> Mapping[str, Rule]:
    brings_code = partial(definition_brings_code, kind)
    return {
        f"sagemaker:Create{kind}JobDefinition": Rule(Action.OPERATE, of.new_definition(kind), brings_code=brings_code),
        f"sagemaker:Describe{kind}JobDefinition": Rule(Action.READ, of.definition(kind)),
        f"sagemaker:Delete{kind}JobDefinition": Rule(Action.OPERATE, of.definition(kind)),
        f"sagemaker:List{kind}JobDefinitions": Rule(Action.READ, of.LISTED),
    }


MODEL: Final = of.named(Resource.MODEL, "ModelName")
CONFIG: Final = of.named(Resource.ENDPOINT_CONFIG, "EndpointConfigName")
ENDPOINT: Final = of.named(Resource.ENDPOINT, "EndpointName")
NEW_JOB: Final = of.named(Resource.PROCESSING_JOB, "ProcessingJobName")

# Names, ids and grants, and no secret: whoever may read all may see who may what.
READING_USERS: Final = (
    *("GetUser", "ListUsers", "GetUserPolicy", "ListUserPolicies"),
    *("ListAccessKeys", "ListServiceSpecificCredentials"),
)
CHANGING_USERS: Final = (
    *("CreateUser", "DeleteUser", "PutUserPolicy", "DeleteUserPolicy"),
    *("CreateAccessKey", "UpdateAccessKey", "DeleteAccessKey"),
    *(f"{verb}ServiceSpecificCredential" for verb in ("Create", "Update", "Reset", "Delete")),
)

RULES: Final[Mapping[str, Rule]] = {
    "sagemaker:InvokeEndpoint": Rule(Action.INVOKE, ENDPOINT),
    "sagemaker:CreateModel": Rule(Action.DEPLOY, MODEL),
    "sagemaker:DescribeModel": Rule(Action.READ, MODEL),
    "sagemaker:DeleteModel": Rule(Action.DEPLOY, MODEL),
    "sagemaker:ListModels": Rule(Action.READ, of.LISTED),
    "sagemaker:CreateEndpointConfig": Rule(Action.DEPLOY, CONFIG, of.VARIANT_MODELS),
    "sagemaker:DescribeEndpointConfig": Rule(Action.READ, CONFIG),
    "sagemaker:DeleteEndpointConfig": Rule(Action.DEPLOY, CONFIG),
    "sagemaker:ListEndpointConfigs": Rule(Action.READ, of.LISTED),
    "sagemaker:CreateEndpoint": Rule(Action.DEPLOY, ENDPOINT, CONFIG),
    "sagemaker:UpdateEndpoint": Rule(Action.DEPLOY, ENDPOINT, CONFIG),
    "sagemaker:UpdateEndpointWeightsAndCapacities": Rule(Action.DEPLOY, ENDPOINT),
    "sagemaker:DescribeEndpoint": Rule(Action.READ, ENDPOINT),
    "sagemaker:DeleteEndpoint": Rule(Action.DEPLOY, ENDPOINT),
    "sagemaker:ListEndpoints": Rule(Action.READ, of.LISTED),
    "sagemaker:CreateMonitoringSchedule": Rule(
        Action.OPERATE, of.NEW_SCHEDULE, of.REFERRED_DEFINITION, schedule_brings_code
    ),
    "sagemaker:UpdateMonitoringSchedule": Rule(
        Action.OPERATE, of.CHANGED_SCHEDULE, of.REFERRED_DEFINITION, schedule_brings_code
    ),
    "sagemaker:DescribeMonitoringSchedule": Rule(Action.READ, of.SCHEDULE),
    "sagemaker:DeleteMonitoringSchedule": Rule(Action.OPERATE, of.SCHEDULE),
    "sagemaker:StartMonitoringSchedule": Rule(Action.OPERATE, of.SCHEDULE),
    "sagemaker:StopMonitoringSchedule": Rule(Action.OPERATE, of.SCHEDULE),
    "sagemaker:ListMonitoringSchedules": Rule(Action.READ, of.LISTED),
    "sagemaker:ListMonitoringExecutions": Rule(Action.READ, of.LISTED),
    "sagemaker:StartMonitoringExecution": Rule(Action.OPERATE, of.SCHEDULE),
    "sagemaker:DescribeMonitoringExecution": Rule(Action.READ, of.EXECUTION),
    "sagemaker:CreateProcessingJob": Rule(Action.OPERATE, NEW_JOB, brings_code=job_brings_code),
    "sagemaker:DescribeProcessingJob": Rule(Action.READ, of.PROCESSING_JOB),
    "sagemaker:DeleteProcessingJob": Rule(Action.OPERATE, of.PROCESSING_JOB),
    "sagemaker:ListProcessingJobs": Rule(Action.READ, of.LISTED),
    "sagemaker:StopProcessingJob": Rule(Action.OPERATE, of.PROCESSING_JOB),
    **{name: rule for kind in MonitoringType for name, rule in _of_kind(kind).items()},
    "sagemaker:ListMonitoringAlerts": Rule(Action.READ, of.SCHEDULE),
    "sagemaker:UpdateMonitoringAlert": Rule(Action.OPERATE, of.SCHEDULE),
    "sagemaker:ListMonitoringAlertHistory": Rule(Action.READ, of.LISTED),
    "sagemaker:AddTags": Rule(Action.OPERATE, of.TAGGED),
    "sagemaker:DeleteTags": Rule(Action.OPERATE, of.TAGGED),
    "sagemaker:ListTags": Rule(Action.READ, of.TAGGED),
    "logs:DescribeLogGroups": Rule(Action.READ, of.LISTED),
    "logs:DescribeLogStreams": Rule(Action.READ, measured.LOG_STREAMS),
    "logs:GetLogEvents": Rule(Action.READ, measured.LOG_STREAM),
    "logs:FilterLogEvents": Rule(Action.READ, measured.LOG_STREAMS),
    "cloudwatch:PutMetricData": Rule(Action.OPERATE, measured.PUT_METRICS),
    "cloudwatch:ListMetrics": Rule(Action.READ, of.LISTED),
    "cloudwatch:GetMetricStatistics": Rule(Action.READ, measured.ONE_METRIC),
    "cloudwatch:GetMetricData": Rule(Action.READ, measured.QUERIED_METRICS),
    "sts:GetCallerIdentity": Rule(Open.TO_EVERY_USER),
    "iam:GetRole": Rule(Open.TO_EVERY_USER),
    **{f"iam:{name}": Rule(Action.READ, of.INSTALLATION) for name in READING_USERS},
    **{f"iam:{name}": Rule(Action.ADMINISTER, of.INSTALLATION) for name in CHANGING_USERS},
    "GET /": Rule(Action.READ, of.LISTED),
    "GET /index.json": Rule(Action.READ, of.LISTED),
    "GET /executions/{MonitoringExecutionId}": Rule(Action.READ, of.EXECUTION),
    "GET /executions/{MonitoringExecutionId}.json": Rule(Action.READ, of.EXECUTION),
    "GET /executions/{MonitoringExecutionId}/report": Rule(Action.READ, of.EXECUTION),
    "GET /executions/{MonitoringExecutionId}/explanations/{Picture}": Rule(Action.READ, of.EXECUTION),
    "POST /schedules/{MonitoringScheduleName}/start": Rule(Action.OPERATE, of.SCHEDULE),
    "POST /schedules/{MonitoringScheduleName}/stop": Rule(Action.OPERATE, of.SCHEDULE),
    "POST /logout": Rule(Open.TO_EVERY_USER),
    "GET /metrics": Rule(Action.READ, of.INSTALLATION),
    "GET /prometheus/targets": Rule(Action.READ, of.INSTALLATION),
    "GET /processing-jobs/{name}/log": Rule(Action.READ, of.PROCESSING_JOB),
    # These say nothing that is anybody's: where keys are shown, what pages look like, whether the process lives, and
    # what is not served.
    "GET /login": Rule(Open.TO_ANYBODY),
    "POST /login": Rule(Open.TO_ANYBODY),
    "GET /assets/{file}": Rule(Open.TO_ANYBODY),
    "GET /ping": Rule(Open.TO_ANYBODY),
    "POST /service/{service}/operation/{operation}": Rule(Open.TO_ANYBODY),
    "any other path": Rule(Open.TO_ANYBODY),
}
