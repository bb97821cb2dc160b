"""Every needed operation of SageMaker's control plane: a call that succeeds, what is true then, what AWS refuses.

What lives here: the calls as data, made in the world of tests.dialect.world. What does not: making them (calls).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from service.core.job_definitions import RESOURCES
from service.core.records import MonitoringType
from tests import sagemaker_requests as requests

Members = Mapping[str, Any]
ARN: Final = "arn:aws:sagemaker:us-east-1:000000000000"
VALIDATION, NOT_FOUND, IN_USE = "ValidationException", "ResourceNotFound", "ResourceInUse"


@dataclass(frozen=True)
class Refusal:
    """A request that AWS refuses, with which code, and words of its message."""

    request: Members
    code: str
    words: str


@dataclass(frozen=True)
class Question:
    """A call afterwards, and members of its answer; or the code of the error that it is answered with."""

    operation: str
    request: Members
    answer: Members = field(default_factory=dict)
    error: str | None = None


@dataclass(frozen=True)
class Scenario:
    """One operation: a request that succeeds, members of its answer, what is true then, what is refused.

    `names` are those that a listing gives, page by page of one row, below `rows` as their `member`.
    """

    operation: str
    request: Members
    answer: Members = field(default_factory=dict)
    then: tuple[Question, ...] = ()
    refused: tuple[Refusal, ...] = ()
    rows: str = ""
    member: str = ""
    names: tuple[str, ...] = ()


@dataclass(frozen=True)
class Resource:
    """How a resource is called, its ARN's kind, and the errors that AWS has for its name."""

    word: str
    kind: str
    name: str
    missing: tuple[str, str]
    taken: tuple[str, str]

    def named(self, name: str) -> Members:
        """The request that names one."""
        return {self.name: name}

    def arn(self, name: str) -> str:
        """Its ARN."""
        return f"{ARN}:{self.kind}/{name}"

    def not_there(self, request: Members | None = None) -> Refusal:
        """What a name that is not there is answered with."""
        return Refusal(request or self.named("nope"), *self.missing)


def _validated(word: str, kind: str, called: str) -> Resource:
    missing = (VALIDATION, f'Could not find {called} "{ARN}:{kind}/nope".')
    return Resource(word, kind, f"{word}Name", missing, (VALIDATION, f"Cannot create already existing {called}"))


MODEL = _validated("Model", "model", "model")
CONFIG = _validated("EndpointConfig", "endpoint-config", "endpoint configuration")
ENDPOINT = _validated("Endpoint", "endpoint", "endpoint")
JOB = Resource(
    "ProcessingJob",
    "processing-job",
    "ProcessingJobName",
    (VALIDATION, "Could not find requested job"),
    (IN_USE, "Job name must be unique"),
)
SCHEDULE = Resource(
    "MonitoringSchedule",
    "monitoring-schedule",
    "MonitoringScheduleName",
    (NOT_FOUND, "nope does not exist"),
    (IN_USE, "already exists"),
)
FORGED = Refusal({"NextToken": "forged"}, VALIDATION, "NextToken is not one that this listing gave")


def _created(resource: Resource, request: Members, *refused: Refusal, there: str, arn: str = "") -> Scenario:
    """Creation under the name `new`; refused are the name that is `there`, one that breaks the pattern, and others."""
    bad = Refusal({**request, resource.name: "new\n"}, VALIDATION, "failed to satisfy constraint")
    taken = Refusal({**request, resource.name: there}, *resource.taken)
    answer = {arn or f"{resource.word}Arn": resource.arn("new")}
    then = (Question(f"Describe{resource.word}", resource.named("new"), {resource.name: "new"}),)
    return Scenario(f"Create{resource.word}", request, answer, then, (taken, bad, *refused))


def _described(resource: Resource, name: str, answer: Members) -> Scenario:
    return Scenario(f"Describe{resource.word}", resource.named(name), answer, refused=(resource.not_there(),))


def _deleted(resource: Resource, name: str, *refused: Refusal, then: tuple[Question, ...] = ()) -> Scenario:
    gone = Question(f"Describe{resource.word}", resource.named(name), error=resource.missing[0])
    return Scenario(
        f"Delete{resource.word}", resource.named(name), then=then or (gone,), refused=(resource.not_there(), *refused)
    )


def _listed(operation: str, rows: str, member: str, *names: str, **request: object) -> Scenario:
    return Scenario(operation, request, refused=(FORGED,), rows=rows, member=member, names=names)


