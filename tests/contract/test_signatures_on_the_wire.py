"""Requests of real clients over a real connection: verified as they arrive, and so are the attempts that follow."""

from contextlib import closing, suppress

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from botocore.parsers import ResponseParserError

from service.control.access.replay import SignatureUsed, UsedSignatures
from tests import plain_http
from tests.servers.recording import recording_server
from tests.signed_calls import CALLS, KEYS
from tests.signing import KEY_ID, signed_at


def call(name, url, **retries):
    service, ask = CALLS[name]
    client = boto3.client(service, endpoint_url=url, config=Config(retries=retries), **KEYS)
    with closing(client), suppress(ClientError, ResponseParserError):  # nothing here answers as the API would
        ask(client)


@pytest.mark.parametrize("name", CALLS)
def test_what_a_client_signed_is_what_arrives(name):
    with recording_server(400) as server:
        call(name, server.url, total_max_attempts=1)
    (request,) = server.requests
    assert request.verify(signed_at(request)).scope.key_id == KEY_ID


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_presigned_address_works_without_the_client(method):
    with recording_server(200) as server, closing(boto3.client("sts", endpoint_url=server.url, **KEYS)) as client:
        address = client.generate_presigned_url("get_caller_identity", ExpiresIn=60, HttpMethod=method)
        plain_http.request(method, address)
    (request,) = server.requests
    claim = request.verify(signed_at(request))
    assert (claim.good_until - claim.signed_at).total_seconds() == 60


@pytest.mark.parametrize("mode", ["legacy", "standard"])
def test_every_attempt_of_a_client_counts_and_no_copy_of_one(mode):
    with recording_server(503) as server:
        call("sagemaker, members", server.url, mode=mode, total_max_attempts=3)
    assert len(server.requests) == 3
    used = UsedSignatures(signed_at(server.requests[0]))
    for request in server.requests:
        now = signed_at(request)
        used.use(request.verify(now), now)
        with pytest.raises(SignatureUsed):
            used.use(request.verify(now), now)


def test_the_same_call_made_twice_at_once_is_two_calls():
    with recording_server(400) as server:
        for _ in range(2):
            call("sagemaker, members", server.url, total_max_attempts=1)
    used = UsedSignatures(signed_at(server.requests[0]))
    for request in server.requests:
        used.use(request.verify(signed_at(request)), signed_at(request))
    assert len(used) == 2
