"""Operations called by boto3 as steps of their AWS names, and the states that resources go through meanwhile.

What lives here: how a call is made, and what may be asked of its answer. What does not: the calls (boto3_calls).
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
from botocore import xform_name

from tests.e2e.flow_steps import Steps
from tests.wait import wait_until

STATE_SECONDS = 120


class Flow:
    """boto3's clients, and which operations they have called with success."""

    def __init__(self, step: Steps, material: Path) -> None:
        self.step = step
        self.material = material
        self.called: set[tuple[str, str]] = set()
        services = ("sagemaker", "sagemaker-runtime", "logs", "sts", "iam", "s3")
        self.clients = {service: boto3.client(service) for service in services}

    def __call__(
        self,
        operation: str,
        *,
        service: str = "sagemaker",
        holds: Callable[[Any], object] = lambda _: True,
        note: Callable[[Any], object] = lambda _: "",
        **request: object,
    ) -> Any:
        """The answer of one operation, as a step of its AWS name."""
        method = getattr(self.clients[service], xform_name(operation))
        answer = self.step(operation, lambda: method(**request), holds=holds, note=note)
        self.called.add((service, operation))
        return answer

    def states(self, what: str, state: Callable[[], str], *expected: str) -> None:
        """The states that a resource shows up to the last: those expected, in order; a short one may be missed."""
        self.step(
            what,
            lambda: states_until(state, expected[-1]),
            holds=lambda seen: seen == [each for each in expected if each in seen],
            note=" -> ".join,
        )


def states_until(state: Callable[[], str], last: str) -> list[str]:
    """Every state seen up to `last`. Raises AssertionError where it does not come."""
    seen: list[str] = []

    def reached() -> bool:
        now = state()
        if not seen or seen[-1] != now:
            seen.append(now)
        assert now != "Failed", seen
        return now == last

    wait_until(reached, timeout_seconds=STATE_SECONDS, what=last)
    return seen


def has(name: str, member: str, rows: str) -> Callable[[Any], bool]:
    """Whether a listing's rows have one whose member is that name."""
    return lambda answer: name in [row[member] for row in answer[rows]]


def is_(member: str, value: object) -> Callable[[Any], bool]:
    """Whether a description's member is that value."""
    return lambda answer: answer[member] == value
