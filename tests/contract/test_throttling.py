"""boto3 is throttled as by AWS: it waits, tries again, and says so when it gives up."""

import pytest
from botocore.config import Config

from tests import plain_http
from tests.aws_clients import SIGNED, client, error_of
from tests.servers.control import control_process

UNTIL_IT_WORKS = Config(retries={"total_max_attempts": 10, "mode": "standard"})


@pytest.fixture(scope="module")
def url(tmp_path_factory):
    """A control process that answers a request every two seconds."""
    folder = tmp_path_factory.mktemp("control")
    with control_process(folder, SEXTANT_REQUESTS_PER_SECOND_PER_ADDRESS="0.5") as address:
        yield address


def use_up(url):
    """Ask until nothing is answered any more."""
    answers = [plain_http.get(f"{url}/ping") for _ in range(5)]
    assert {answer.status_code for answer in answers} <= {200, 429}
    assert answers[-1].headers["retry-after"] in ("1", "2")


@pytest.mark.parametrize(
    ("service", "operation", "members", "code"),
    [
        ("sagemaker", "list_models", {}, "ThrottlingException"),
        ("logs", "describe_log_groups", {}, "ThrottlingException"),
        ("iam", "get_role", {"RoleName": "SageMakerRole"}, "Throttling"),
        ("sagemaker-runtime", "invoke_endpoint", {"EndpointName": "signs", "Body": b"x"}, "ThrottlingException"),
    ],
)
def test_every_api_says_it_in_its_words(url, service, operation, members, code):
    call = getattr(client(service, url), operation)
    use_up(url)
    found, message, status = error_of(call, **members)
    assert (found, status) == (code, 400)
    assert message.startswith("Rate exceeded: try again in ")


def test_a_client_that_tries_again_gets_its_answer(url):
    patient = client("sagemaker", url, config=UNTIL_IT_WORKS)
    use_up(url)
    answer = patient.list_models()
    assert answer["Models"] == []
    assert answer["ResponseMetadata"]["RetryAttempts"] >= 1


@pytest.fixture(scope="module")
def one_a_key(tmp_path_factory):
    """A control process that answers a key every two seconds."""
    folder = tmp_path_factory.mktemp("control")
    with control_process(folder, SEXTANT_REQUESTS_PER_SECOND_PER_KEY="0.5") as address:
        yield address


def use_up_key(url):
    """Ask until the tests' key is answered no more."""
    answers = [plain_http.get(f"{url}/metrics", auth=SIGNED) for _ in range(5)]
    assert (answers[-1].status_code, answers[-1].headers["retry-after"]) in ((429, "1"), (429, "2"))


@pytest.mark.parametrize(
    ("service", "operation", "members", "code"),
    [
        ("sagemaker", "list_models", {}, "ThrottlingException"),
        ("iam", "get_role", {"RoleName": "SageMakerRole"}, "Throttling"),
        ("sagemaker-runtime", "invoke_endpoint", {"EndpointName": "signs", "Body": b"x"}, "ThrottlingException"),
    ],
)
def test_a_key_that_asks_too_often_is_told_so_by_every_api(one_a_key, service, operation, members, code):
    call = getattr(client(service, one_a_key), operation)
    use_up_key(one_a_key)
    found, message, status = error_of(call, **members)
    assert (found, status, message.startswith("Rate exceeded")) == (code, 400, True)
    assert plain_http.get(f"{one_a_key}/ping").status_code == 200


def test_a_wrong_secret_is_told_so_twenty_times_and_locks_nobody_out_here(url_of_default):
    wrong = client("sagemaker", url_of_default, aws_secret_access_key="guessed")
    codes = [error_of(wrong.list_models)[0] for _ in range(25)]
    assert codes[:20] == ["InvalidSignatureException"] * 20
    assert "ThrottlingException" in codes[20:]
    assert client("sagemaker", url_of_default).list_models()["Models"] == []


@pytest.fixture(scope="module")
def url_of_default(tmp_path_factory):
    """A control process with the limits that it has by itself."""
    with control_process(tmp_path_factory.mktemp("control")) as address:
        yield address
