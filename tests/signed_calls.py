"""Calls of boto3's clients as they would be sent: signed by the client, taken before they leave it."""

from collections.abc import Callable
from contextlib import closing
from functools import cache
from hashlib import sha256
from typing import Any

import boto3
import pytest

from tests.aws_clients import ONCE
from tests.signing import ADDRESS, KEY_ID, SECRET, Arrived, arrived, presigned, signed

KEYS = {"aws_access_key_id": KEY_ID, "aws_secret_access_key": SECRET, "region_name": "us-east-1"}
ARN = "arn:aws:sagemaker:us-east-1:123456789012:model/digits"
MANY = [{"MetricName": f"metric {number}", "Value": 1.5} for number in range(500)]
CALLS: dict[str, tuple[str, Callable[[Any], object]]] = {
    "sagemaker, no members": ("sagemaker", lambda aws: aws.list_endpoints()),
    "sagemaker, members": (
        "sagemaker",
        lambda aws: aws.add_tags(ResourceArn="arn:aws:x", Tags=[{"Key": "k", "Value": "é"}]),
    ),
    "sagemaker-runtime": (
        "sagemaker-runtime",
        lambda aws: aws.invoke_endpoint(
            EndpointName="digits",
            Body=bytes(range(256)),
            ContentType="application/x-npy",
            Accept="application/json",
            CustomAttributes="trace=1, of  two",
            InferenceId="an id",
            TargetVariant="blue",
        ),
    ),
    "sts": ("sts", lambda aws: aws.get_caller_identity()),
    "iam": ("iam", lambda aws: aws.get_role(RoleName="A+role=@_")),
    "logs": ("logs", lambda aws: aws.describe_log_streams(logGroupName="/aws/sagemaker/Endpoints/digits")),
    "cloudwatch": ("cloudwatch", lambda aws: aws.put_metric_data(Namespace="a/b", MetricData=MANY[:1])),
    "cloudwatch, packed": ("cloudwatch", lambda aws: aws.put_metric_data(Namespace="a/b", MetricData=MANY)),
}


@cache
def client_requests() -> dict[str, Arrived]:
    """What boto3's clients send for each of the calls, signed just now."""
    return {name: request_of(service, call) for name, (service, call) in CALLS.items()}


def genuine_requests() -> dict[str, Arrived]:
    """The clients' requests, and such as they do not send of themselves."""
    return {
        **client_requests(),
        "presigned": presigned("GET", "/", [("X-Amz-Also", "1")], members={"Action": "GetCallerIdentity", "b": "+ /é"}),
        "presigned, temporary keys": presigned("GET", "/", token="a/token+="),
        "temporary keys": signed(token="a/token+="),
        "a declared hash": signed(headers=[("X-Amz-Content-SHA256", sha256(b"x").hexdigest())], body=b"x"),
        "a query and a header twice": signed("PUT", "/a%2Fb/c?b=2&a=1&a=%2B", [("My-A", "1"), ("My-A", "2")]),
        "dated by HTTP": signed(headers=[("Date", "now")]),
    }


def request_of(service: str, call: Callable[[Any], object]) -> Arrived:
    """The request that a client sends for a call; it is not sent."""
    with closing(signing_client(service, ADDRESS)) as client:
        client.meta.events.register("before-send", _take)
        with pytest.raises(_Taken) as taken:
            call(client)
    request = taken.value.args[0]
    body = request.body.encode() if isinstance(request.body, str) else bytes(request.body or b"")
    return arrived(request.method, request.url, list(request.headers.items()), body)


def signing_client(service: str, url: str) -> Any:
    """A client with the key that tests know, which asks once."""
    return boto3.client(service, endpoint_url=url, config=ONCE, **KEYS)


class _Taken(Exception):
    """A request on its way out."""


def _take(request: Any, **_context: object) -> None:
    raise _Taken(request)
