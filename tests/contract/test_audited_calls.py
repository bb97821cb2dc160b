"""What boto3's calls leave in the audit log of a real control process: every change, every refusal, and no secret."""

from contextlib import suppress
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from service.audit import FOLDER, recorded, verified
from service.core.access import Grant, Role
from service.core.policy_document import document_of
from tests import plain_http
from tests import sagemaker_requests as requests
from tests.aws_clients import ENVIRONMENT, KEY_ID, SIGNED, Signed, client, error_of
from tests.servers.control import control_process


@pytest.fixture
def data(tmp_path):
    return tmp_path


@pytest.fixture
def url(data):
    with control_process(data) as address:
        yield address


def lines(data: Path, operation: str = "") -> list:
    with suppress(Exception):
        return [line for line in recorded(data) if operation in line["operation"]]
    return []


def raw(data):
    return b"".join(path.read_bytes() for path in (data / FOLDER).iterdir())


def test_a_change_tells_who_did_what_to_what_from_where_and_how_it_ended(url, data):
    answer = client("sagemaker", url).create_model(**requests.model("signs"))
    [line] = lines(data)
    told = {
        name: line[name] for name in ("sequence", "user", "key_id", "from", "operation", "status", "error", "count")
    }
    assert told == {
        "sequence": 1,
        "user": "admin",
        "key_id": KEY_ID,
        "from": "127.0.0.1",
        "operation": "sagemaker:CreateModel",
        "status": 200,
        "error": None,
        "count": 1,
    }
    assert line["resource"] == {"ModelName": "signs", "ExecutionRoleArn": requests.ROLE}
    assert line["request_id"] == answer["ResponseMetadata"]["RequestId"]


def test_a_change_that_fails_leaves_a_line_with_its_code(url, data):
    assert error_of(client("sagemaker", url).delete_model, ModelName="nobody")[0] == "ValidationException"
    assert [(line["status"], line["error"]) for line in lines(data)] == [(400, "ValidationException")]


def test_reads_leave_none(url, data):
    client("sagemaker", url).list_models()
    plain_http.get(f"{url}/metrics", auth=SIGNED)
    assert error_of(client("sagemaker", url).describe_model, ModelName="nobody")[2] == 400
    assert lines(data) == []


def test_keys_that_are_made_are_told_and_not_shown(url, data):
    iam = client("iam", url)
    iam.create_user(UserName="eve")
    pair = iam.create_access_key(UserName="eve")["AccessKey"]
    iam.delete_access_key(UserName="eve", AccessKeyId=pair["AccessKeyId"])
    told = [(line["operation"], line["resource"]) for line in lines(data)]
    assert told == [
        ("iam:CreateUser", {"UserName": "eve"}),
        ("iam:CreateAccessKey", {"UserName": "eve"}),
        ("iam:DeleteAccessKey", {"UserName": "eve", "AccessKeyId": pair["AccessKeyId"]}),
    ]
    for secret in (pair["SecretAccessKey"], ENVIRONMENT["SEXTANT_SECRET_ACCESS_KEY"]):
        assert secret.encode() not in raw(data)


def test_whoever_is_not_known_leaves_one_line_and_a_count(data):
    with control_process(data) as url:
        for _ in range(5):
            error_of(client("sagemaker", url, aws_secret_access_key="wrong").delete_model, ModelName="signs")
        error_of(client("sagemaker", url, aws_access_key_id="SXTSTRANGER").list_models)
        assert [line["count"] for line in lines(data)] == [1, 1]
    told = [(line["user"], line["key_id"], line["error"], line["count"]) for line in lines(data)]
    assert told == [
        (None, KEY_ID, "InvalidSignatureException", 1),
        (None, None, "UnrecognizedClientException", 1),
        (None, KEY_ID, "InvalidSignatureException", 4),
    ]


def test_whoever_may_not_is_told_by_name_at_every_door(url, data):
    iam = client("iam", url)
    iam.create_user(UserName="eve")
    policy = document_of([Grant(Role.VIEWER, "other-*")])
    iam.put_user_policy(UserName="eve", PolicyName="grants", PolicyDocument=policy)
    pair = iam.create_access_key(UserName="eve")["AccessKey"]
    eve = {"aws_access_key_id": pair["AccessKeyId"], "aws_secret_access_key": pair["SecretAccessKey"]}
    assert error_of(client("sagemaker", url, **eve).delete_model, ModelName="signs")[0] == "AccessDeniedException"
    error_of(client("sagemaker-runtime", url, **eve).invoke_endpoint, EndpointName="signs", Body=b"[1]")
    signed = Signed(pair["AccessKeyId"], pair["SecretAccessKey"])
    assert plain_http.get(f"{url}/processing-jobs/signs/log", auth=signed).status_code == 403
    assert plain_http.get(f"{url}/metrics").status_code == 401
    told = [(line["operation"], line["key_id"], line["status"]) for line in lines(data) if line["error"]]
    assert told == [
        ("sagemaker:DeleteModel", pair["AccessKeyId"], 400),
        ("sagemaker:InvokeEndpoint", pair["AccessKeyId"], 403),
        ("GET /processing-jobs/{name}/log", pair["AccessKeyId"], 403),
        ("GET /metrics", None, 401),
    ]


def test_measurements_are_taken_twice_and_leave_no_line(url, data):
    cloudwatch = client("cloudwatch", url)
    for _ in range(3):  # within a second, so that botocore signs all three alike
        cloudwatch.put_metric_data(Namespace="Shop", MetricData=[{"MetricName": "Sales", "Value": 1.0}])
    assert lines(data) == []


def test_what_was_answered_is_in_the_log_of_a_process_that_is_killed(data):
    with control_process(data) as url:
        sagemaker = client("sagemaker", url)
        for number in range(3):
            sagemaker.create_model(**requests.model(f"model-{number}"))
        names = [line["resource"]["ModelName"] for line in lines(data)]
    assert names == ["model-0", "model-1", "model-2"]
    with control_process(data) as url:
        client("sagemaker", url).create_model(**requests.model("after"))
    assert (verified(data).lines, verified(data).broken) == (4, None)


def test_a_change_that_cannot_be_recorded_is_answered_with_an_error_that_says_so(url, data):
    (data / FOLDER).write_text("no folder")
    with pytest.raises(ClientError, match="is not recorded: cannot write the audit log in"):
        client("sagemaker", url).create_model(**requests.model("signs"))
    assert error_of(client("sagemaker", url, aws_secret_access_key="wrong").list_models)[2] == 403
