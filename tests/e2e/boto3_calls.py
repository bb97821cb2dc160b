"""Every operation that a team from SageMaker needs, called by boto3, with the states that each resource goes through.

What lives here: the calls, in an order in which each finds what it needs. Nothing names an address: the environment
block does. What does not: starting anything (boto3_flow), which operations there are (tests.sagemaker_operations).
"""

import json
from collections.abc import Callable
from functools import partial

from botocore.exceptions import ClientError

from tests.e2e.boto3_requests import (
    BUCKET,
    CONTAINER,
    ENDPOINT,
    JOB_DEFINITIONS,
    PACKAGE,
    ROLE,
    SCHEDULE,
    VARIANT,
    capture,
    job_definition_request,
    monitoring_schedule,
    processing_job,
)
from tests.e2e.boto3_steps import Flow, has, is_
from tests.e2e.flow_steps import let_the_second_end, steps_and_material
from tests.sagemaker_operations import NEEDED


def deploy(flow: Flow) -> None:
    """Model, endpoint config and endpoint, up to InService."""
    s3 = flow.clients["s3"]
    if BUCKET not in [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]]:
        s3.create_bucket(Bucket=BUCKET)
    s3.upload_file(str(flow.material / "model.tar.gz"), BUCKET, PACKAGE)
    flow("CreateModel", ModelName=ENDPOINT, PrimaryContainer=CONTAINER, ExecutionRoleArn=ROLE)
    flow("DescribeModel", ModelName=ENDPOINT, holds=is_("ExecutionRoleArn", ROLE))
    flow("ListModels", holds=has(ENDPOINT, "ModelName", "Models"))
    for name, percentage in ((ENDPOINT, 100), (f"{ENDPOINT}-2", 50)):
        flow(
            "CreateEndpointConfig",
            EndpointConfigName=name,
            ProductionVariants=[VARIANT],
            DataCaptureConfig=capture(percentage),
        )
    flow("DescribeEndpointConfig", EndpointConfigName=ENDPOINT, holds=is_("DataCaptureConfig", capture(100)))
    flow("ListEndpointConfigs", holds=has(f"{ENDPOINT}-2", "EndpointConfigName", "EndpointConfigs"))
    flow("CreateEndpoint", EndpointName=ENDPOINT, EndpointConfigName=ENDPOINT)
    flow.states("DescribeEndpoint until InService", endpoint_status(flow), "Creating", "InService")
    flow("DescribeEndpoint", EndpointName=ENDPOINT, holds=lambda answer: answer["DataCaptureConfig"]["EnableCapture"])
    flow("ListEndpoints", StatusEquals="InService", holds=has(ENDPOINT, "EndpointName", "Endpoints"))


def endpoint_status(flow: Flow) -> Callable[[], str]:
    """A question for the endpoint's state."""
    return lambda: flow.clients["sagemaker"].describe_endpoint(EndpointName=ENDPOINT)["EndpointStatus"]


def invoke(flow: Flow) -> None:
    """One request of many classes."""
    flow(
        "InvokeEndpoint",
        service="sagemaker-runtime",
        EndpointName=ENDPOINT,
        Body=(flow.material / "photographs.npy").read_bytes(),
        ContentType="application/x-npy",
        Accept="application/json",
        InferenceId="one",
        holds=lambda answer: len(json.loads(answer["Body"].read())) == 24,
        note=lambda answer: answer["InvokedProductionVariant"],
    )
    let_the_second_end()


