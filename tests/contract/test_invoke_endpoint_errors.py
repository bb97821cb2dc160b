"""InvokeEndpoint by a real boto3 client where it fails: AWS's error table, row by row."""

import socket
from urllib.parse import urlsplit

import pytest
from botocore.exceptions import ClientError

from service.core.deployment import MAX_BODY_BYTES
from service.core.records import EndpointRecord
from service.core.states import EndpointStatus
from tests import plain_http
from tests.aws_clients import SIGNED
from tests.contract.invoke_endpoint import gateway_process
from tests.sagemaker_requests import NOON
from tests.servers.processes import free_ports

LOG_GROUP = "arn:aws:logs:us-east-1:000000000000:log-group:/aws/sagemaker/Endpoints"
LIMIT = 2000
INVALID = (400, "ValidationError")


@pytest.fixture(scope="module")
def gateway(tmp_path_factory):
    with gateway_process(tmp_path_factory.mktemp("gateway")) as running:
        yield running


@pytest.fixture(scope="module")
def small_gateway(tmp_path_factory):
    with gateway_process(tmp_path_factory.mktemp("gateway"), SEXTANT_MAX_BODY_BYTES=str(LIMIT)) as running:
        yield running


def test_an_unknown_endpoint_is_a_validation_error(gateway):
    assert gateway.error("nope") == (*INVALID, "Endpoint nope of account 000000000000 not found.")


@pytest.mark.parametrize("state", [EndpointStatus.CREATING, EndpointStatus.FAILED, EndpointStatus.DELETING])
def test_an_endpoint_that_does_not_serve_is_a_validation_error(gateway, state):
    name = gateway.endpoint(status=state)
    assert gateway.error(name) == (*INVALID, f"Endpoint {name} is {state}, not InService.")


def test_an_endpoint_without_a_process_is_a_validation_error(gateway):
    gateway.here.database.endpoints.add(EndpointRecord("idle", "idle", EndpointStatus.IN_SERVICE, NOON, NOON))
    assert gateway.error("idle")[:2] == INVALID


def test_a_variant_that_is_not_there_is_named_beside_those_that_are(gateway):
    name = gateway.endpoint(gateway.process("Blue"), gateway.process("Green"))
    words = f"Variant Red not found for endpoint {name}: it has Blue, Green."
    assert gateway.error(name, TargetVariant="Red") == (*INVALID, words)


def test_an_endpoint_whose_weights_are_all_zero_wants_a_variant_named(gateway):
    name = gateway.endpoint(gateway.process("Blue", weight=0.0))
    words = f"No variant of endpoint {name} has a weight: name one as TargetVariant."
    assert gateway.error(name) == (*INVALID, words)


@pytest.mark.parametrize(
    ("members", "words"),
    [
        ({"TargetModel": "a.tar.gz"}, "is not a multi-model endpoint and does not support target model header."),
        ({"TargetContainerHostname": "second"}, "is not a multi-container endpoint"),
        ({"EnableExplanations": "`true`"}, "has no explainer"),
        ({"InferenceComponentName": "part"}, "Inference Component Name header is not allowed for endpoints to which"),
    ],
)
def test_members_for_other_kinds_of_endpoints_are_refused(gateway, members, words):
    status, code, message = gateway.error(gateway.endpoint(), **members)
    assert (status, code) == INVALID
    assert words in message


@pytest.mark.parametrize(
    ("member", "value", "words"),
    [
        ("InferenceId", "i" * 65, "at 'inferenceId' failed to satisfy constraint: Member must have length less than"),
        ("CustomAttributes", "c" * 1025, "at 'customAttributes' failed to satisfy constraint: Member must have length"),
        ("Accept", "a" * 1025, "at 'accept' failed to satisfy constraint: Member must have length less than"),
        ("TargetVariant", "../up", "at 'targetVariant' failed to satisfy constraint: Member must satisfy regular"),
    ],
)
def test_a_member_beyond_its_limits_is_refused_before_a_model_sees_it(gateway, member, value, words):
    seen = len(gateway.model.requests)
    status, code, message = gateway.error(gateway.endpoint(), **{member: value})
    assert (status, code, len(gateway.model.requests)) == (*INVALID, seen)
    assert words in message


@pytest.mark.parametrize("member", ["Inference-Id", "Custom-Attributes"])
def test_a_member_beyond_ascii_is_refused_before_a_model_sees_it(gateway, member):
    url, seen = f"{gateway.url}/endpoints/{gateway.endpoint()}/invocations", len(gateway.model.requests)
    headers = {"X-Api-Key": gateway.api_key, f"X-Amzn-SageMaker-{member}": b"\xc3\xa4"}
    answer = plain_http.post(url, content=b"hello", headers=headers)
    assert (answer.status_code, answer.headers["x-amzn-errortype"], len(gateway.model.requests)) == (*INVALID, seen)
    assert "failed to satisfy constraint: Member must satisfy regular" in answer.json()["message"]


@pytest.mark.parametrize("member", ["InferenceId", "CustomAttributes", "Accept"])
def test_a_member_of_just_its_limit_is_taken(gateway, member):
    longest = {"InferenceId": 64, "CustomAttributes": 1024, "Accept": 1024}[member]
    assert gateway.invoke(gateway.endpoint(), **{member: "x" * longest})["Body"] == b"5"


def test_a_name_that_is_none_is_refused(gateway):
    assert "failed to satisfy constraint" in gateway.error("a_b")[2]


@pytest.mark.parametrize("size", [MAX_BODY_BYTES + 1, 8 * MAX_BODY_BYTES])
def test_a_body_over_the_limit_is_refused_and_no_model_sees_it(gateway, size):
    seen = len(gateway.model.requests)
    words = f"Request body is longer than {MAX_BODY_BYTES} bytes."
    assert gateway.error(gateway.endpoint(), b"x" * size) == (*INVALID, words)
    assert len(gateway.model.requests) == seen


