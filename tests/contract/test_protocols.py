"""One port for many APIs: which of them a request means, and errors in the protocol that it speaks."""

import gzip

import pytest
from botocore.loaders import Loader
from botocore.model import ServiceModel
from botocore.parsers import create_parser
from botocore.serialize import create_serializer

from service.first_key import read_first_key
from tests import plain_http
from tests.aws_clients import SIGNED, Signed, client, error_of
from tests.servers.control import control_process

FORM = {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}
JSON = {"Content-Type": "application/x-amz-json-1.1"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("control")


@pytest.fixture(scope="module")
def url(folder):
    with control_process(folder, SEXTANT_ACCOUNT="123456789012") as address:
        yield address


def post(url, content, headers, auth=SIGNED):
    return plain_http.post(url, content=content, headers=headers, auth=auth)


def test_the_caller_is_a_role_of_the_account(url):
    found = client("sts", url).get_caller_identity()
    assert (found["Account"], found["Arn"]) == (
        "123456789012",
        "arn:aws:sts::123456789012:assumed-role/sextant/admin",
    )
    assert found["UserId"].startswith("AROA")


def test_a_role_has_an_arn_of_the_account_and_trusts_the_service(url):
    role = client("iam", url).get_role(RoleName="SageMakerRole")["Role"]
    assert role["Arn"] == "arn:aws:iam::123456789012:role/SageMakerRole"
    (statement,) = role["AssumeRolePolicyDocument"]["Statement"]
    assert statement["Principal"] == {"Service": "sagemaker.amazonaws.com"}


def test_the_role_of_the_caller_is_found_by_the_name_in_its_arn(url):
    name = client("sts", url).get_caller_identity()["Arn"].split("/")[1]
    assert client("iam", url).get_role(RoleName=name)["Role"]["RoleName"] == "sextant"


def test_a_role_is_the_same_at_every_look(url):
    iam = client("iam", url)
    assert iam.get_role(RoleName="a")["Role"] == iam.get_role(RoleName="a")["Role"]
    assert iam.get_role(RoleName="a")["Role"]["RoleId"] != iam.get_role(RoleName="b")["Role"]["RoleId"]


def test_a_name_that_is_no_role_name_is_refused_in_xml(url):
    code, message, status = error_of(client("iam", url).get_role, RoleName="no/role")
    assert (code, status) == ("ValidationError", 400)
    assert "Value 'no/role' at 'roleName' failed to satisfy constraint" in message


@pytest.mark.parametrize(
    ("service", "operation", "request_members", "code"),
    [
        ("iam", "list_roles", {}, "InvalidAction"),
        ("sts", "get_session_token", {}, "InvalidAction"),
        ("sqs", "list_queues", {}, "UnknownOperationException"),
        ("dynamodb", "list_tables", {}, "UnknownOperationException"),
        ("sns", "list_topics", {}, "InvalidAction"),
    ],
)
def test_what_is_not_served_says_so_in_the_clients_own_protocol(url, service, operation, request_members, code):
    found, message, status = error_of(getattr(client(service, url), operation), **request_members)
    assert (found, status) == (code, 400)
    assert "is not served: served are" in message


@pytest.fixture(scope="module")
def api_key(url, folder):
    return {"Authorization": f"Bearer {read_first_key(folder).api_key.secret.reveal()}"}


def test_an_action_that_is_sent_with_an_api_key_is_told_by_its_name(url, api_key):
    answer = post(url, b"Action=GetCallerIdentity&Version=2011-06-15", {**FORM, **api_key}, auth=None)
    assert (answer.status_code, "<Account>123456789012</Account>" in answer.text) == (200, True)


def test_the_scope_of_the_signature_decides_between_services(url):
    answer = post(url, b"Action=GetCallerIdentity&Version=2010-05-08", FORM, Signed(service="iam"))
    assert (answer.status_code, "GetCallerIdentity is not served: served are " in answer.text) == (400, True)


def test_a_signature_for_one_service_is_none_for_another(url):
    answer = post(url, b"{}", {**JSON, "X-Amz-Target": "SageMaker.ListModels"}, Signed(service="logs"))
    assert (answer.status_code, answer.json()["__type"]) == (403, "InvalidSignatureException")


@pytest.mark.parametrize(
    ("header", "code", "status"),
    [
        ("", "MissingAuthenticationToken", 403),
        ("nonsense", "MissingAuthenticationToken", 403),
        ("AWS4-HMAC-SHA256 Credential=a/b/c", "IncompleteSignature", 400),
        ("Bearer x", "InvalidClientTokenId", 403),
    ],
)
def test_a_header_that_is_no_key_is_refused_in_xml(url, header, code, status):
    answer = post(url, b"Action=GetCallerIdentity", {**FORM, "Authorization": header}, auth=None)
    assert (answer.status_code, f"<Code>{code}</Code>" in answer.text) == (status, True)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"Action",
        b"Action=&Action=",
        b"Action=GetRole",
        b"Action=GetRole&RoleName.x=1",
        b"Action=GetRole&RoleName=a&RoleName.x=1",
        b"Action.x=GetRole",
        b"\xff\xfe",
        b"Action=GetRole&RoleName=%00%ff",
        b"Action=PutMetricData&Namespace=n&MetricData.member." + b"1" * 5000 + b".MetricName=m",
        b"Action=PutMetricData&Namespace=n&MetricData.member.1.MetricName=m&MetricData.member.1.Value=" + b"1" * 5000,
        b"Action=PutMetricData&Namespace=n&MetricData.member.1.MetricName=m&MetricData.member.1.Value=nan",
        b"Action=GetRole&" + b"a." * 5000 + b"b=1",
        b"&" * 200_000,
    ],
)
def test_a_broken_form_is_an_error_in_xml_and_never_a_failure(url, body):
    answer = post(url, body, FORM, Signed(service="iam"))
    assert (answer.status_code, answer.text.startswith("<ErrorResponse><Error><Type>Sender</Type>")) == (400, True)


