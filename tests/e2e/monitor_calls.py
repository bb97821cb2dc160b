"""What a model monitor's notebook asks of schedules, executions and alerts, by the SageMaker SDK's classes.

What lives here: the calls that the SDK's second and third version share word for word; they are handed the module that
holds the classes. Runs inside the SDKs' own environments. What does not: what only one version has (sdk_v2_calls,
sdk_v3_calls).
"""

from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import boto3

from tests.e2e.flow_steps import Steps, let_the_second_end
from tests.wait import wait_until

ROLE = "arn:aws:iam::123456789012:role/SageMakerRole"
IMAGE = "123456789012.dkr.ecr.us-east-1.amazonaws.com/sextant/class-skew:latest"
INSTANCE = {"instance_count": 1, "instance_type": "ml.m5.large"}
ENDED = {"Completed", "CompletedWithViolations", "Failed", "Stopped"}
VERDICT_SECONDS = 90
LAST_HOUR = {"data_analysis_start_time": "-PT1H", "data_analysis_end_time": "-PT0H"}


@dataclass(frozen=True)
class Monitoring:
    """Where calls are recorded, the SDK's session and its module of monitoring classes, and what is monitored."""

    step: Steps
    session: Any
    classes: ModuleType
    endpoint: str
    bucket: str

    @property
    def hourly(self) -> str:
        """The name of the schedule of every hour."""
        return f"{self.endpoint}-hourly"

    def new_monitor(self) -> Any:
        """A monitor of one's own: class skew with a threshold of one half."""
        return self.classes.ModelMonitor(
            role=ROLE, image_uri=IMAGE, env={"THRESHOLD": "0.5"}, sagemaker_session=self.session, **INSTANCE
        )

    def create(self, monitor: Any, name: str, cron: str, **window: str) -> None:
        """The monitor's schedule over the endpoint's captures."""
        output = {"source": "/opt/ml/processing/outputs", "destination": f"s3://{self.bucket}/reports"}
        monitor.create_monitoring_schedule(
            monitor_schedule_name=name,
            endpoint_input=self.classes.EndpointInput(self.endpoint, "/opt/ml/processing/input/endpoint"),
            output=self.classes.MonitoringOutput(**output),
            schedule_cron_expression=cron,
            **window,
        )


def hourly_schedule(monitoring: Monitoring) -> None:
    """A schedule of every hour: made, described, changed, stopped and started again."""
    step, monitor = monitoring.step, monitoring.new_monitor()
    hourly = monitoring.classes.CronExpressionGenerator.hourly()
    step(
        "ModelMonitor.create_monitoring_schedule(hourly)", lambda: monitoring.create(monitor, monitoring.hourly, hourly)
    )
    step("ModelMonitor.describe_schedule", monitor.describe_schedule, holds=has_status("Scheduled"))
    step("ModelMonitor.list_executions, before any", monitor.list_executions, holds=lambda found: found == [])
    step(
        "ModelMonitor.update_monitoring_schedule(env)",
        lambda: monitor.update_monitoring_schedule(env={"THRESHOLD": "0.6"}, schedule_cron_expression=hourly),
    )
    step(
        "ModelMonitor.describe_schedule, once updated",
        lambda: monitor.describe_schedule()["MonitoringScheduleConfig"]["MonitoringJobDefinition"]["Environment"],
        holds=lambda environment: environment == {"THRESHOLD": "0.6"},
    )
    step("ModelMonitor.stop_monitoring_schedule", monitor.stop_monitoring_schedule)
    step("ModelMonitor.describe_schedule, once stopped", monitor.describe_schedule, holds=has_status("Stopped"))
    step("ModelMonitor.start_monitoring_schedule", monitor.start_monitoring_schedule)
    step("ModelMonitor.describe_schedule, once started", monitor.describe_schedule, holds=has_status("Scheduled"))


