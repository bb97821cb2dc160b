"""The table of operations held against a control process: what it calls served is known there, and nothing else is."""

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore import xform_name
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.aws_clients import KEYS
from tests.documentation import served
from tests.sagemaker_operations import GROUPS
from tests.servers.control import control_process

LISTED = [(group.service, operation) for group in GROUPS for operation in group.operations]
ENDPOINT = {"EndpointName": "nobody"}  # which is part of the runtime's addresses


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    data: Path = tmp_path_factory.mktemp("control")
    with control_process(data) as address:
        yield address


@cache
def client(url: str, service: str) -> Any:
    """A client that sends what it is told, whole or not."""
    config = Config(parameter_validation=False, retries={"total_max_attempts": 1})
    return boto3.client(service, endpoint_url=url, config=config, **KEYS)


def refusal(url: str, service: str, operation: str) -> str:
    """The words with which an empty request is refused; none where it is answered."""
    call = getattr(client(url, service), xform_name(operation))
    try:
        call(**(ENDPOINT if service == "sagemaker-runtime" else {}))
    except ClientError as error:
        return str(error)
    return ""


@pytest.mark.parametrize(("service", "operation"), LISTED, ids=[operation for _, operation in LISTED])
def test_an_operation_is_known_exactly_where_the_table_says_that_it_works(url, service, operation):
    known = "is not served" not in refusal(url, service, operation)
    assert known == ((service, operation) in served())
