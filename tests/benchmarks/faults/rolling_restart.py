"""An endpoint's process replaced again and again under load: every request is answered, and captured once.

Clients are boto3's own, without retries, through the gateway of a real `sextant up`. Two controls show that the same
clients do see failures where a process is killed, and where an endpoint is deleted before the next is created.
"""

import os
import random
import signal
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks.figures import Figure
from tests.e2e.service_under_test import Service
from tests.servers.rolling_calls import NAME, UPDATE_SECONDS, Calls, calling, sleeping_package
from tests.wait import wait_until

RESTARTS_GOAL, QUICK_RESTARTS = 20, 1
KILLS_GOAL = 10
WHOLE_UPDATE_SECONDS = 3.5  # about; from the request to the end of the old process


@dataclass(frozen=True)
class Outcome:
    """What clients were answered while something was done to their endpoint, and what the store holds of it."""

    answered: int
    failed: int
    lost: int
    repeated: int
    seconds: float
    first_failure: str

    def __str__(self) -> str:
        return f"{self.answered} answered, {self.failed} failed in {self.seconds:.0f} s{self.first_failure}"


def measure(folder: Path, *, quick: bool) -> dict[str, Figure]:
    """Every figure; the controls take place in the long form only."""
    restarts = QUICK_RESTARTS if quick else RESTARTS_GOAL
    rolled = tried(folder / "rolled", lambda service: roll(service, restarts))
    figures = {
        "restart_failed_requests": Figure(rolled.failed, "requests", "<= 0", str(rolled)),
        "restart_lost_captures": Figure(rolled.lost, "records", "<= 0", str(rolled)),
        "restart_repeated_captures": Figure(rolled.repeated, "records", "<= 0", str(rolled)),
    }
    if quick:
        return figures
    orphaned = tried(folder / "orphaned", lambda service: roll_and_kill_schedulers(service, KILLS_GOAL))
    killed, recreated = tried(folder / "killed", kill), tried(folder / "recreated", recreate)
    return figures | {
        "rolling_restarts": Figure(restarts, "restarts", f">= {RESTARTS_GOAL}", str(rolled)),
        "restart_scheduler_kills": Figure(KILLS_GOAL, "kills", f">= {KILLS_GOAL}", str(orphaned)),
        "restart_scheduler_kills_failed_requests": Figure(orphaned.failed, "requests", "<= 0", str(orphaned)),
        "restart_scheduler_kills_lost": Figure(orphaned.lost, "records", "<= 0", str(orphaned)),
        "restart_scheduler_kills_repeated": Figure(orphaned.repeated, "records", "<= 0", str(orphaned)),
        "restart_control_killed": Figure(killed.failed, "requests", ">= 1", f"kill -9 instead, {killed}"),
        "restart_control_recreated": Figure(recreated.failed, "requests", ">= 1", f"stop, then start, {recreated}"),
    }


def tried(folder: Path, disturb: Callable[[Service], None]) -> Outcome:
    """The outcome of one disturbance under load, in an installation of its own; captures are counted after its end."""
    folder.mkdir()
    service = Service(folder)
    service.start()
    try:
        service.deploy(NAME, sleeping_package(folder))
        service.wait_in_service(NAME)
        started = time.monotonic()
        with calling(service.url, NAME) as calls:
            answering(calls)
            disturb(service)
            answering(calls)
        seconds = time.monotonic() - started
        service.stop()
        return judged(service, calls, seconds)
    finally:
        service.clear()


def roll(service: Service, restarts: int) -> None:
    """One update after the other, each to a process of its own."""
    for _ in range(restarts):
        before = process_ids(service)
        service.call("UpdateEndpoint", EndpointName=NAME, EndpointConfigName=NAME)
        wait_until(lambda: in_service(service), timeout_seconds=UPDATE_SECONDS, what="the end of the update")
        assert process_ids(service).isdisjoint(before), "the process was not replaced"


def roll_and_kill_schedulers(service: Service, restarts: int) -> None:
    """The same with a scheduler that is killed at some moment of each update; the next one goes on."""
    for _ in range(restarts):
        before = process_ids(service)
        service.call("UpdateEndpoint", EndpointName=NAME, EndpointConfigName=NAME)
        time.sleep(random.uniform(0, WHOLE_UPDATE_SECONDS))
        for scheduler in service.processes("scheduler"):
            scheduler.kill()
        wait_until(lambda: in_service(service), timeout_seconds=UPDATE_SECONDS, what="the end of the update")
        (after,) = wait_until(lambda: alone(service), timeout_seconds=UPDATE_SECONDS, what="one process alone")
        assert after not in before, "the process was not replaced"


def alone(service: Service) -> set[int]:
    """The endpoint's process where there is no other, as soon as nothing that nobody knows is left."""
    found = process_ids(service)
    return found if len(found) == 1 else set()


def kill(service: Service) -> None:
    """What a restart must not be."""
    (victim,) = process_ids(service)
    os.kill(victim, signal.SIGKILL)


def recreate(service: Service) -> None:
    """What a restart must not be either."""
    service.call("DeleteEndpoint", EndpointName=NAME)
    wait_until(lambda: not process_ids(service), timeout_seconds=UPDATE_SECONDS, what="the end of the endpoint")
    wait_until(lambda: created(service), timeout_seconds=UPDATE_SECONDS, what="the name to be free")


def judged(service: Service, calls: Calls, seconds: float) -> Outcome:
    """The outcome, read from every line of every capture object."""
    stored = service.captures(NAME)
    by_event = Counter(record.event_metadata.event_id for record in stored)
    by_inference = Counter(record.event_metadata.inference_id for record in stored)
    return Outcome(
        answered=len(calls.answered),
        failed=len(calls.failed),
        lost=len(set(calls.answered) - by_inference.keys()),
        repeated=max(sum(times - 1 for times in counted.values()) for counted in (by_event, by_inference)),
        seconds=seconds,
        first_failure=f"; first: {calls.failed[0]}" if calls.failed else "",
    )


def answering(calls: Calls) -> None:
    """Return once another request has been answered."""
    before = len(calls.answered)
    wait_until(lambda: len(calls.answered) > before + 10, timeout_seconds=UPDATE_SECONDS, what="answers")


def process_ids(service: Service) -> set[int]:
    return {process.pid for process in service.processes("serve-endpoint")}


def in_service(service: Service) -> bool:
    described = service.call("DescribeEndpoint", EndpointName=NAME)
    assert "FailureReason" not in described, described["FailureReason"]
    return bool(described["EndpointStatus"] == "InService")


def created(service: Service) -> bool:
    try:
        service.call("CreateEndpoint", EndpointName=NAME, EndpointConfigName=NAME)
    except AssertionError:
        return False
    return True
