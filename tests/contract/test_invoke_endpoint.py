"""InvokeEndpoint by a real boto3 client: every member both ways, sizes, and which variant answers."""

from collections import Counter

import pytest

from service.core.deployment import MAX_BODY_BYTES
from service.core.states import EndpointStatus
from tests import plain_http
from tests.aws_clients import SIGNED
from tests.contract.invoke_endpoint import gateway_process
from tests.endpoint_token import TOKEN

LIMIT = 2000


@pytest.fixture(scope="module")
def gateway(tmp_path_factory):
    with gateway_process(tmp_path_factory.mktemp("gateway")) as running:
        yield running


@pytest.fixture(scope="module")
def small_gateway(tmp_path_factory):
    """One that takes and gives little."""
    with gateway_process(tmp_path_factory.mktemp("gateway"), SEXTANT_MAX_BODY_BYTES=str(LIMIT)) as running:
        yield running


def test_the_models_answer_comes_back_with_its_variant(gateway):
    answer = gateway.invoke(gateway.endpoint(), ContentType="text/csv")
    assert (answer["Body"], answer["ContentType"]) == (b"5", "text/plain")
    assert answer["InvokedProductionVariant"] == "AllTraffic"
    assert answer["ResponseMetadata"]["RequestId"]


def test_the_process_sees_the_members_of_invoke_endpoint_and_the_installations_token_in_place_of_the_signature(gateway):
    members = {
        "ContentType": "text/csv",
        "Accept": "text/plain",
        "InferenceId": "id-1",
        "CustomAttributes": "trace-9",
        "SessionId": "NEW_SESSION",
    }
    gateway.invoke(gateway.endpoint(), **members)
    received = gateway.model.requests[-1]
    assert (received.path, received.body) == ("/invocations", b"hello")
    assert received.headers == {
        "host": f"127.0.0.1:{gateway.model.port}",
        "content-length": "5",
        "authorization": f"Bearer {TOKEN}",
        "content-type": "text/csv",
        "accept": "text/plain",
        "x-amzn-sagemaker-inference-id": "id-1",
        "x-amzn-sagemaker-custom-attributes": "trace-9",
        "x-amzn-sagemaker-session-id": "NEW_SESSION",
    }


def test_no_content_type_stays_none(gateway):
    gateway.invoke(gateway.endpoint())
    assert not {"content-type", "accept"} & gateway.model.requests[-1].headers.keys()


def test_custom_attributes_come_back_where_the_model_sets_none(gateway):
    assert gateway.invoke(gateway.endpoint(), CustomAttributes="trace-9")["CustomAttributes"] == "trace-9"
    assert "CustomAttributes" not in gateway.invoke(gateway.endpoint())


def test_what_the_model_says_of_sessions_and_attributes_comes_back(gateway):
    answer = gateway.invoke(gateway.endpoint(), SessionId="NEW_SESSION", CustomAttributes="trace-9")
    assert answer["NewSessionId"] == "s-1; Expires=2030-01-01T00:00:00Z"
    assert (answer["ClosedSessionId"], answer["CustomAttributes"]) == ("s-0", "the model's own")


def test_a_hint_that_no_variant_can_use_is_ignored(gateway):
    assert gateway.invoke(gateway.endpoint(), PrefixAwareId="app-1")["Body"] == b"5"
    assert "x-amzn-sagemaker-prefix-aware-id" not in gateway.model.requests[-1].headers


def test_an_endpoint_serves_while_it_is_updated(gateway):
    assert gateway.invoke(gateway.endpoint(status=EndpointStatus.UPDATING))["Body"] == b"5"


@pytest.mark.parametrize("bodies", [(b"", b"0"), (b"x" * MAX_BODY_BYTES, str(MAX_BODY_BYTES).encode())])
def test_bodies_of_nothing_and_of_six_mebibytes_are_taken(gateway, bodies):
    sent, answered = bodies
    assert gateway.invoke(gateway.endpoint(), sent)["Body"] == answered


@pytest.mark.parametrize("how", ["bytes", "chunks"])
def test_an_answer_of_just_the_limit_comes_back_whole(small_gateway, how):
    answer = small_gateway.invoke(small_gateway.endpoint(), f"{how} {LIMIT}".encode())
    assert answer["Body"] == b"x" * LIMIT


def test_a_big_answer_comes_back_whole(gateway):
    assert gateway.invoke(gateway.endpoint(), f"bytes {MAX_BODY_BYTES}".encode())["Body"] == b"x" * MAX_BODY_BYTES


def test_a_body_without_a_length_is_taken(gateway):
    url = f"{gateway.url}/endpoints/{gateway.endpoint()}/invocations"
    assert plain_http.post(url, content=iter([b"hel", b"lo"]), auth=SIGNED).text == "5"


def two_variants(gateway, **weights):
    return gateway.endpoint(*(gateway.process(name, weight=weight) for name, weight in weights.items()))


def test_a_variant_is_addressed_by_name_whatever_its_weight(gateway):
    name = two_variants(gateway, Blue=1.0, Green=0.0)
    answers = [gateway.invoke(name, TargetVariant=variant) for variant in ("Green", "Blue", "Green")]
    assert [each["InvokedProductionVariant"] for each in answers] == ["Green", "Blue", "Green"]


def test_variants_are_drawn_by_weight_and_a_weight_of_zero_is_never_drawn(gateway):
    name = two_variants(gateway, Zero=0.0, Blue=3.0, Green=1.0, Nought=0.0)
    drawn = Counter(gateway.invoke(name)["InvokedProductionVariant"] for _ in range(200))
    assert drawn.keys() == {"Blue", "Green"}
    assert drawn["Blue"] > drawn["Green"]  # else one draw of some billions
