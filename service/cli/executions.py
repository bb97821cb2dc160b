"""`sextant executions`: what the schedules have found."""

from typing import Annotated, Any

import typer

from monitor_jobs.contract.errors import NotFound
from service.cli.client import Client, connect, local_time
from service.cli.output import AsJson, print_fields, print_json, print_line, print_table

app = typer.Typer(help="Look at what schedules have found.", no_args_is_help=True)


@app.command("list")
def list_executions(
    schedule: Annotated[str | None, typer.Option(help="Only this schedule's.")] = None, as_json: AsJson = False
) -> None:
    """List executions, latest slot first."""
    wanted = {} if schedule is None else {"MonitoringScheduleName": schedule}
    request = {**wanted, "SortBy": "ScheduledTime"}
    rows = connect().pages("ListMonitoringExecutions", "MonitoringExecutionSummaries", **request)
    if as_json:
        print_json(rows)
        return
    columns = ["Id", "Schedule", "Scheduled", "Status", "Records", "Violations"]
    print_table(columns, map(_row, rows), empty="No executions yet: sextant schedule run NAME --from ... --to ...")


@app.command()
def show(execution_id: str, as_json: AsJson = False) -> None:
    """Show one execution."""
    client = connect()
    answer = client.call("DescribeMonitoringExecution", MonitoringExecutionId=execution_id)
    if as_json:
        print_json(answer)
    else:
        show_execution(client, answer)


@app.command()
def logs(execution_id: str) -> None:
    """Print the log of an execution's processing job."""
    client = connect()
    answer = client.call("DescribeMonitoringExecution", MonitoringExecutionId=execution_id)
    print_line(client.text(f"/processing-jobs/{job_of(answer)}/log").rstrip("\n"))


def job_of(execution: dict[str, Any]) -> str:
    """The name of an execution's processing job. Raises NotFound where none was started."""
    arn = execution.get("ProcessingJobArn")
    if arn is None:
        reason = (
            execution.get("FailureReason") or execution.get("ExitMessage") or execution["MonitoringExecutionStatus"]
        )
        raise NotFound(f"execution {execution['MonitoringExecutionId']} started no processing job: {reason}")
    return str(arn).rpartition("/")[2]


def report_address(client: Client, execution: dict[str, Any]) -> str:
    """The address below which an execution's report lies."""
    job = client.call("DescribeProcessingJob", ProcessingJobName=job_of(execution))
    return str(job["ProcessingOutputConfig"]["Outputs"][0]["S3Output"]["S3Uri"])


def show_execution(client: Client, execution: dict[str, Any]) -> None:
    """Print one execution for people."""
    started = "ProcessingJobArn" in execution
    print_fields(
        {
            "Execution": execution["MonitoringExecutionId"],
            "Schedule": execution["MonitoringScheduleName"],
            "Window": f"{local_time(execution['WindowStart'])} to {local_time(execution['WindowEnd'])}",
            "Status": execution["MonitoringExecutionStatus"],
            "Records": execution.get("WindowRecords"),
            "Violations": execution.get("Violations"),
            "Message": execution.get("ExitMessage"),
            "Reason": execution.get("FailureReason"),
            "Report": report_address(client, execution) if started else None,
        }
    )


def _row(execution: dict[str, Any]) -> dict[str, object]:
    return {
        "Id": execution["MonitoringExecutionId"],
        "Schedule": execution["MonitoringScheduleName"],
        "Scheduled": local_time(execution["ScheduledTime"]),
        "Status": execution["MonitoringExecutionStatus"],
        "Records": execution.get("WindowRecords", ""),
        "Violations": execution.get("Violations", ""),
    }