def test_a_gzip_body_is_unpacked(url):
    headers = {**JSON, "X-Amz-Target": "SageMaker.ListModels", "Content-Encoding": "gzip"}
    assert post(url, gzip.compress(b'{"MaxResults": 5}'), headers).json() == {"Models": []}


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (gzip.compress(b" " * 50_000_000), "longer than 1048576 bytes"),
        (gzip.compress(b" " * 500_000), "unpacks to more than 100 times its"),
        (gzip.compress(b'{"MaxResults": 5}')[:-9], "is cut short"),
        (gzip.compress(b'{"MaxResults": 5}') * 2, "something follows it"),
        (b"no gzip", "is no gzip"),
    ],
)
def test_a_gzip_body_that_is_a_bomb_or_none_is_refused(url, body, words):
    answer = post(url, body, {**JSON, "X-Amz-Target": "SageMaker.ListModels", "Content-Encoding": "gzip"})
    assert (answer.status_code, words in answer.json()["message"]) == (400, True)


@pytest.mark.parametrize("encoding", ["deflate", "br", "zstd", "gzip, gzip"])
def test_a_body_that_is_packed_in_another_way_is_refused_in_words(url, encoding):
    headers = {**JSON, "X-Amz-Target": "SageMaker.ListModels", "Content-Encoding": encoding}
    answer = post(url, b"anything", headers)
    assert answer.status_code == 415
    assert answer.json()["message"] == f"Content-Encoding {encoding!r} is not unpacked: send gzip, or the body as it is"


@pytest.mark.parametrize(
    ("operation", "members"),
    [
        ("list_buckets", {}),
        ("put_object", {"Bucket": "b", "Key": "k/k", "Body": b"x"}),
        ("get_object", {"Bucket": "b", "Key": "k"}),
        ("create_bucket", {"Bucket": "b"}),
    ],
)
def test_s3_is_told_where_it_is(url, operation, members):
    code, message, status = error_of(getattr(client("s3", url), operation), **members)
    assert (code, status) == ("NotImplemented", 501)
    assert "run `sextant up --s3`" in message


def test_an_operation_in_cbor_is_refused_in_cbor(url):
    operation = ServiceModel(Loader().load_service_model("cloudwatch", "service-2")).operation_model("ListMetrics")
    request = create_serializer("smithy-rpc-v2-cbor").serialize_to_request({}, operation)
    answer = plain_http.post(url + request["url_path"], headers=request["headers"], content=request["body"])
    raw = {"status_code": answer.status_code, "headers": answer.headers, "body": answer.content}
    error = create_parser("smithy-rpc-v2-cbor").parse(raw, operation.output_shape)["Error"]
    assert error["Code"] == "UnknownOperationException"
    assert error["Message"] == "the CBOR protocol is not served: send AWS JSON 1.0 or the query protocol to /"


def test_a_path_that_is_nobodys_is_not_found(url):
    answer = plain_http.get(f"{url}/nobodys")
    assert (answer.status_code, answer.json()) == (404, {"detail": "nothing answers GET /nobodys"})
