"""InvokeEndpoint by a real boto3 client, through a real control process, to a stand-in for the endpoint's process."""

import threading
from contextlib import closing, contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from service.core.deployment import MAX_BODY_BYTES
from service.core.states import EndpointStatus
from tests.sagemaker_requests import Installation
from tests.servers.control import control_process
from tests.servers.processes import free_ports

LOG_STREAM = "arn:aws:logs:us-east-1:000000000000:log-group:/aws/sagemaker/Endpoints/signs"


class Model(BaseHTTPRequestHandler):
    """Answers a body `status` or `status text` with that status and text, and anything else with its length."""

    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.requests.append((self.path, {name.lower(): value for name, value in self.headers.items()}, body))
        if body == b"hang up":
            self.close_connection = True
            return
        status, _, text = body.partition(b" ") if body[:3].isdigit() else (b"200", b"", str(len(body)).encode())
        self.send_response(int(status))
        self.send_header("Content-Type", "text/plain")
        self.send_header("Content-Length", str(len(text)))
        self.send_header("X-Amzn-SageMaker-Custom-Attributes", "trace-1")
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_arguments):
        """Nothing: the tests look at what was answered."""


@contextmanager
def serving_model():
    with ThreadingHTTPServer(("127.0.0.1", 0), Model) as server:
        server.daemon_threads = True
        server.requests = []
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def model():
    with serving_model() as server:
        yield server


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("gateway")


@pytest.fixture(scope="module")
def runtime(folder):
    keys = {"aws_access_key_id": "any", "aws_secret_access_key": "thing", "region_name": "us-east-1"}
    config = Config(retries={"total_max_attempts": 1})
    nowhere = f"http://127.0.0.1:{free_ports(1)[0]}"  # a proxy that would lose every request
    with (
        control_process(folder, HTTP_PROXY=nowhere, http_proxy=nowhere, NO_PROXY="", no_proxy="") as url,
        closing(boto3.client("sagemaker-runtime", endpoint_url=url, config=config, **keys)) as client,
    ):
        yield client


@pytest.fixture
def endpoint(folder, runtime, model):
    """Puts the endpoint `signs` into a state, with its process at a port."""
    here = Installation(folder)
    if here.database.endpoints.get("signs") is None:
        here.with_endpoint()

    def put(status=EndpointStatus.IN_SERVICE, port=model.server_port):
        running = [{"variant": "AllTraffic", "handle": {"address": f"http://127.0.0.1:{port}"}}] if port else []
        record = here.database.endpoints.get("signs")
        here.database.endpoints.save(replace(record, status=status, running=running))

    put()
    yield put
    here.database.engine.dispose()


def error_of(runtime, body, name="signs"):
    with pytest.raises(ClientError) as raised:
        runtime.invoke_endpoint(EndpointName=name, Body=body)
    answer = raised.value.response
    return answer["ResponseMetadata"]["HTTPStatusCode"], answer["Error"]["Code"], answer


def test_the_models_answer_comes_back_with_its_variant(runtime, endpoint):
    answer = runtime.invoke_endpoint(EndpointName="signs", Body=b"hello", ContentType="text/csv")
    assert (answer["Body"].read(), answer["ContentType"]) == (b"5", "text/plain")
    assert (answer["InvokedProductionVariant"], answer["CustomAttributes"]) == ("AllTraffic", "trace-1")


def test_the_model_sees_the_members_of_invoke_endpoint_and_no_signature(runtime, endpoint, model):
    members = {"ContentType": "text/csv", "Accept": "text/plain", "InferenceId": "id-1", "CustomAttributes": "trace-9"}
    runtime.invoke_endpoint(EndpointName="signs", Body=b"hello", **members)
    path, headers, body = model.requests[-1]
    assert (path, body, headers["content-type"], headers["accept"]) == (
        "/invocations",
        b"hello",
        "text/csv",
        "text/plain",
    )
    assert headers["x-amzn-sagemaker-inference-id"] == "id-1"
    assert headers["x-amzn-sagemaker-custom-attributes"] == "trace-9"
    assert "authorization" not in headers


def test_no_content_type_stays_none(runtime, endpoint, model):
    runtime.invoke_endpoint(EndpointName="signs", Body=b"hello")
    assert "content-type" not in model.requests[-1][1]


def test_an_unknown_endpoint_is_a_validation_error(runtime, endpoint):
    status, code, answer = error_of(runtime, b"x", name="nope")
    assert (status, code) == (400, "ValidationError")
    assert answer["Error"]["Message"] == "Endpoint nope of account 000000000000 not found."


@pytest.mark.parametrize("state", [EndpointStatus.CREATING, EndpointStatus.FAILED, EndpointStatus.DELETING])
def test_an_endpoint_that_does_not_serve_is_a_validation_error(runtime, endpoint, state):
    endpoint(state)
    status, code, answer = error_of(runtime, b"x")
    assert (status, code) == (400, "ValidationError")
    assert answer["Error"]["Message"] == f"Endpoint signs is {state}, not InService."


def test_an_endpoint_serves_while_it_is_updated(runtime, endpoint):
    endpoint(EndpointStatus.UPDATING)
    assert runtime.invoke_endpoint(EndpointName="signs", Body=b"hello")["Body"].read() == b"5"


def test_an_endpoint_without_a_process_is_a_validation_error(runtime, endpoint):
    endpoint(port=None)
    assert error_of(runtime, b"x")[:2] == (400, "ValidationError")


def test_a_body_of_six_mebibytes_is_taken_and_one_byte_more_is_not(runtime, endpoint, model):
    answer = runtime.invoke_endpoint(EndpointName="signs", Body=b"x" * MAX_BODY_BYTES)
    assert answer["Body"].read() == b"6291456"
    seen = len(model.requests)
    status, code, refused = error_of(runtime, b"x" * (MAX_BODY_BYTES + 1))
    assert (status, code, len(model.requests)) == (400, "ValidationError", seen)
    assert refused["Error"]["Message"] == "Request body is longer than 6291456 bytes."


@pytest.mark.parametrize(("original", "side"), [(400, "client"), (415, "client"), (500, "server"), (504, "server")])
def test_what_the_model_refuses_is_a_model_error(runtime, endpoint, original, side):
    status, code, answer = error_of(runtime, f"{original} no such sign".encode())
    assert (status, code) == (424, "ModelError")
    assert (answer["OriginalStatusCode"], answer["OriginalMessage"]) == (original, "no such sign")
    assert answer["LogStreamArn"] == LOG_STREAM
    assert answer["Error"]["Message"].startswith(f"Received {side} error ({original}) from AllTraffic with message")


def test_a_long_message_of_the_model_is_cut(runtime, endpoint):
    assert len(error_of(runtime, b"500 " + b"x" * 5000)[2]["OriginalMessage"]) == 1024


def test_a_model_that_is_not_ready_is_unavailable(runtime, endpoint):
    status, code, answer = error_of(runtime, b"503 loading")
    assert (status, code, answer["Error"]["Message"]) == (503, "ServiceUnavailable", "loading")


def test_a_process_that_is_gone_is_unavailable(runtime, endpoint):
    endpoint(port=free_ports(1)[0])
    assert error_of(runtime, b"x")[:2] == (503, "ServiceUnavailable")


def test_a_process_that_hangs_up_is_unavailable(runtime, endpoint):
    assert error_of(runtime, b"hang up")[:2] == (503, "ServiceUnavailable")
