"""Fuzzed requests sent to a real control process, and what is wrong with its answers.

What lives here: sending, the verdict on each answer, and the look for what a refused request left behind. What does
not: the requests (fuzz).
"""

import json
import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any, Final

import httpx

from service.core.records import MonitoringType
from tests.aws_clients import SIGNED
from tests.dialect.fuzz import FuzzedRequest
from tests.dialect.world import furnish
from tests.sagemaker_requests import Installation

WORLD_LASTS: Final = 250  # requests, then everything is there again that they deleted
CODES: Final = {"ValidationException", "ResourceNotFound", "ResourceInUse", "UnknownOperationException"}
# Of each creation: the member that names what is made, how it is described, where it is listed.
CREATIONS: Final = {
    "CreateModel": ("ModelName", "DescribeModel", "ListModels"),
    "CreateEndpointConfig": ("EndpointConfigName", "DescribeEndpointConfig", "ListEndpointConfigs"),
    "CreateEndpoint": ("EndpointName", "DescribeEndpoint", "ListEndpoints"),
    "CreateMonitoringSchedule": ("MonitoringScheduleName", "DescribeMonitoringSchedule", "ListMonitoringSchedules"),
    "CreateProcessingJob": ("ProcessingJobName", "DescribeProcessingJob", "ListProcessingJobs"),
    **{
        f"Create{kind}JobDefinition": ("JobDefinitionName", f"Describe{kind}JobDefinition", f"List{kind}JobDefinitions")
        for kind in MonitoringType
    },
}


@dataclass
class Findings:
    """What was sent, and every answer that should not have been."""

    requests: int = 0
    accepted: Counter[str] = field(default_factory=Counter)
    server_errors: list[str] = field(default_factory=list)
    wrong_bodies: list[str] = field(default_factory=list)
    left_behind: list[str] = field(default_factory=list)


class Campaign:
    """One control process at a URL, and the installation in its folder."""

    def __init__(self, url: str, here: Installation, client: httpx.Client) -> None:
        self._url = url
        self._here = here
        self._client = client
        self.findings = Findings()

    def run(self, requests: Iterable[FuzzedRequest]) -> Findings:
        """Everything that was found."""
        with closing(sqlite3.connect(self._here.settings.data / "sextant.db", isolation_level=None)) as witness:
            for number, request in enumerate(requests):
                if number % WORLD_LASTS == 0:
                    furnish(self._here)
                self._send(request, witness)
        return self.findings

    def _send(self, request: FuzzedRequest, witness: sqlite3.Connection) -> None:
        before = data_version(witness)
        self.findings.requests += 1
        try:
            answer = post(self._client, self._url, request.operation, request.body)
        except httpx.HTTPError as error:
            self.findings.server_errors.append(f"{request.operation} {request.body[:200]!r}: {error!r}")
            return
        what = f"{request.operation} {request.body[:200]!r}: {answer.status_code} {answer.text[:200]}"
        if answer.status_code == 200:
            self.findings.accepted[request.operation] += 1
        elif answer.status_code >= 500:
            self.findings.server_errors.append(what)
        if not is_awss(answer):
            self.findings.wrong_bodies.append(what)
        if answer.status_code != 200 and (data_version(witness) != before or any(self._remains(request))):
            self.findings.left_behind.append(what)

    def _remains(self, request: FuzzedRequest) -> Iterator[bool]:
        """Whether what a refused creation names is described or listed; names that were there are not asked of."""
        member, describe, listing = CREATIONS.get(request.operation, ("", "", ""))
        name = request.members.get(member)
        if isinstance(name, str) and name.startswith("fuzz-") and name.isascii():
            yield self._answer(describe, {member: name}).status_code == 200
            found = self._answer(listing, {"NameContains": name[:63], "MaxResults": 100})
            yield found.status_code == 200 and f'"{name}"' in found.text

    def _answer(self, operation: str, members: dict[str, Any]) -> httpx.Response:
        return post(self._client, self._url, operation, json.dumps(members).encode())


def post(client: httpx.Client, url: str, operation: str, body: bytes) -> httpx.Response:
    """The answer of one operation to the very bytes of a body."""
    headers = {"X-Amz-Target": f"SageMaker.{operation}", "Content-Type": "application/x-amz-json-1.1"}
    return client.post(url, content=body, headers=headers, auth=SIGNED)


def is_awss(answer: httpx.Response) -> bool:
    """True for a JSON object with status 200, or one with the code and the message of an error of AWS's and a 4xx."""
    try:
        members = answer.json()
    except ValueError:
        return False
    if not isinstance(members, dict) or answer.status_code == 200:
        return isinstance(members, dict)
    told = isinstance(members.get("message"), str) and members["message"] != ""
    return 400 <= answer.status_code < 500 and members.get("__type") in CODES and told


def data_version(witness: sqlite3.Connection) -> int:
    """A number that changes whenever another connection has changed anything in the database."""
    return int(witness.execute("PRAGMA data_version").fetchone()[0])