DESCRIBED_SCHEDULE = {"MonitoringScheduleName": "hourly", "MonitoringType": "DataQuality", "EndpointName": "signs"}
STATUS = "MonitoringScheduleStatus"
BY_NAME = {"SortBy": "Name", "SortOrder": "Ascending"}
ALERT = {"MonitoringScheduleName": "hourly", "MonitoringAlertName": "default"}
TWO_OF_THREE = {"DatapointsToAlert": 2, "EvaluationPeriod": 3}
TAGGED = f"{ARN}:endpoint/signs"
NO_RESOURCE = (VALIDATION, "Could not find resource")
NEW_ENDPOINT = {"EndpointName": "new", "EndpointConfigName": "signs"}
NO_CONFIG = {"EndpointName": "new", "EndpointConfigName": "nope"}
CLARIFY = {"ImageUri": "123456789012.dkr.ecr.us-east-1.amazonaws.com/sagemaker-clarify-processing"}


def _kind(kind: MonitoringType) -> tuple[Scenario, ...]:
    word = f"{kind}JobDefinition"
    missing = (NOT_FOUND, f"{kind} job definition with name nope does not exist")
    resource = Resource(
        word,
        RESOURCES[kind],
        "JobDefinitionName",
        missing,
        (IN_USE, "already exists"),
    )
    request = requests.job_definition(kind, "new")
    in_use = (Refusal({"JobDefinitionName": "used"}, IN_USE, "is used by by-name"),) if kind == "DataQuality" else ()
    names = ("quality", "used") if kind == "DataQuality" else ("quality",)
    given = {f"{kind}JobOutputConfig": requests.job_definition(kind)[f"{kind}JobOutputConfig"]}
    return (
        _created(resource, request, there="quality", arn="JobDefinitionArn"),
        _described(resource, "quality", {"JobDefinitionName": "quality", **given}),
        _deleted(resource, "quality", *in_use),
        _listed(f"List{word}s", "JobDefinitionSummaries", "MonitoringJobDefinitionName", *names, **BY_NAME),
    )