def verdict_at_once(monitoring: Monitoring) -> None:
    """A schedule that runs once, now, over what was captured; its execution and its report."""
    step, monitor = monitoring.step, monitoring.new_monitor()
    name, now = f"{monitoring.endpoint}-at-once", monitoring.classes.CronExpressionGenerator.now()
    let_the_second_end()
    step(
        "ModelMonitor.create_monitoring_schedule(NOW over the last hour)",
        lambda: monitoring.create(monitor, name, now, **LAST_HOUR),
    )
    step(
        "list_monitoring_executions until it has ended",
        lambda: status_once_ended(name),
        holds=lambda status: status == "CompletedWithViolations",
        note=str,
    )
    [execution] = step("ModelMonitor.list_executions", monitor.list_executions, holds=lambda found: len(found) == 1)
    read_report(monitoring, execution)
    step("ModelMonitor.latest_monitoring_statistics", monitor.latest_monitoring_statistics, holds=is_there)
    violations = monitor.latest_monitoring_constraint_violations
    step("ModelMonitor.latest_monitoring_constraint_violations", violations, holds=is_there)
    step("ModelMonitor.delete_monitoring_schedule", monitor.delete_monitoring_schedule)


def read_report(monitoring: Monitoring, execution: Any) -> None:
    """An execution that found class skew: its job, statistics and violations."""
    step = monitoring.step
    step(
        "MonitoringExecution.describe",
        execution.describe,
        holds=lambda job: job["ProcessingJobStatus"] == "Completed",
        note=lambda job: job["ExitMessage"],
    )
    step(
        "MonitoringExecution.statistics",
        lambda: execution.statistics().body_dict,
        holds=lambda statistics: statistics["dataset"]["item_count"] >= 100,
    )
    step(
        "MonitoringExecution.constraint_violations",
        lambda: execution.constraint_violations().body_dict["violations"],
        holds=lambda violations: [row["constraint_check_type"] for row in violations] == ["class_skew_check"],
        note=lambda violations: violations[0]["description"],
    )


def alerts(monitoring: Monitoring) -> None:
    """The alert that comes with a schedule, by a monitor attached to it."""
    step = monitoring.step
    attach = monitoring.classes.ModelMonitor.attach
    monitor = step("ModelMonitor.attach", lambda: attach(monitoring.hourly, monitoring.session))
    listed = monitor.list_monitoring_alerts
    rows, _ = step("ModelMonitor.list_monitoring_alerts", listed, holds=lambda answer: len(answer[0]) == 1)
    step(
        "ModelMonitor.update_monitoring_alert",
        lambda: monitor.update_monitoring_alert(rows[0].alert_name, data_points_to_alert=2, evaluation_period=3),
    )
    step(
        "ModelMonitor.list_monitoring_alerts, once updated",
        lambda: monitor.list_monitoring_alerts()[0][0],
        holds=lambda alert: (alert.data_points_to_alert, alert.evaluation_period) == (2, 3),
    )
    step("ModelMonitor.list_monitoring_alert_history", monitor.list_monitoring_alert_history)


def data_quality(monitoring: Monitoring) -> None:
    """A schedule of AWS's own image, with a job definition of its own."""
    step, classes = monitoring.step, monitoring.classes
    monitor = classes.DefaultModelMonitor(role=ROLE, sagemaker_session=monitoring.session, **INSTANCE)
    name = f"{monitoring.endpoint}-data-quality"
    step(
        "DefaultModelMonitor.create_monitoring_schedule",
        lambda: monitor.create_monitoring_schedule(
            endpoint_input=monitoring.endpoint,
            output_s3_uri=f"s3://{monitoring.bucket}/data-quality",
            monitor_schedule_name=name,
            schedule_cron_expression=classes.CronExpressionGenerator.daily(),
        ),
    )
    attach = classes.DefaultModelMonitor.attach
    attached = step("DefaultModelMonitor.attach", lambda: attach(name, monitoring.session))
    step("DefaultModelMonitor.describe_schedule", attached.describe_schedule, holds=has_status("Scheduled"))
    step("DefaultModelMonitor.delete_monitoring_schedule", attached.delete_monitoring_schedule)


def status_once_ended(schedule: str) -> str:
    """The state in which a schedule's newest execution ended. Raises AssertionError where none does."""
    client = boto3.client("sagemaker")

    def ended() -> str:
        rows = client.list_monitoring_executions(MonitoringScheduleName=schedule)["MonitoringExecutionSummaries"]
        status = str(rows[0]["MonitoringExecutionStatus"]) if rows else "none"
        return status if status in ENDED else ""

    return wait_until(ended, timeout_seconds=VERDICT_SECONDS, what=f"the verdict of {schedule}")


def has_status(status: str) -> Callable[[Any], bool]:
    """Whether a described schedule has that status."""
    return lambda described: described["MonitoringScheduleStatus"] == status


def is_there(value: object) -> bool:
    """Whether there is one."""
    return value is not None
