"""Clients of a service under test: its one key pair, boto3's own clients, told only an address, and httpx's auth.

Every service that a test starts gets ENVIRONMENT, so that this pair is its first administrator's.
"""

import uuid
from collections.abc import Generator
from typing import Any

import boto3
import httpx
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

KEY_ID, SECRET, REGION = "SXTTESTS", "what-every-test-signs-with", "us-east-1"
KEYS = {"aws_access_key_id": KEY_ID, "aws_secret_access_key": SECRET, "region_name": REGION}
ENVIRONMENT = {"SEXTANT_ACCESS_KEY_ID": KEY_ID, "SEXTANT_SECRET_ACCESS_KEY": SECRET}
ONCE = Config(retries={"total_max_attempts": 1})
UNSIGNED = frozenset({"connection", "accept", "accept-encoding", "user-agent", "content-length", "transfer-encoding"})


class Signed(httpx.Auth):
    """Signs what httpx sends, as botocore does, whole."""

    requires_request_body = True

    def __init__(self, key_id: str = KEY_ID, secret: str = SECRET, *, service: str = "sagemaker") -> None:
        self.key_id, self.secret = key_id, secret
        self._signer = SigV4Auth(Credentials(key_id, secret), service, REGION)

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        # As AWS's clients do, without which a change asked for twice within a second is one.
        request.headers.setdefault("amz-sdk-invocation-id", str(uuid.uuid4()))
        signed = AWSRequest(request.method, str(request.url), data=request.content)
        for name, value in request.headers.items():
            if name not in UNSIGNED:
                signed.headers.add_header(name, value)
        self._signer.add_auth(signed)
        request.headers.update(dict(signed.headers.items()))
        yield request


SIGNED = Signed()


def client(service: str, url: str, **options: Any) -> Any:
    """A client that asks once."""
    return boto3.client(service, endpoint_url=url, **{"config": ONCE, **KEYS, **options})


def error_of(call: Any, **request: Any) -> tuple[str, str, int]:
    """The code, message and status of the error that a client raises."""
    with pytest.raises(ClientError) as raised:
        call(**request)
    answer = raised.value.response
    return answer["Error"]["Code"], answer["Error"]["Message"], answer["ResponseMetadata"]["HTTPStatusCode"]