SCENARIOS: Final = (
    _created(
        MODEL,
        requests.model("new"),
        Refusal({"ModelName": "new"}, VALIDATION, "needs one container"),
        there="signs",
    ),
    _described(MODEL, "signs", {"ModelName": "signs", "ExecutionRoleArn": requests.ROLE}),
    _deleted(MODEL, "spare"),
    _listed("ListModels", "Models", "ModelName", "signs", "spare", **BY_NAME),
    _created(
        CONFIG,
        requests.endpoint_config("new", "signs"),
        MODEL.not_there(requests.endpoint_config("new", "nope")),
        there="signs",
    ),
    _described(CONFIG, "signs", {"EndpointConfigName": "signs", "DataCaptureConfig": requests.CAPTURE}),
    _deleted(CONFIG, "spare"),
    _listed("ListEndpointConfigs", "EndpointConfigs", "EndpointConfigName", "signs", "spare", **BY_NAME),
    _created(ENDPOINT, NEW_ENDPOINT, CONFIG.not_there(NO_CONFIG), there="signs"),
    Scenario(
        "UpdateEndpoint",
        {"EndpointName": "signs", "EndpointConfigName": "spare"},
        {"EndpointArn": TAGGED},
        (Question("DescribeEndpoint", {"EndpointName": "signs"}, {"EndpointStatus": "Updating"}),),
        (
            ENDPOINT.not_there({"EndpointName": "nope", "EndpointConfigName": "spare"}),
            CONFIG.not_there({"EndpointName": "signs", "EndpointConfigName": "nope"}),
            Refusal({"EndpointName": "busy", "EndpointConfigName": "signs"}, VALIDATION, "Cannot update in-progress"),
        ),
    ),
    _described(ENDPOINT, "signs", {"EndpointStatus": "InService", "EndpointConfigName": "signs"}),
    _deleted(
        ENDPOINT,
        "signs",
        Refusal({"EndpointName": "busy"}, VALIDATION, "Updating"),
        then=(Question("DescribeEndpoint", {"EndpointName": "signs"}, {"EndpointStatus": "Deleting"}),),
    ),
    _listed("ListEndpoints", "Endpoints", "EndpointName", "signs", StatusEquals="InService"),
    _created(
        SCHEDULE,
        requests.schedule("new"),
        ENDPOINT.not_there(requests.schedule("new", endpoint="nope")),
        Refusal(requests.schedule("new", MonitoringAppSpecification=CLARIFY), VALIDATION, "no monitor here"),
        Refusal(requests.schedule("new", {"ScheduleExpression": "hourly"}), VALIDATION, "no schedule expression"),
        there="hourly",
    ),
    Scenario(
        "UpdateMonitoringSchedule",
        requests.schedule("resting", requests.EVERY_HOUR, Environment={"THRESHOLD": "0.5"}),
        {"MonitoringScheduleArn": SCHEDULE.arn("resting")},
        (Question("DescribeMonitoringSchedule", SCHEDULE.named("resting"), {STATUS: "Stopped"}),),
        (SCHEDULE.not_there(requests.schedule("nope")), ENDPOINT.not_there(requests.schedule(endpoint="nope"))),
    ),
    _described(SCHEDULE, "hourly", DESCRIBED_SCHEDULE),
    _listed(
        "ListMonitoringSchedules",
        "MonitoringScheduleSummaries",
        "MonitoringScheduleName",
        "by-name",
        "hourly",
        StatusEquals="Scheduled",
        **BY_NAME,
    ),
    Scenario(
        "StartMonitoringSchedule",
        SCHEDULE.named("resting"),
        then=(Question("DescribeMonitoringSchedule", SCHEDULE.named("resting"), {STATUS: "Scheduled"}),),
        refused=(SCHEDULE.not_there(),),
    ),
    Scenario(
        "StopMonitoringSchedule",
        SCHEDULE.named("hourly"),
        then=(Question("DescribeMonitoringSchedule", SCHEDULE.named("hourly"), {STATUS: "Stopped"}),),
        refused=(SCHEDULE.not_there(),),
    ),
    _deleted(SCHEDULE, "resting"),
    _listed(
        "ListMonitoringExecutions",
        "MonitoringExecutionSummaries",
        "MonitoringExecutionStatus",
        "CompletedWithViolations",
        MonitoringScheduleName="hourly",
        SortBy="ScheduledTime",
    ),
    *[scenario for kind in MonitoringType for scenario in _kind(kind)],
    _created(JOB, requests.processing_job("new"), there="baseline"),
    _described(JOB, "done", {"ProcessingJobStatus": "Completed"}),
    _listed("ListProcessingJobs", "ProcessingJobSummaries", "ProcessingJobName", "baseline", "done", **BY_NAME),
    Scenario(
        "StopProcessingJob",
        JOB.named("baseline"),
        then=(Question("DescribeProcessingJob", JOB.named("baseline"), {"ProcessingJobStatus": "Stopping"}),),
        refused=(JOB.not_there(), Refusal(JOB.named("done"), VALIDATION, "Completed")),
    ),
    Scenario(
        "ListMonitoringAlerts",
        SCHEDULE.named("hourly"),
        refused=(SCHEDULE.not_there(),),
        rows="MonitoringAlertSummaries",
        member="AlertStatus",
        names=("InAlert",),
    ),
    Scenario(
        "UpdateMonitoringAlert",
        {**ALERT, **TWO_OF_THREE},
        {"MonitoringAlertName": "default", "MonitoringScheduleArn": SCHEDULE.arn("hourly")},
        (Question("ListMonitoringAlertHistory", SCHEDULE.named("hourly") | {"StatusEquals": "OK"}),),
        (
            SCHEDULE.not_there({**ALERT, **TWO_OF_THREE, "MonitoringScheduleName": "nope"}),
            Refusal({**ALERT, **TWO_OF_THREE, "MonitoringAlertName": "nope"}, NOT_FOUND, "nope"),
            Refusal({**ALERT, **TWO_OF_THREE, "DatapointsToAlert": 101}, VALIDATION, "less than or equal to 100"),
        ),
    ),
    _listed(
        "ListMonitoringAlertHistory", "MonitoringAlertHistory", "AlertStatus", "InAlert", **SCHEDULE.named("hourly")
    ),
    Scenario(
        "AddTags",
        {"ResourceArn": TAGGED, "Tags": [{"Key": "cost", "Value": "7"}]},
        {"Tags": [{"Key": "cost", "Value": "7"}, {"Key": "team", "Value": "signs"}]},
        refused=(
            Refusal({"ResourceArn": ENDPOINT.arn("nope"), "Tags": []}, *NO_RESOURCE),
            Refusal({"ResourceArn": TAGGED, "Tags": [{"Key": "aws:x", "Value": ""}]}, VALIDATION, "reserved"),
        ),
    ),
    Scenario(
        "DeleteTags",
        {"ResourceArn": TAGGED, "TagKeys": ["team"]},
        then=(Question("ListTags", {"ResourceArn": TAGGED}, {"Tags": []}),),
        refused=(Refusal({"ResourceArn": ENDPOINT.arn("nope"), "TagKeys": ["team"]}, *NO_RESOURCE),),
    ),
    Scenario(
        "ListTags",
        {"ResourceArn": TAGGED},
        {"Tags": [{"Key": "team", "Value": "signs"}]},
        refused=(Refusal({"ResourceArn": ENDPOINT.arn("nope")}, *NO_RESOURCE),),
    ),
)
