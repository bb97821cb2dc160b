"""The operations that a team from Model Monitor calls, as data: what a flow must call, what the README lists.

What lives here: AWS's names, by service and resource, and how much they are needed. What does not: which of them are
served (service.control), calling them (tests.e2e.boto3_calls).
"""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Group:
    """The operations on one resource of one service (botocore's name of it).

    `must`: without them the SDK's own monitoring flow breaks. `should`: its notebooks and consoles call them. `may`:
    near by, and asked for now and then.
    """

    service: str
    resource: str
    must: tuple[str, ...] = ()
    should: tuple[str, ...] = ()
    may: tuple[str, ...] = ()

    @property
    def operations(self) -> tuple[str, ...]:
        """All of them, the most needed first."""
        return (*self.must, *self.should, *self.may)


def _named(names: str) -> tuple[str, ...]:
    return tuple(names.split())


def _job_definition(kind: str) -> tuple[str, ...]:
    name = f"{kind}JobDefinition"
    return (f"Create{name}", f"Describe{name}", f"Delete{name}", f"List{name}s")


GROUPS: Final = (
    Group("sagemaker", "Model", _named("CreateModel DeleteModel"), _named("DescribeModel ListModels")),
    Group(
        "sagemaker",
        "Endpoint config",
        _named("CreateEndpointConfig DescribeEndpointConfig DeleteEndpointConfig"),
        _named("ListEndpointConfigs"),
    ),
    Group(
        "sagemaker",
        "Endpoint",
        _named("CreateEndpoint UpdateEndpoint DescribeEndpoint DeleteEndpoint"),
        _named("ListEndpoints"),
        _named("UpdateEndpointWeightsAndCapacities"),
    ),
    Group(
        "sagemaker",
        "Monitoring schedule",
        _named("CreateMonitoringSchedule UpdateMonitoringSchedule DescribeMonitoringSchedule ListMonitoringSchedules")
        + _named("StartMonitoringSchedule StopMonitoringSchedule DeleteMonitoringSchedule ListMonitoringExecutions"),
    ),
    Group(
        "sagemaker",
        "Monitoring alert",
        should=_named("ListMonitoringAlerts UpdateMonitoringAlert ListMonitoringAlertHistory"),
    ),
    Group(
        "sagemaker",
        "Job definition",
        _job_definition("DataQuality"),
        _job_definition("ModelQuality") + _job_definition("ModelBias") + _job_definition("ModelExplainability"),
    ),
    Group(
        "sagemaker",
        "Processing job",
        _named("CreateProcessingJob DescribeProcessingJob"),
        _named("ListProcessingJobs StopProcessingJob"),
        _named("DeleteProcessingJob"),
    ),
    Group("sagemaker", "Tags", _named("ListTags"), _named("AddTags DeleteTags")),
    Group(
        "sagemaker",
        "Transform job",
        may=_named("CreateTransformJob DescribeTransformJob ListTransformJobs StopTransformJob"),
    ),
    Group(
        "sagemaker-runtime",
        "Invocation",
        _named("InvokeEndpoint"),
        may=_named("InvokeEndpointAsync InvokeEndpointWithResponseStream"),
    ),
    Group(
        "logs",
        "CloudWatch Logs",
        _named("DescribeLogStreams GetLogEvents"),
        may=_named("FilterLogEvents DescribeLogGroups"),
    ),
    Group("sts", "STS", _named("GetCallerIdentity"), may=_named("AssumeRole")),
    Group("iam", "IAM", should=_named("GetRole"), may=_named("SimulatePrincipalPolicy")),
    Group(
        "iam",
        "Users and keys",
        may=_named(
            "CreateUser GetUser DeleteUser ListUsers PutUserPolicy GetUserPolicy DeleteUserPolicy ListUserPolicies"
        )
        + _named("CreateAccessKey UpdateAccessKey DeleteAccessKey ListAccessKeys")
        + tuple(f"{verb}ServiceSpecificCredential" for verb in ("Create", "Update", "Reset", "Delete"))
        + _named("ListServiceSpecificCredentials"),
    ),
    Group(
        "cloudwatch",
        "CloudWatch",
        may=_named("ListMetrics GetMetricStatistics GetMetricData PutMetricData PutMetricAlarm"),
    ),
)

NEEDED: Final = frozenset((group.service, name) for group in GROUPS for name in (*group.must, *group.should))
