"""SageMaker's states, and which may follow which.

What lives here: AWS's words for the states of endpoints, schedules, executions and processing jobs, one table of
transitions each, and what a processing job's end makes of its execution. What does not: rows (records.py), who moves
them. An endpoint or a schedule that is gone has no row, so "gone" is no state.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Final, TypeVar

from monitor_jobs.contract.errors import Conflict

VIOLATIONS_PREFIX: Final = "CompletedWithViolations"


class EndpointStatus(StrEnum):
    """States of an endpoint; see SERVING."""

    OUT_OF_SERVICE = "OutOfService"
    CREATING = "Creating"
    UPDATING = "Updating"
    SYSTEM_UPDATING = "SystemUpdating"
    ROLLING_BACK = "RollingBack"
    IN_SERVICE = "InService"
    DELETING = "Deleting"
    FAILED = "Failed"
    UPDATE_ROLLBACK_FAILED = "UpdateRollbackFailed"


# What serves goes on while another process is brought up beside it, or given up.
SERVING: Final = (EndpointStatus.IN_SERVICE, EndpointStatus.UPDATING, EndpointStatus.ROLLING_BACK)


class ScheduleStatus(StrEnum):
    """States of a monitoring schedule; only Scheduled starts executions. Pending stands for any change under way."""

    PENDING = "Pending"
    FAILED = "Failed"
    SCHEDULED = "Scheduled"
    STOPPED = "Stopped"


class ExecutionStatus(StrEnum):
    """States of one execution of a schedule."""

    PENDING = "Pending"
    COMPLETED = "Completed"
    COMPLETED_WITH_VIOLATIONS = "CompletedWithViolations"
    IN_PROGRESS = "InProgress"
    FAILED = "Failed"
    STOPPING = "Stopping"
    STOPPED = "Stopped"


class ProcessingJobStatus(StrEnum):
    """States of a processing job; one that finds violations is Completed."""

    IN_PROGRESS = "InProgress"
    COMPLETED = "Completed"
    FAILED = "Failed"
    STOPPING = "Stopping"
    STOPPED = "Stopped"


class AlertStatus(StrEnum):
    """States of a monitoring alert; which one holds is worked out anew each time (core.alerts)."""

    OK = "OK"
    IN_ALERT = "InAlert"


State = TypeVar("State", EndpointStatus, ScheduleStatus, ExecutionStatus, ProcessingJobStatus)

ENDPOINT_TRANSITIONS: Final[Mapping[EndpointStatus, frozenset[EndpointStatus]]] = {
    EndpointStatus.CREATING: frozenset({EndpointStatus.IN_SERVICE, EndpointStatus.FAILED}),
    EndpointStatus.IN_SERVICE: frozenset(
        {
            EndpointStatus.UPDATING,
            EndpointStatus.SYSTEM_UPDATING,
            EndpointStatus.OUT_OF_SERVICE,
            EndpointStatus.DELETING,
            EndpointStatus.FAILED,
        }
    ),
    EndpointStatus.UPDATING: frozenset(
        {
            EndpointStatus.IN_SERVICE,
            EndpointStatus.ROLLING_BACK,
            EndpointStatus.UPDATE_ROLLBACK_FAILED,
            EndpointStatus.FAILED,
        }
    ),
    EndpointStatus.ROLLING_BACK: frozenset(
        {EndpointStatus.IN_SERVICE, EndpointStatus.UPDATE_ROLLBACK_FAILED, EndpointStatus.FAILED}
    ),
    EndpointStatus.SYSTEM_UPDATING: frozenset(
        {EndpointStatus.IN_SERVICE, EndpointStatus.OUT_OF_SERVICE, EndpointStatus.FAILED}
    ),
    EndpointStatus.OUT_OF_SERVICE: frozenset(
        {EndpointStatus.IN_SERVICE, EndpointStatus.UPDATING, EndpointStatus.DELETING, EndpointStatus.FAILED}
    ),
    EndpointStatus.UPDATE_ROLLBACK_FAILED: frozenset({EndpointStatus.UPDATING, EndpointStatus.DELETING}),
    EndpointStatus.FAILED: frozenset({EndpointStatus.DELETING}),
    EndpointStatus.DELETING: frozenset(),
}

SCHEDULE_TRANSITIONS: Final[Mapping[ScheduleStatus, frozenset[ScheduleStatus]]] = {
    ScheduleStatus.PENDING: frozenset({ScheduleStatus.SCHEDULED, ScheduleStatus.STOPPED, ScheduleStatus.FAILED}),
    ScheduleStatus.SCHEDULED: frozenset({ScheduleStatus.STOPPED, ScheduleStatus.PENDING, ScheduleStatus.FAILED}),
    ScheduleStatus.STOPPED: frozenset({ScheduleStatus.SCHEDULED, ScheduleStatus.PENDING}),
    ScheduleStatus.FAILED: frozenset({ScheduleStatus.PENDING}),
}

# Pending -> Completed: a window without records starts no container.
EXECUTION_TRANSITIONS: Final[Mapping[ExecutionStatus, frozenset[ExecutionStatus]]] = {
    ExecutionStatus.PENDING: frozenset(
        {
            ExecutionStatus.IN_PROGRESS,
            ExecutionStatus.COMPLETED,
            ExecutionStatus.FAILED,
            ExecutionStatus.STOPPING,
            ExecutionStatus.STOPPED,
        }
    ),
    ExecutionStatus.IN_PROGRESS: frozenset(
        {
            ExecutionStatus.COMPLETED,
            ExecutionStatus.COMPLETED_WITH_VIOLATIONS,
            ExecutionStatus.FAILED,
            ExecutionStatus.STOPPING,
        }
    ),
    ExecutionStatus.STOPPING: frozenset({ExecutionStatus.STOPPED, ExecutionStatus.FAILED}),
    ExecutionStatus.COMPLETED: frozenset(),
    ExecutionStatus.COMPLETED_WITH_VIOLATIONS: frozenset(),
    ExecutionStatus.FAILED: frozenset(),
    ExecutionStatus.STOPPED: frozenset(),
}

PROCESSING_JOB_TRANSITIONS: Final[Mapping[ProcessingJobStatus, frozenset[ProcessingJobStatus]]] = {
    ProcessingJobStatus.IN_PROGRESS: frozenset(
        {ProcessingJobStatus.COMPLETED, ProcessingJobStatus.FAILED, ProcessingJobStatus.STOPPING}
    ),
    ProcessingJobStatus.STOPPING: frozenset({ProcessingJobStatus.STOPPED, ProcessingJobStatus.FAILED}),
    ProcessingJobStatus.COMPLETED: frozenset(),
    ProcessingJobStatus.FAILED: frozenset(),
    ProcessingJobStatus.STOPPED: frozenset(),
}

VERDICTS: Final = (ExecutionStatus.COMPLETED, ExecutionStatus.COMPLETED_WITH_VIOLATIONS)
FINAL_EXECUTION_STATUSES: Final = frozenset(state for state, to in EXECUTION_TRANSITIONS.items() if not to)
FINAL_PROCESSING_JOB_STATUSES: Final = frozenset(state for state, to in PROCESSING_JOB_TRANSITIONS.items() if not to)

# By type, because members of different StrEnums with one text are equal: a single table would mix up four `Failed`.
_TRANSITIONS: Final[Mapping[type[StrEnum], Mapping[Any, frozenset[Any]]]] = {
    EndpointStatus: ENDPOINT_TRANSITIONS,
    ScheduleStatus: SCHEDULE_TRANSITIONS,
    ExecutionStatus: EXECUTION_TRANSITIONS,
    ProcessingJobStatus: PROCESSING_JOB_TRANSITIONS,
}
_NOUNS: Final[Mapping[type[StrEnum], str]] = {
    EndpointStatus: "an endpoint",
    ScheduleStatus: "a monitoring schedule",
    ExecutionStatus: "a monitoring execution",
    ProcessingJobStatus: "a processing job",
}


def advance(current: State, to: State) -> State:
    """The state `to`, where the table of its kind lets it follow `current`.

    Raises Conflict with what may follow instead; a state never follows itself. Every pair is checked in
    tests/unit/test_states.py.
    """
    allowed = _TRANSITIONS[type(current)][current]
    if to not in allowed:
        rest = f"it may become {', '.join(sorted(allowed))}" if allowed else "that state is final"
        raise Conflict(f"{_NOUNS[type(current)]} that is {current} cannot become {to}: {rest}")
    return to


def execution_status(status: ProcessingJobStatus, exit_message: str | None, violations: int | None) -> ExecutionStatus:
    """The state of an execution whose processing job is in `status`.

    A completed job found violations where its ExitMessage says so, as AWS's own monitors do, or its report holds any;
    `violations` is None where there is no report to count in.
    """
    violated = (exit_message or "").startswith(VIOLATIONS_PREFIX) or (violations or 0) > 0
    if status is ProcessingJobStatus.COMPLETED and violated:
        return ExecutionStatus.COMPLETED_WITH_VIOLATIONS
    return ExecutionStatus(status.value)
