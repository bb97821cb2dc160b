"""Who is let in: boto3's own clients and plain HTTP against a real control process, with and without a right key."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from botocore import UNSIGNED as ANONYMOUS
from botocore.config import Config

from tests import plain_http
from tests.aws_clients import KEY_ID, SIGNED, Signed, client, error_of
from tests.servers.control import control_process

CALLS = [
    ("sagemaker", "list_endpoints", {}),
    ("sagemaker-runtime", "invoke_endpoint", {"EndpointName": "nobody", "Body": b"[1]"}),
    ("logs", "describe_log_groups", {}),
    ("cloudwatch", "list_metrics", {}),
    ("sts", "get_caller_identity", {}),
    ("iam", "get_role", {"RoleName": "any"}),
]
QUERY = {"sts", "iam"}


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    data: Path = tmp_path_factory.mktemp("control")
    with control_process(data) as address:
        yield address


@pytest.mark.parametrize(("service", "call", "request_"), CALLS)
def test_the_right_key_is_let_in(url, service, call, request_):
    asked = getattr(client(service, url), call)
    if service == "sagemaker-runtime":
        assert error_of(asked, **request_)[0] == "ValidationError"
    else:
        asked(**request_)


@pytest.mark.parametrize(("service", "call", "request_"), CALLS)
def test_a_wrong_secret_makes_a_wrong_signature(url, service, call, request_):
    code, _, status = error_of(getattr(client(service, url, aws_secret_access_key="wrong"), call), **request_)
    assert (code, status) == ("SignatureDoesNotMatch" if service in QUERY else "InvalidSignatureException", 403)


@pytest.mark.parametrize(("service", "call", "request_"), CALLS)
def test_a_key_that_nobody_has_is_not_recognized(url, service, call, request_):
    code, _, status = error_of(getattr(client(service, url, aws_access_key_id="SXTSTRANGER"), call), **request_)
    assert (code, status) == ("InvalidClientTokenId" if service in QUERY else "UnrecognizedClientException", 403)


@pytest.mark.parametrize(("service", "call", "request_"), CALLS)
def test_a_request_without_a_key_is_told_to_bring_one(url, service, call, request_):
    unsigned = Config(signature_version=ANONYMOUS, retries={"total_max_attempts": 1})
    code, _, status = error_of(getattr(client(service, url, config=unsigned), call), **request_)
    assert (code, status) == (
        "MissingAuthenticationToken" if service in QUERY else "MissingAuthenticationTokenException",
        403,
    )


@pytest.mark.parametrize("path", ["/metrics", "/prometheus/targets"])
def test_a_page_is_for_those_with_a_key(url, path):
    assert plain_http.get(url + path, auth=SIGNED).status_code == 200
    for stranger in (None, Signed(KEY_ID, "wrong"), Signed("SXTSTRANGER")):
        refused = plain_http.get(url + path, auth=stranger)
        assert (refused.status_code, refused.headers["www-authenticate"]) == (401, 'Bearer realm="sextant"')


def test_ping_is_open_and_says_nothing(url):
    answer = plain_http.get(f"{url}/ping")
    assert (answer.status_code, answer.content) == (200, b"")
