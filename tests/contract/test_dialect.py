"""Every needed operation works as AWS's does; and whether the campaigns would notice where one did not."""

import json
from contextlib import closing, contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import boto3
import pytest

from tests import plain_http
from tests import sagemaker_requests as requests
from tests.aws_clients import KEYS
from tests.dialect.calls import shortcomings
from tests.dialect.campaign import Campaign
from tests.dialect.fuzz import FuzzedRequest, fuzzed_requests
from tests.dialect.scenarios import SCENARIOS, Question, Refusal
from tests.sagemaker_requests import Installation
from tests.servers.control import control_process

BY_OPERATION = {scenario.operation: scenario for scenario in SCENARIOS}
REFUSED = json.dumps({"__type": "ValidationException", "message": "no"}).encode()


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.server("postgres"))], scope="module")
def variables(request):
    """The environment of a control process over each database."""
    if request.param == "sqlite":
        return {}
    return {"SEXTANT_DATABASE_URL": request.getfixturevalue("postgres").new_database()}


@pytest.fixture(scope="module")
def played(variables, tmp_path_factory):
    """What does not hold of a scenario."""
    folder = tmp_path_factory.mktemp("dialect")
    with (
        control_process(folder, **variables) as url,
        closing(boto3.client("sagemaker", endpoint_url=url, **KEYS)) as aws,
    ):
        settings = {name.removeprefix("SEXTANT_").lower(): value for name, value in variables.items()}
        here = Installation(folder, **settings)
        yield lambda scenario: shortcomings(scenario, aws, here)
        here.database.engine.dispose()


@pytest.mark.parametrize("operation", BY_OPERATION)
def test_an_operation_works_as_awss_does(played, operation):
    assert played(BY_OPERATION[operation]) == []


@pytest.mark.parametrize(
    ("operation", "changes", "words"),
    [
        ("DescribeModel", {"answer": {"ModelName": "other"}}, "answered ModelName 'signs', not 'other'"),
        ("DescribeModel", {"request": {"ModelName": "nope"}}, "DescribeModel failed: "),
        ("DeleteModel", {"then": (Question("DescribeModel", {"ModelName": "signs"}, error="X"),)}, "is None, not X"),
        ("DescribeModel", {"refused": (Refusal({"ModelName": "signs"}, "X", ""),)}, "which AWS answers with X"),
        ("DescribeModel", {"refused": (Refusal({"ModelName": "nope"}, "X", ""),)}, "was refused with"),
        ("ListModels", {"names": ("signs",)}, "lists ('signs', 'spare'), not ('signs',)"),
    ],
)
def test_a_scenario_that_does_not_hold_is_told(played, operation, changes, words):
    (told,) = played(replace(BY_OPERATION[operation], **changes))
    assert words in told


def test_fuzzed_requests_find_a_real_control_process_unmoved(tmp_path):
    with control_process(tmp_path) as url, plain_http.Client() as client:
        found = Campaign(url, here := Installation(tmp_path), client).run(fuzzed_requests(1, 150))
        here.database.engine.dispose()
    assert (found.server_errors, found.wrong_bodies, found.left_behind) == ([], [], [])
    assert found.accepted.total() > 20


@contextmanager
def weak_service(answer):
    """The URL of a service that answers every request with what `answer` makes of its operation: status and body."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            self.rfile.read(int(self.headers["Content-Length"]))
            status, body = answer(self.headers["X-Amz-Target"].removeprefix("SageMaker."))
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture
def here(tmp_path):
    installation = Installation(tmp_path)
    yield installation
    installation.database.engine.dispose()


def campaign(here, answer, operation="CreateModel", body=b'{"ModelName": "fuzz-1"}'):
    with weak_service(answer) as url, plain_http.Client() as client:
        return Campaign(url, here, client).run([FuzzedRequest(operation, body)])


def test_a_weak_service_that_fails_is_noticed(here):
    found = campaign(here, lambda _: (500, REFUSED))
    assert (len(found.server_errors), len(found.wrong_bodies)) == (1, 1)


def test_a_weak_service_that_hangs_up_is_noticed(here):
    found = campaign(here, lambda _: 1 / 0)
    assert len(found.server_errors) == 1


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (400, b""),
        (400, b"{}"),
        (400, b'{"__type": "Oops", "message": "no"}'),
        (400, b'{"__type": "ValidationException", "message": ""}'),
        (302, REFUSED),
        (200, b"[]"),
        (200, b"<html>"),
    ],
)
def test_a_weak_service_whose_answer_is_not_awss_is_noticed(here, status, body):
    assert len(campaign(here, lambda _: (status, body)).wrong_bodies) == 1


@pytest.mark.parametrize("told_by", ["DescribeModel", "ListModels"])
def test_a_weak_service_that_half_creates_is_noticed(here, told_by):
    found = campaign(here, lambda operation: (200, b'{"Name": "fuzz-1"}') if operation == told_by else (400, REFUSED))
    assert len(found.left_behind) == 1


def test_a_weak_service_that_writes_a_row_and_refuses_is_noticed(here):
    def writes(operation):
        if operation == "CreateModel":
            here.call("CreateModel", **requests.model("fuzz-1"))
        return 400, REFUSED

    assert len(campaign(here, writes).left_behind) == 1


def test_a_service_that_refuses_in_order_is_found_in_order(here):
    found = campaign(here, lambda _: (400, REFUSED))
    assert (found.server_errors, found.wrong_bodies, found.left_behind) == ([], [], [])
