"""The first page: endpoints with what they answer and capture, schedules with what their last executions found.

What lives here: what the page says, as a value. What does not: HTML (templates), who may see which row: operations
list to each caller what that caller may read.
"""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict
from typing import Any, Final

from service.control.api import ApiError
from service.control.console.invocations import Counts

Json = dict[str, Any]
Ask = Callable[[str, Json], Json]  # an operation of the caller's, and its request; the answer

ROWS: Final = 50  # of a kind on a page
BEATS: Final = 24  # executions of a schedule that are shown, newest last
CONCLUDED: Final = ("Completed", "CompletedWithViolations", "Failed")
TOKENS: Final = {"endpoints": "ListEndpoints", "schedules": "ListMonitoringSchedules"}


def overview(ask: Ask, *, after: Mapping[str, str]) -> Json:
    """All that the page says, in AWS's words, but for counts of invocations.

    `after` is a NextToken of an earlier answer for each kind of row that is to go on there. Raises what operations do.
    """
    endpoints, more_endpoints = _rows(ask, "endpoints", "Endpoints", after)
    schedules, more_schedules = _rows(ask, "schedules", "MonitoringScheduleSummaries", after)
    return {
        "Endpoints": [found for row in endpoints if (found := _described(ask, row["EndpointName"]))],
        "NextEndpointsToken": more_endpoints,
        "Schedules": [{**row, "Executions": _executions(ask, row)} for row in schedules],
        "NextSchedulesToken": more_schedules,
    }


def with_invocations(shown: Json, counts: Counts) -> Json:
    """The overview with the count of each variant that told one, and None for one that did not."""

    def told(endpoint: Json) -> Json:
        name = endpoint["EndpointName"]
        variants = [
            {**variant, "Invocations": asdict(found) if (found := counts.get((name, variant["VariantName"]))) else None}
            for variant in endpoint["ProductionVariants"]
        ]
        return {**endpoint, "ProductionVariants": variants}

    return {**shown, "Endpoints": list(map(told, shown["Endpoints"]))}


def last_verdict(schedule: Json) -> Json | None:
    """The newest execution of a schedule that has come to an end; None before there is one."""
    return next(
        (row for row in reversed(schedule["Executions"]) if row["MonitoringExecutionStatus"] in CONCLUDED), None
    )


def _rows(ask: Ask, kind: str, member: str, after: Mapping[str, str]) -> tuple[list[Json], str | None]:
    token = {"NextToken": after[kind]} if kind in after else {}
    answer = ask(TOKENS[kind], {"MaxResults": ROWS, **token})
    return answer[member], answer.get("NextToken")


def _described(ask: Ask, name: str) -> Json | None:
    with suppress(ApiError):  # gone since it was listed
        described = ask("DescribeEndpoint", {"EndpointName": name})
        kept = ("LastDeploymentConfig", "PendingDeploymentSummary")
        return {member: value for member, value in described.items() if member not in kept}
    return None


def _executions(ask: Ask, schedule: Json) -> list[Json]:
    newest = {"SortBy": "ScheduledTime", "SortOrder": "Descending", "MaxResults": BEATS}
    request = {"MonitoringScheduleName": schedule["MonitoringScheduleName"], **newest}
    answer = ask("ListMonitoringExecutions", request)
    return list(reversed(answer["MonitoringExecutionSummaries"]))
