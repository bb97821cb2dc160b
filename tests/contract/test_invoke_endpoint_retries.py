"""What boto3 tries again, through a real control process to a real endpoint: captured once, wherever the call broke."""

from contextlib import closing, contextmanager
from dataclasses import replace

import pytest

from service.control.gateway.recent_answers import ATTEMPT, INVOCATION_ID
from tests import plain_http
from tests.aws_clients import SIGNED
from tests.contract.invoke_endpoint import client_of, gateway_process
from tests.endpoint_token import AUTHORIZED
from tests.servers.cutting_proxy import cutting_proxy
from tests.servers.endpoint import running_endpoint, write_package
from tests.servers.processes import free_ports
from tests.wait import wait_until

# Answers how often it was asked; the first time a body says so, it takes its time.
COUNTS = """
import time

asked = []

def model_fn(model_dir):
    return None

def transform_fn(model, body, content_type, accept):
    asked.append(body)
    if body.startswith(b"slow") and asked.count(body) == 1:
        time.sleep(1.5)
    return f"{asked.count(body)} {body.decode()}", "text/plain"
"""


@pytest.fixture(scope="module")
def gateway(tmp_path_factory):
    with gateway_process(tmp_path_factory.mktemp("gateway")) as running:
        yield running


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """An endpoint process that writes every body that it captures as a line."""
    folder = tmp_path_factory.mktemp("endpoint")
    package = write_package(folder / "package", {"code/inference.py": COUNTS})
    with running_endpoint(package, folder) as endpoint:
        yield endpoint


@pytest.fixture
def name(gateway, model):
    return gateway.endpoint(at(model.url))


def at(address):
    return {"variant": "AllTraffic", "handle": {"address": address}}


@contextmanager
def client(url, **settings):
    with closing(client_of(url, attempts=3, **settings)) as made:
        yield made


def invoked(made, name, body):
    """The answer's body and how often boto3 tried again."""
    answer = made.invoke_endpoint(EndpointName=name, Body=body, ContentType="application/octet-stream")
    return answer["Body"].read(), answer["ResponseMetadata"]["RetryAttempts"]


def captured(model, body):
    return [line for line in model.captured_bodies if line.endswith(f" {body.decode()}")]


@pytest.mark.parametrize("cuts", [1, 2])
def test_an_answer_that_was_lost_on_its_way_is_given_again_and_captured_once(gateway, model, name, cuts):
    body = b"lost %d" % cuts
    with cutting_proxy(gateway.url, cuts=cuts) as proxy, client(proxy.url) as made:
        assert invoked(made, name, body) == (b"1 %b" % body, cuts)
    assert len(proxy.lost) == cuts
    assert captured(model, body) == [f"1 {body.decode()}"]


def test_a_big_answer_of_which_half_was_lost_is_given_again_and_captured_once(gateway, model, name):
    body = b"half" * 1_000_000
    with cutting_proxy(gateway.url, cuts=1) as proxy, client(proxy.url) as made:
        first = made.invoke_endpoint(EndpointName=name, Body=body)
        assert first["ResponseMetadata"]["RetryAttempts"] == 1
        assert first["Body"].read() == b"1 " + body
    assert len(captured(model, body)) == 1


def test_a_call_that_its_client_gave_up_on_is_captured_where_it_is_answered_alone(gateway, model, name):
    with client(gateway.url, read_timeout=1) as made:
        assert invoked(made, name, b"slow") == (b"2 slow", 1)
    wait_until(lambda: closed_requests(model) >= 1, timeout_seconds=10, what="the end of the first attempt")
    assert captured(model, b"slow") == ["2 slow"]


def closed_requests(model):
    """How many requests the endpoint counts whose caller hung up."""
    lines = plain_http.get(f"{model.url}/metrics", headers=AUTHORIZED).text.splitlines()
    return sum(float(line.rpartition(" ")[2]) for line in lines if 'code="499"' in line)


def test_a_call_that_found_no_process_at_first_is_captured_once(gateway, model):
    name, attempts = gateway.endpoint(at(f"http://127.0.0.1:{free_ports(1)[0]}")), []

    def mend(request, **_more):
        attempts.append(request.headers["amz-sdk-request"])
        if len(attempts) == 2:
            here = gateway.here.database.endpoints
            here.save(replace(here.get(name), running=[at(model.url)]))

    with client(gateway.url) as made:
        made.meta.events.register("before-send.sagemaker-runtime.InvokeEndpoint", mend)
        assert invoked(made, name, b"late") == (b"1 late", 1)
    assert captured(model, b"late") == ["1 late"]


def test_a_process_that_breaks_off_is_asked_again_by_boto3_and_never_by_the_gateway(gateway):
    # Nobody can know whether it had captured the call by then: here alone a call may be captured at each attempt.
    seen = len(gateway.model.requests)
    with client(gateway.url) as made, pytest.raises(made.exceptions.ServiceUnavailable):
        invoked(made, gateway.endpoint(), b"hang up")
    assert len(gateway.model.requests) == seen + 3


def test_another_call_with_the_same_body_is_answered_by_the_model(gateway, model, name):
    with client(gateway.url) as made:
        assert [invoked(made, name, b"again") for _ in range(2)] == [(b"1 again", 0), (b"2 again", 0)]
    assert len(captured(model, b"again")) == 2


def test_an_error_is_never_given_again(gateway, name):
    headers = {INVOCATION_ID.decode(): "8c96f302-bc0a-447e-a06c-5aa7f6bf1c97", ATTEMPT.decode(): "attempt=2; max=3"}
    url = f"{gateway.url}/endpoints/{gateway.endpoint()}/invocations"
    answers = [plain_http.post(url, content=b"500 no", headers=headers, auth=SIGNED) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [424, 424]
    assert [request.body for request in gateway.model.requests[-2:]] == [b"500 no"] * 2
