"""Several variants and several endpoints of one installation, by unmodified boto3 clients."""

import os
import signal
from collections import Counter
from contextlib import ExitStack, closing

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from monitor_jobs.object_store import S3Address
from service.cli.endpoint import capture_config
from tests.aws_clients import KEYS
from tests.integration.tiny_package import write_tiny_package
from tests.servers.rolling_calls import calling
from tests.wait import wait_until

OFTEN = {"Delay": 1, "MaxAttempts": 90}
ROLE = "arn:aws:iam::123456789012:role/SageMakerRole"
SECONDS = 60


class Clients:
    """boto3's two clients, and the steps that every test repeats."""

    def __init__(self, service, stack):
        self.service = service
        once = Config(retries={"total_max_attempts": 1})
        clients = [boto3.client(name, endpoint_url=service.url, config=once, **KEYS) for name in CLIENTS]
        self.sagemaker, self.runtime = [stack.enter_context(closing(client)) for client in clients]

    def deploy(self, endpoint, **weights):
        """An endpoint in service whose variants have these weights, and echo what they are sent."""
        address = S3Address("sextant", f"models/{endpoint}/model.tar.gz")
        self.service.store.upload(write_tiny_package(self.service.folder), address)
        container = {"ModelDataUrl": str(address)}
        self.sagemaker.create_model(ModelName=endpoint, PrimaryContainer=container, ExecutionRoleArn=ROLE)
        self.configure(endpoint, endpoint, **weights)
        self.sagemaker.create_endpoint(EndpointName=endpoint, EndpointConfigName=endpoint)
        self.wait_in_service(endpoint)

    def configure(self, config, model, **weights):
        shares = [{"VariantName": name, "InitialVariantWeight": weight} for name, weight in weights.items()]
        machine = {"ModelName": model, "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
        capture = capture_config(100, "s3://sextant/captures")
        variants = [{**share, **machine} for share in shares]
        self.sagemaker.create_endpoint_config(
            EndpointConfigName=config, ProductionVariants=variants, DataCaptureConfig=capture
        )

    def wait_in_service(self, endpoint):
        self.sagemaker.get_waiter("endpoint_in_service").wait(EndpointName=endpoint, WaiterConfig=OFTEN)

    def reweigh(self, endpoint, **weights):
        desired = [{"VariantName": name, "DesiredWeight": weight} for name, weight in weights.items()]
        self.sagemaker.update_endpoint_weights_and_capacities(
            EndpointName=endpoint, DesiredWeightsAndCapacities=desired
        )
        self.wait_in_service(endpoint)

    def weights(self, endpoint):
        variants = self.sagemaker.describe_endpoint(EndpointName=endpoint)["ProductionVariants"]
        return {each["VariantName"]: (each["CurrentWeight"], each["DesiredWeight"]) for each in variants}

    def invoked(self, endpoint, body="[0]", **members):
        """The name of the variant that answered, which must be what was sent."""
        answer = self.runtime.invoke_endpoint(
            EndpointName=endpoint, Body=body, ContentType="application/json", Accept="application/json", **members
        )
        assert answer["Body"].read().decode() == body
        return answer["InvokedProductionVariant"]

    def captured(self, endpoint, variant):
        return [record.event_metadata.inference_id for record in self.service.captures(endpoint, variant)]


CLIENTS = ("sagemaker", "sagemaker-runtime")


@pytest.fixture(scope="module")
def clients(running_service):
    with ExitStack() as stack:
        yield Clients(running_service, stack)


@pytest.fixture(scope="module")
def signs(clients):
    """An endpoint that nobody changes the number of variants of."""
    clients.deploy("signs", Blue=3, Green=1)
    return "signs"


def test_each_variant_captures_its_own_share_to_its_own_folder(clients, signs):
    drawn = {f"drawn-{number}": clients.invoked(signs, InferenceId=f"drawn-{number}") for number in range(60)}
    asked = {
        f"asked-{number}": clients.invoked(signs, InferenceId=f"asked-{number}", TargetVariant="Green")
        for number in range(5)
    }
    assert set(Counter(drawn.values())) == {"Blue", "Green"}
    for variant in ("Blue", "Green"):
        sent = {identifier for identifier, answered in {**drawn, **asked}.items() if answered == variant}
        wait_until(
            lambda variant=variant, sent=sent: sent <= set(clients.captured(signs, variant)),
            timeout_seconds=SECONDS,
            what=f"the captures of {variant}",
        )
        assert sorted(set(clients.captured(signs, variant)) & {*drawn, *asked}) == sorted(sent)


def test_a_weight_of_zero_gets_no_request_from_the_moment_it_is_told(clients, signs):
    with calling(clients.service.url, signs) as calls:
        clients.reweigh(signs, Green=0)
        assert {clients.invoked(signs) for _ in range(60)} == {"Blue"}
    assert clients.weights(signs) == {"Blue": (3.0, 3.0), "Green": (0.0, 0.0)}
    assert calls.failed == []
    clients.reweigh(signs, Green=1, Blue=0)
    assert {clients.invoked(signs) for _ in range(30)} == {"Green"}
    clients.reweigh(signs, Green=1, Blue=3)


def test_an_update_keeps_the_weights_that_are_to_be_retained_and_fails_no_request(clients, signs):
    clients.configure("signs-next", "signs", Green=9, Red=1)
    with calling(clients.service.url, signs) as calls:
        clients.sagemaker.update_endpoint(
            EndpointName=signs, EndpointConfigName="signs-next", RetainAllVariantProperties=True
        )
        clients.wait_in_service(signs)
    assert (clients.weights(signs), calls.failed) == ({"Green": (1.0, 1.0), "Red": (1.0, 1.0)}, [])
    assert clients.invoked(signs, TargetVariant="Red") == "Red"


def test_a_variant_that_dies_is_started_again_once_while_the_others_answer(clients):
    clients.deploy("pair", First=1, Second=1)
    for number in range(10):
        clients.invoked("pair", InferenceId=f"before-{number}", TargetVariant="First")
    victim, before = first_of(clients), endpoints_of(clients)
    os.kill(victim, signal.SIGKILL)
    seen = wait_until(lambda: refusal(clients, "First"), timeout_seconds=SECONDS, what="a refusal")
    assert clients.invoked("pair", TargetVariant="Second") == "Second"
    assert seen in ("ServiceUnavailable", "ModelNotReadyException")
    wait_until(lambda: refusal(clients, "First") is None, timeout_seconds=SECONDS, what="its second life")
    assert (len(endpoints_of(clients)), len(endpoints_of(clients) & before)) == (len(before), len(before) - 1)
    sent = {f"before-{number}" for number in range(10)}
    wait_until(lambda: sent <= set(clients.captured("pair", "First")), timeout_seconds=SECONDS, what="captures")
    assert Counter(clients.captured("pair", "First"))["before-0"] == 1


def test_endpoints_beside_each_other_answer_and_end_on_their_own(clients, signs):
    clients.deploy("alone", AllTraffic=1)
    clients.sagemaker.delete_endpoint(EndpointName="alone")
    clients.sagemaker.get_waiter("endpoint_deleted").wait(EndpointName="alone", WaiterConfig=OFTEN)
    assert clients.invoked(signs) in clients.weights(signs)


def first_of(clients):
    return next(process.pid for process in clients.service.processes("serve-endpoint") if serves(process, "pair/First"))


def serves(process, variant):
    return any(f"endpoints/{variant}/" in argument for argument in process.cmdline())


def endpoints_of(clients):
    return {
        process.pid
        for process in clients.service.processes("serve-endpoint")
        if serves(process, "pair/First") or serves(process, "pair/Second")
    }


def refusal(clients, variant):
    try:
        clients.invoked("pair", TargetVariant=variant)
    except ClientError as error:
        return error.response["Error"]["Code"]
    return None
