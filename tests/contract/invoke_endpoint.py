"""A real boto3 client, a real control process, and rows that lead it to a stand-in for an endpoint's process.

What does not live here: what any test asks of them.
"""

from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from service.core.records import EndpointRecord
from service.core.states import EndpointStatus
from service.first_key import read_first_key
from tests.aws_clients import KEYS
from tests.endpoint_token import leave_token
from tests.sagemaker_requests import NOON, Installation
from tests.servers.control import control_process
from tests.servers.processes import free_ports
from tests.servers.stand_in_model import StandIn, stand_in_model

IN_SERVICE = EndpointStatus.IN_SERVICE


@dataclass
class Gateway:
    """A control process, and a client of it that tries once."""

    url: str
    client: Any
    model: StandIn
    here: Installation
    numbers: Iterator[int]

    @property
    def api_key(self) -> str:
        """The first user's."""
        first = read_first_key(self.here.settings.data)
        assert first is not None
        return first.api_key.secret.reveal()

    def endpoint(self, *running: dict[str, Any], status: EndpointStatus = IN_SERVICE) -> str:
        """The name of a new endpoint of these processes, of one that leads to the stand-in where none is given."""
        name = f"signs-{next(self.numbers)}"  # what a gateway has read of another row, it may go on with for a while
        processes = list(running) or [self.process()]
        self.here.database.endpoints.add(EndpointRecord(name, name, status, NOON, NOON, running=processes))
        return name

    def process(self, variant: str = "AllTraffic", **entry: object) -> dict[str, Any]:
        return {"variant": variant, "handle": {"address": self.model.address}, **entry}

    def invoke(self, name: str, body: bytes = b"hello", **members: str) -> dict[str, Any]:
        """The answer, its body read."""
        answer = self.client.invoke_endpoint(EndpointName=name, Body=body, **members)
        return {**answer, "Body": answer["Body"].read()}

    def refused(self, name: str, body: bytes = b"x", **members: str) -> dict[str, Any]:
        """The answer to a request that fails."""
        with pytest.raises(ClientError) as raised:
            self.client.invoke_endpoint(EndpointName=name, Body=body, **members)
        return dict(raised.value.response)

    def error(self, name: str, body: bytes = b"x", **members: str) -> tuple[int, str, str]:
        """Status, code and message of the same."""
        answer = self.refused(name, body, **members)
        return answer["ResponseMetadata"]["HTTPStatusCode"], answer["Error"]["Code"], answer["Error"]["Message"]


@contextmanager
def gateway_process(folder: Path, **variables: str) -> Iterator[Gateway]:
    """A gateway in a process of its own, over a folder of its own."""
    nowhere = f"http://127.0.0.1:{free_ports(1)[0]}"  # a proxy that would lose every request
    proxies = {"HTTP_PROXY": nowhere, "http_proxy": nowhere, "NO_PROXY": "", "no_proxy": ""}
    leave_token(folder)
    with ExitStack() as stack:
        url = stack.enter_context(control_process(folder, **proxies, **variables))
        model = stack.enter_context(stand_in_model())
        here = Installation(folder)
        stack.callback(here.database.engine.dispose)
        client = stack.enter_context(closing(client_of(url, attempts=1)))
        yield Gateway(url, client, model, here, count())


def client_of(url: str, *, attempts: int, **settings: Any) -> Any:
    """A runtime client that tries so many times."""
    config = Config(retries={"total_max_attempts": attempts}, **settings)
    return boto3.client("sagemaker-runtime", endpoint_url=url, config=config, **KEYS)
