"""`sextant schedule`: judge an endpoint's captures, on a cron or now."""

from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from service.cli.client import Client, connect, load, local_time, wait_for
from service.cli.endpoint import ROLE, parse_pairs
from service.cli.output import AsJson, print_fields, print_json, print_table, say

app = typer.Typer(help="Judge an endpoint's captures.", no_args_is_help=True)
FINDINGS_EXIT_CODE = 6
RUN_SECONDS = 3600.0
ENDED = ("Completed", "CompletedWithViolations", "Failed", "Stopped")


@app.command()
def create(
    name: str,
    endpoint: Annotated[str, typer.Option(help="Endpoint whose captures are judged.")],
    monitor: Annotated[str, typer.Option(help="Image of the monitor.")] = "sextant/class-skew",
    cron: Annotated[str, typer.Option(help="Six fields, UTC; minutes are allowed.")] = "cron(0 * ? * * *)",
    environment: Annotated[list[str] | None, typer.Option("--env", help="NAME=VALUE for the monitor.")] = None,
    baseline: Annotated[str | None, typer.Option(help="s3:// address that `baseline create` printed.")] = None,
    output: Annotated[str | None, typer.Option(help="s3:// address that reports go to.")] = None,
    as_json: AsJson = False,
) -> None:
    """Create a schedule.

    Example: sextant schedule create skew --endpoint digits --cron "cron(0/15 * ? * * *)" --env THRESHOLD=0.5
    """
    config = {
        "ScheduleConfig": {"ScheduleExpression": cron},
        "MonitoringJobDefinition": job_definition(
            endpoint,
            monitor=monitor,
            environment=parse_pairs(environment),
            baseline=baseline,
            output=output or f"s3://{load().bucket}/reports",
        ),
    }
    client = connect()
    client.call("DescribeEndpoint", EndpointName=endpoint)  # a name mistyped here would only ever judge nothing
    client.call("CreateMonitoringSchedule", MonitoringScheduleName=name, MonitoringScheduleConfig=config)
    _show(client.call("DescribeMonitoringSchedule", MonitoringScheduleName=name), as_json=as_json)


@app.command("list")
def list_schedules(as_json: AsJson = False) -> None:
    """List schedules, newest first."""
    rows = connect().pages("ListMonitoringSchedules", "MonitoringScheduleSummaries")
    if as_json:
        print_json(rows)
        return
    shown = [
        {
            "Name": row["MonitoringScheduleName"],
            "Endpoint": row["EndpointName"],
            "Status": row["MonitoringScheduleStatus"],
            "Created": local_time(row["CreationTime"]),
        }
        for row in rows
    ]
    columns = ["Name", "Endpoint", "Status", "Created"]
    print_table(columns, shown, empty="No schedules: sextant schedule create NAME --endpoint ENDPOINT")


@app.command()
def describe(name: str, as_json: AsJson = False) -> None:
    """Show one schedule."""
    _show(connect().call("DescribeMonitoringSchedule", MonitoringScheduleName=name), as_json=as_json)


@app.command()
def run(
    name: str,
    start: Annotated[datetime, typer.Option("--from", help="Start of the window, UTC.")],
    end: Annotated[datetime, typer.Option("--to", help="End of the window, UTC; not in it.")],
    from_raw: Annotated[bool, typer.Option(help="Read every capture again, whatever the side index says.")] = False,
    wait: Annotated[bool, typer.Option(help="Wait for the verdict.")] = True,
    fail_on_violations: Annotated[bool, typer.Option(help="Exit with 6 where violations are found.")] = False,
    as_json: AsJson = False,
) -> None:
    """Judge one window now, beside the schedule's own slots."""
    client = connect()
    source = {"CaptureSource": "Raw"} if from_raw else {}
    execution = start_execution(client, name, utc(start), utc(end), **source)
    answer = wait_for_execution(client, execution) if wait else _describe(client, execution)
    if as_json:
        print_json(answer)
    else:
        from service.cli.executions import show_execution

        show_execution(client, answer)
    if fail_on_violations and answer["MonitoringExecutionStatus"] == "CompletedWithViolations":
        raise typer.Exit(FINDINGS_EXIT_CODE)
    if answer["MonitoringExecutionStatus"] == "Failed":
        raise typer.Exit(1)