@pytest.mark.parametrize(
    ("framing", "sent"),
    [
        (f"content-length: {2**40}", b"x"),
        ("transfer-encoding: chunked", b"%x\r\n%b\r\n" % (LIMIT + 1, b"x" * (LIMIT + 1))),
    ],
)
def test_a_body_over_the_limit_is_refused_before_its_end(small_gateway, framing, sent):
    address = urlsplit(small_gateway.url)
    with socket.create_connection((address.hostname, address.port), timeout=10) as connection:
        line = f"POST /endpoints/{small_gateway.endpoint()}/invocations HTTP/1.1"
        head = f"{line}\r\nhost: 127.0.0.1\r\nx-api-key: {small_gateway.api_key}\r\n{framing}\r\n\r\n"
        connection.sendall(head.encode() + sent)
        assert connection.recv(4096).startswith(b"HTTP/1.1 400 ")


def test_a_member_that_is_given_twice_is_refused(gateway):
    url, name = f"{gateway.url}/endpoints/{gateway.endpoint()}/invocations", "X-Amzn-SageMaker-Inference-Id"
    answer = plain_http.post(url, headers=[("X-Api-Key", gateway.api_key), (name, "a"), (name, "b")])
    words = f"The header {name.lower()} is given twice: send it once."
    assert (answer.status_code, answer.json()["message"]) == (400, words)


def test_a_packed_body_is_refused_in_words(gateway):
    url = f"{gateway.url}/endpoints/{gateway.endpoint()}/invocations"
    answer = plain_http.post(url, content=b"x", headers={"Content-Encoding": "gzip"}, auth=SIGNED)
    assert (answer.status_code, answer.headers["x-amzn-errortype"]) == (415, "ValidationError")
    assert answer.json()["message"] == "Content-Encoding 'gzip': send the body as it is."


def test_an_operation_that_is_not_served_says_which_is(gateway):
    with pytest.raises(ClientError, match="async-invocations is not served: send the request to /endpoints/signs/invo"):
        gateway.client.invoke_endpoint_async(EndpointName="signs", InputLocation="s3://bucket/key")


@pytest.mark.parametrize(("method", "path"), [("GET", "signs/invocations"), ("POST", "signs/nothing"), ("POST", "")])
def test_what_is_no_operation_is_not_found(gateway, method, path):
    answer = plain_http.request(method, f"{gateway.url}/endpoints/{path}")
    assert (answer.status_code, answer.headers["x-amzn-errortype"]) == (404, "UnknownOperationException")


def test_the_limit_is_a_setting(small_gateway):
    name = small_gateway.endpoint()
    assert small_gateway.invoke(name, b"x" * LIMIT)["Body"] == str(LIMIT).encode()
    assert small_gateway.error(name, b"x" * (LIMIT + 1)) == (*INVALID, f"Request body is longer than {LIMIT} bytes.")


@pytest.mark.parametrize("how", ["bytes", "chunks"])
def test_an_answer_over_the_limit_is_a_model_error(small_gateway, how):
    status, code, message = small_gateway.error(small_gateway.endpoint(), f"{how} {LIMIT + 1}".encode())
    assert (status, code) == (424, "ModelError")
    assert f"The answer is longer than {LIMIT} bytes." in message


@pytest.mark.parametrize(
    ("original", "side"), [(400, "client"), (415, "client"), (429, "client"), (500, "server"), (504, "server")]
)
def test_what_the_model_refuses_is_a_model_error(gateway, original, side):
    name = gateway.endpoint()
    answer = gateway.refused(name, f"{original} no such sign".encode())
    assert (answer["ResponseMetadata"]["HTTPStatusCode"], answer["Error"]["Code"]) == (424, "ModelError")
    assert (answer["OriginalStatusCode"], answer["OriginalMessage"]) == (original, "no such sign")
    assert answer["LogStreamArn"] == f"{LOG_GROUP}/{name}"
    words = f'Received {side} error ({original}) from AllTraffic with message "no such sign".'
    assert answer["Error"]["Message"] == words


def test_a_long_message_of_the_model_is_cut(gateway):
    assert len(gateway.refused(gateway.endpoint(), b"500 " + b"x" * 100_000)["OriginalMessage"]) == 1024


def test_a_model_that_is_loaded_again_is_not_ready(gateway):
    name = gateway.endpoint(gateway.process(loading_since=NOON.isoformat()))
    words = f"Variant AllTraffic of endpoint {name} was started again and loads its model. Try again."
    assert gateway.error(name) == (429, "ModelNotReadyException", words)


def test_a_model_that_is_busy_is_unavailable(gateway):
    assert gateway.error(gateway.endpoint(), b"503 128 requests wait") == (
        503,
        "ServiceUnavailable",
        "128 requests wait",
    )


def test_a_process_that_is_gone_is_unavailable(gateway):
    gone = {"variant": "AllTraffic", "handle": {"address": f"http://127.0.0.1:{free_ports(1)[0]}"}}
    assert gateway.error(gateway.endpoint(gone))[:2] == (503, "ServiceUnavailable")


def test_a_process_that_hangs_up_is_unavailable(gateway):
    assert gateway.error(gateway.endpoint(), b"hang up")[:2] == (503, "ServiceUnavailable")


def test_a_failure_of_the_gateways_own_is_internal(gateway):
    lost = {"variant": "AllTraffic", "handle": {}}
    words = "The invocation failed: see the control log."
    assert gateway.error(gateway.endpoint(lost)) == (500, "InternalFailure", words)
