"""Every pair of states of every kind, and what a job's end makes of its execution."""

from itertools import product

import pytest

from monitor_jobs.contract.errors import Conflict
from service.core.states import (
    FINAL_EXECUTION_STATUSES,
    FINAL_PROCESSING_JOB_STATUSES,
    EndpointStatus,
    ExecutionStatus,
    ProcessingJobStatus,
    ScheduleStatus,
    advance,
    execution_status,
)

KINDS = (EndpointStatus, ScheduleStatus, ExecutionStatus, ProcessingJobStatus)
ALLOWED = {
    EndpointStatus: """
        Creating>InService Creating>Failed
        InService>Updating InService>SystemUpdating InService>OutOfService InService>Deleting InService>Failed
        Updating>InService Updating>RollingBack Updating>UpdateRollbackFailed Updating>Failed
        RollingBack>InService RollingBack>UpdateRollbackFailed RollingBack>Failed
        SystemUpdating>InService SystemUpdating>OutOfService SystemUpdating>Failed
        OutOfService>InService OutOfService>Updating OutOfService>Deleting OutOfService>Failed
        UpdateRollbackFailed>Updating UpdateRollbackFailed>Deleting
        Failed>Deleting
    """,
    ScheduleStatus: """
        Pending>Scheduled Pending>Stopped Pending>Failed
        Scheduled>Stopped Scheduled>Pending Scheduled>Failed
        Stopped>Scheduled Stopped>Pending
        Failed>Pending
    """,
    ExecutionStatus: """
        Pending>InProgress Pending>Completed Pending>Failed Pending>Stopping Pending>Stopped
        InProgress>Completed InProgress>CompletedWithViolations InProgress>Failed InProgress>Stopping
        Stopping>Stopped Stopping>Failed
    """,
    ProcessingJobStatus: """
        InProgress>Completed InProgress>Failed InProgress>Stopping
        Stopping>Stopped Stopping>Failed
    """,
}
PAIRS = [
    pytest.param(current, to, id=f"{kind.__name__}-{current}>{to}")
    for kind in KINDS
    for current, to in product(kind, repeat=2)
]


@pytest.mark.parametrize(("current", "to"), PAIRS)
def test_a_state_follows_another_exactly_where_the_table_says_so(current, to):
    if f"{current}>{to}" in ALLOWED[type(current)].split():
        assert advance(current, to) is to
    else:
        with pytest.raises(Conflict, match=f"{current} cannot become {to}"):
            advance(current, to)


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (
            EndpointStatus,
            "OutOfService Creating Updating SystemUpdating RollingBack InService Deleting Failed UpdateRollbackFailed",
        ),
        (ScheduleStatus, "Pending Failed Scheduled Stopped"),
        (ExecutionStatus, "Pending Completed CompletedWithViolations InProgress Failed Stopping Stopped"),
        (ProcessingJobStatus, "InProgress Completed Failed Stopping Stopped"),
    ],
)
def test_the_states_are_awss_words(kind, words):
    assert sorted(kind) == sorted(words.split())


def test_a_refusal_says_what_may_follow_instead():
    with pytest.raises(Conflict, match="an endpoint that is Creating") as refusal:
        advance(EndpointStatus.CREATING, EndpointStatus.DELETING)
    assert str(refusal.value).endswith("it may become Failed, InService")


def test_a_refusal_says_that_a_state_is_final():
    with pytest.raises(Conflict, match=r"a monitoring execution that is Stopped .* that state is final"):
        advance(ExecutionStatus.STOPPED, ExecutionStatus.PENDING)


def test_the_same_word_of_two_kinds_is_not_mixed_up():
    assert advance(EndpointStatus.FAILED, EndpointStatus.DELETING) is EndpointStatus.DELETING
    assert advance(ScheduleStatus.FAILED, ScheduleStatus.PENDING) is ScheduleStatus.PENDING
    with pytest.raises(Conflict, match="that state is final"):
        advance(ExecutionStatus.FAILED, ExecutionStatus.PENDING)


def test_final_states_are_those_that_nothing_follows():
    assert {"Completed", "CompletedWithViolations", "Failed", "Stopped"} == FINAL_EXECUTION_STATUSES
    assert {"Completed", "Failed", "Stopped"} == FINAL_PROCESSING_JOB_STATUSES


@pytest.mark.parametrize(
    ("exit_message", "violations", "expected"),
    [
        ("CompletedWithViolations: Job completed successfully with 60 violations.", 60, "CompletedWithViolations"),
        ("CompletedWithViolations: Job completed successfully with 60 violations.", None, "CompletedWithViolations"),
        ("Completed: Job completed successfully with no violations.", 0, "Completed"),
        ("Completed: Job completed successfully with no violations.", 2, "CompletedWithViolations"),
        ("a monitor may say CompletedWithViolations later on", None, "Completed"),
        ("completedwithviolations", 0, "Completed"),
        ("", None, "Completed"),
        (None, None, "Completed"),
        (None, 0, "Completed"),
        (None, 1, "CompletedWithViolations"),
    ],
)
def test_a_completed_job_has_violations_where_its_message_or_report_says_so(exit_message, violations, expected):
    assert execution_status(ProcessingJobStatus.COMPLETED, exit_message, violations) is ExecutionStatus(expected)


@pytest.mark.parametrize("status", set(ProcessingJobStatus) - {ProcessingJobStatus.COMPLETED})
def test_a_job_that_did_not_complete_lends_its_state_whatever_it_found(status):
    assert execution_status(status, "CompletedWithViolations: half a report", 7) == status.value