@app.command()
def pause(name: str) -> None:
    """Stop a schedule from starting executions."""
    connect().call("StopMonitoringSchedule", MonitoringScheduleName=name)
    say(f"{name} is Stopped")


@app.command()
def resume(name: str) -> None:
    """Let a paused schedule run again from now on."""
    connect().call("StartMonitoringSchedule", MonitoringScheduleName=name)
    say(f"{name} is Scheduled")


@app.command()
def delete(name: str) -> None:
    """Delete a schedule; its executions and reports stay."""
    connect().call("DeleteMonitoringSchedule", MonitoringScheduleName=name)
    say(f"{name} is deleted")


def job_definition(
    endpoint: str, *, monitor: str, environment: dict[str, str], baseline: str | None, output: str
) -> dict[str, Any]:
    """The MonitoringJobDefinition of an endpoint's captures."""
    definition: dict[str, Any] = {
        "MonitoringInputs": [
            {"EndpointInput": {"EndpointName": endpoint, "LocalPath": "/opt/ml/processing/input/endpoint"}}
        ],
        "MonitoringOutputConfig": {
            "MonitoringOutputs": [{"S3Output": {"S3Uri": output, "LocalPath": "/opt/ml/processing/outputs"}}]
        },
        "MonitoringResources": {
            "ClusterConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 1}
        },
        "MonitoringAppSpecification": {"ImageUri": monitor},
        "Environment": environment,
        "RoleArn": ROLE,
    }
    if baseline is not None:
        definition["BaselineConfig"] = {
            "ConstraintsResource": {"S3Uri": f"{baseline.rstrip('/')}/constraints.json"},
            "StatisticsResource": {"S3Uri": f"{baseline.rstrip('/')}/statistics.json"},
        }
    return definition


def start_execution(client: Client, schedule: str, start: datetime, end: datetime, **members: str) -> str:
    """The id of a new execution over one window; `members` are the operation's optional ones."""
    answer = client.call(
        "StartMonitoringExecution",
        MonitoringScheduleName=schedule,
        DataAnalysisStartTime=start.timestamp(),
        DataAnalysisEndTime=end.timestamp(),
        **members,
    )
    return str(answer["MonitoringExecutionId"])


def wait_for_execution(client: Client, execution: str) -> dict[str, Any]:
    """The execution's summary once it has ended."""

    def ended() -> dict[str, Any] | None:
        answer = _describe(client, execution)
        return answer if answer["MonitoringExecutionStatus"] in ENDED else None

    return wait_for(ended, what="the window is judged", timeout_seconds=RUN_SECONDS)


def _describe(client: Client, execution: str) -> dict[str, Any]:
    return client.call("DescribeMonitoringExecution", MonitoringExecutionId=execution)


def _show(answer: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(answer)
        return
    config = answer["MonitoringScheduleConfig"]
    print_fields(
        {
            "Schedule": answer["MonitoringScheduleName"],
            "Endpoint": answer["EndpointName"],
            "Status": answer["MonitoringScheduleStatus"],
            "Monitor": _monitor(config),
            "Cron": config.get("ScheduleConfig", {}).get("ScheduleExpression"),
            "Missed": answer["MissedSlots"] or None,
            "Created": local_time(answer["CreationTime"]),
        }
    )


def _monitor(config: dict[str, Any]) -> str:
    if "MonitoringJobDefinition" in config:
        return str(config["MonitoringJobDefinition"]["MonitoringAppSpecification"]["ImageUri"])
    return f"{config['MonitoringType']} job definition {config['MonitoringJobDefinitionName']}"


def utc(moment: datetime) -> datetime:
    """A time from the command line, which is UTC where it says nothing."""
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