def schedule(flow: Flow) -> None:
    """A schedule through its states, and one execution of it through its own."""
    flow(
        "CreateMonitoringSchedule",
        MonitoringScheduleName=SCHEDULE,
        MonitoringScheduleConfig=monitoring_schedule(),
    )
    schedules = flow.clients["sagemaker"]

    def status() -> str:
        return schedules.describe_monitoring_schedule(MonitoringScheduleName=SCHEDULE)["MonitoringScheduleStatus"]

    flow.states("DescribeMonitoringSchedule until Scheduled", status, "Pending", "Scheduled")
    flow.states(
        "ListMonitoringExecutions until Completed", lambda: execution_status(flow), "Pending", "InProgress", "Completed"
    )
    flow(
        "ListMonitoringExecutions",
        MonitoringScheduleName=SCHEDULE,
        SortBy="ScheduledTime",
        holds=lambda answer: "ProcessingJobArn" in answer["MonitoringExecutionSummaries"][0],
    )
    flow(
        "DescribeMonitoringSchedule",
        MonitoringScheduleName=SCHEDULE,
        holds=lambda answer: answer["LastMonitoringExecutionSummary"]["MonitoringExecutionStatus"] == "Completed",
    )
    hourly = {**monitoring_schedule(), "ScheduleConfig": {"ScheduleExpression": "cron(0 * ? * * *)"}}
    flow("UpdateMonitoringSchedule", MonitoringScheduleName=SCHEDULE, MonitoringScheduleConfig=hourly)
    flow.states("DescribeMonitoringSchedule, once updated", status, "Pending", "Scheduled")
    flow("StopMonitoringSchedule", MonitoringScheduleName=SCHEDULE)
    flow.states("DescribeMonitoringSchedule until Stopped", status, "Pending", "Stopped")
    flow("StartMonitoringSchedule", MonitoringScheduleName=SCHEDULE)
    flow.states("DescribeMonitoringSchedule until Scheduled again", status, "Pending", "Scheduled")
    flow(
        "ListMonitoringSchedules",
        EndpointName=ENDPOINT,
        holds=has(SCHEDULE, "MonitoringScheduleName", "MonitoringScheduleSummaries"),
    )


def execution_status(flow: Flow) -> str:
    """The state of the schedule's newest execution; "none" where there is none yet."""
    found = flow.clients["sagemaker"].list_monitoring_executions(MonitoringScheduleName=SCHEDULE)
    rows = found["MonitoringExecutionSummaries"]
    return str(rows[0]["MonitoringExecutionStatus"]) if rows else "none"


def alerts(flow: Flow) -> None:
    """The alert that comes with the schedule."""
    listed = flow(
        "ListMonitoringAlerts",
        MonitoringScheduleName=SCHEDULE,
        note=lambda answer: answer["MonitoringAlertSummaries"][0]["AlertStatus"],
    )
    name = listed["MonitoringAlertSummaries"][0]["MonitoringAlertName"]
    flow(
        "UpdateMonitoringAlert",
        MonitoringScheduleName=SCHEDULE,
        MonitoringAlertName=name,
        DatapointsToAlert=2,
        EvaluationPeriod=3,
    )
    flow("ListMonitoringAlertHistory", MonitoringScheduleName=SCHEDULE)


def tags(flow: Flow) -> None:
    """Tags of the endpoint."""
    arn = flow.clients["sagemaker"].describe_endpoint(EndpointName=ENDPOINT)["EndpointArn"]
    flow("AddTags", ResourceArn=arn, Tags=[{"Key": "team", "Value": "signs"}])
    flow("ListTags", ResourceArn=arn, holds=is_("Tags", [{"Key": "team", "Value": "signs"}]))
    flow("DeleteTags", ResourceArn=arn, TagKeys=["team"])
    flow("ListTags", ResourceArn=arn, holds=is_("Tags", []))


def job_definition(flow: Flow, kind: str) -> None:
    """A job definition of one kind, from its creation to its end."""
    request = job_definition_request(kind)
    name = {"JobDefinitionName": request["JobDefinitionName"]}
    flow(f"Create{kind}JobDefinition", **request)
    specification = f"{kind}AppSpecification"
    flow(
        f"Describe{kind}JobDefinition",
        **name,
        holds=lambda answer: request[specification].items() <= answer[specification].items(),
    )
    rows = "JobDefinitionSummaries"
    flow(f"List{kind}JobDefinitions", holds=has(name["JobDefinitionName"], "MonitoringJobDefinitionName", rows))
    flow(f"Delete{kind}JobDefinition", **name)


