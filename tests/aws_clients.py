"""boto3's own clients, told only an address, and the errors that they raise."""

from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

KEYS = {"aws_access_key_id": "any", "aws_secret_access_key": "thing", "region_name": "us-east-1"}
ONCE = Config(retries={"total_max_attempts": 1})


def client(service: str, url: str, **options: Any) -> Any:
    """A client that asks once."""
    return boto3.client(service, endpoint_url=url, **{"config": ONCE, **KEYS, **options})


def error_of(call: Any, **request: Any) -> tuple[str, str, int]:
    """The code, message and status of the error that a client raises."""
    with pytest.raises(ClientError) as raised:
        call(**request)
    answer = raised.value.response
    return answer["Error"]["Code"], answer["Error"]["Message"], answer["ResponseMetadata"]["HTTPStatusCode"]
