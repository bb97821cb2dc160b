"""One of every resource, for calls that need something to find.

What lives here: the rows that a fresh world has, written through the operation table of an installation that shares its
folder with a control process. What does not: calling that process.
"""

from dataclasses import replace
from typing import Any

from service.alerting import reassess
from service.core.records import MonitoringType
from service.core.states import EndpointStatus, ExecutionStatus, ProcessingJobStatus
from tests import sagemaker_requests as requests
from tests.sagemaker_requests import Installation

TAGS = [{"Key": "team", "Value": "signs"}]


def furnish(here: Installation) -> None:
    """Empty the installation, and put one or two of everything into it.

    Models, endpoint configs: `signs`, `spare`. Endpoints: `signs` InService and tagged, `busy` Updating. Definitions of
    every kind: `quality`; `used` by the schedule `by-name`. Schedules: `hourly`, whose one execution found violations
    and raised its alert; `by-name`; `resting`, which is stopped. Jobs: `baseline` InProgress, `done` Completed.
    """
    here.forget_everything()
    here.now = requests.NOON
    with here.database.transaction():
        _add_serving(here)
        _add_monitoring(here)
        for name in ("baseline", "done"):
            here.call("CreateProcessingJob", **requests.processing_job(name))
        _move(here.database.processing_jobs, "done", ProcessingJobStatus.COMPLETED)


def _add_serving(here: Installation) -> None:
    for name in ("signs", "spare"):
        here.call("CreateModel", **requests.model(name))
        here.call("CreateEndpointConfig", **requests.endpoint_config(name))
    for name in ("signs", "busy"):
        here.call("CreateEndpoint", EndpointName=name, EndpointConfigName="signs", Tags=TAGS)
    _move(here.database.endpoints, "signs", EndpointStatus.IN_SERVICE)
    _move(here.database.endpoints, "busy", EndpointStatus.UPDATING)


def _add_monitoring(here: Installation) -> None:
    for kind in MonitoringType:
        here.call(f"Create{kind}JobDefinition", **requests.job_definition(kind))
    here.call("CreateDataQualityJobDefinition", **requests.job_definition(name="used"))
    here.call("CreateMonitoringSchedule", **requests.scheduled_by_name("by-name", definition="used"))
    for name in ("hourly", "resting"):
        here.call("CreateMonitoringSchedule", **requests.schedule(name))
    here.call("StopMonitoringSchedule", MonitoringScheduleName="resting")
    violating = requests.execution(1, ExecutionStatus.COMPLETED_WITH_VIOLATIONS, violations=3)
    here.database.executions.add(replace(violating, processing_job_name="done"))
    hourly = here.database.schedules.get("hourly")
    assert hourly is not None
    reassess(here.database, hourly, requests.NOON)


def _move(table: Any, name: str, status: object) -> None:
    table.save(replace(table.get(name), status=status))