def processing_jobs(flow: Flow) -> None:
    """One job through its states to Completed, and one that is stopped."""
    flow("CreateProcessingJob", **processing_job("by-hand"))
    flow.states("DescribeProcessingJob until Completed", lambda: job_status(flow, "by-hand"), "InProgress", "Completed")
    flow("DescribeProcessingJob", ProcessingJobName="by-hand", note=lambda answer: answer["ExitMessage"])
    flow("CreateProcessingJob", **processing_job("stopped"))
    flow("StopProcessingJob", ProcessingJobName="stopped")
    flow.states(
        "DescribeProcessingJob until Stopped", lambda: job_status(flow, "stopped"), "InProgress", "Stopping", "Stopped"
    )
    flow(
        "ListProcessingJobs",
        NameContains="stopped",
        holds=has("stopped", "ProcessingJobName", "ProcessingJobSummaries"),
    )


def job_status(flow: Flow, name: str) -> str:
    """The state of a processing job."""
    return str(flow.clients["sagemaker"].describe_processing_job(ProcessingJobName=name)["ProcessingJobStatus"])


def logs(flow: Flow) -> None:
    """The log of the job that ran by hand."""
    group = "/aws/sagemaker/ProcessingJobs"
    found = flow(
        "DescribeLogStreams",
        service="logs",
        logGroupName=group,
        logStreamNamePrefix="by-hand/",
        holds=lambda answer: len(answer["logStreams"]) == 1,
        note=lambda answer: answer["logStreams"][0]["logStreamName"],
    )
    stream = found["logStreams"][0]["logStreamName"]
    flow(
        "GetLogEvents",
        service="logs",
        logGroupName=group,
        logStreamName=stream,
        startFromHead=True,
        holds=lambda answer: answer["events"],
        note=lambda answer: answer["events"][-1]["message"],
    )


def identity(flow: Flow) -> None:
    """Who calls, and a role by its name."""
    flow("GetCallerIdentity", service="sts", note=lambda answer: answer["Arn"])
    flow("GetRole", service="iam", RoleName="SageMakerRole", note=lambda answer: answer["Role"]["Arn"])


def update(flow: Flow) -> None:
    """The endpoint's second configuration."""
    flow("UpdateEndpoint", EndpointName=ENDPOINT, EndpointConfigName=f"{ENDPOINT}-2")
    flow.states("DescribeEndpoint until InService again", endpoint_status(flow), "Updating", "InService")
    flow(
        "DescribeEndpoint",
        EndpointName=ENDPOINT,
        holds=lambda answer: answer["DataCaptureConfig"]["CurrentSamplingPercentage"] == 50,
    )


def delete(flow: Flow) -> None:
    """Everything that was made, and the endpoint up to its end."""
    flow("DeleteMonitoringSchedule", MonitoringScheduleName=SCHEDULE)
    for name in (ENDPOINT, f"{ENDPOINT}-2"):
        flow("DeleteEndpointConfig", EndpointConfigName=name)
    flow("DeleteEndpoint", EndpointName=ENDPOINT)
    flow.states("DescribeEndpoint until it is gone", lambda: status_or_gone(flow), "Deleting", "gone")
    flow("DeleteModel", ModelName=ENDPOINT)


def status_or_gone(flow: Flow) -> str:
    """The endpoint's state, or "gone"."""
    try:
        return endpoint_status(flow)()
    except ClientError as error:
        if "Could not find endpoint" not in str(error):
            raise
        return "gone"


def main() -> None:
    """The whole flow, and at its end what it has not called."""
    step, material = steps_and_material()
    flow = Flow(step, material)
    definitions = [partial(job_definition, kind=kind) for kind in JOB_DEFINITIONS]
    before = (deploy, invoke, schedule, alerts, tags)
    for part in (*before, *definitions, processing_jobs, logs, identity, update, delete):
        with step.part():
            part(flow)
    with step.part():
        step("every needed operation answered", lambda: sorted(NEEDED - flow.called), holds=lambda rest: not rest)


if __name__ == "__main__":
    main()
