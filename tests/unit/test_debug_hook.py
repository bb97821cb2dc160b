"""What a model's environment says of tensors: SageMaker's DebugHookConfig as it is written, or refused in words."""

import json

import pytest

from monitor_jobs.contract.debug_hook import HookParameters, SaveSteps, TensorKind, debug_hook_of
from monitor_jobs.contract.errors import BadInput
from monitor_jobs.contract.model_package import ModelCard
from service.control.sagemaker.context import ValidationException
from service.core.redaction import BodyRules, Redaction
from service.endpoint.tensor_hook.selection import is_wanted
from service.scheduler.endpoint_specs import CaptureLimits, EndpointSpecs
from tests import sagemaker_requests as requests
from tests.sagemaker_requests import Installation

OUTPUT = "s3://bucket/tensors"
CARD = ModelCard(classes=("stop", "yield", "limit 30"))


def hook_of(**config: object):
    return debug_hook_of({"SEXTANT_DEBUG_HOOK": json.dumps({"S3OutputPath": OUTPUT, **config})})


def test_an_environment_that_asks_for_nothing_is_no_hook():
    assert debug_hook_of({}) is None
    assert debug_hook_of({"SEXTANT_DEBUG_HOOK": "", "tensors_output": ""}) is None


def test_the_samples_variable_alone_keeps_inputs():
    hook = debug_hook_of({"tensors_output": OUTPUT})
    assert (hook.output, hook.kind) == (OUTPUT, TensorKind.REPLAY)
    assert hook.collections_at(7)


def test_a_configuration_as_the_sdk_makes_it_keeps_what_it_names():
    hook = hook_of(
        LocalPath="/opt/ml/output/tensors",
        HookParameters={"save_interval": "10"},
        CollectionConfigurations=[
            {"CollectionName": "custom", "CollectionParameters": {"include_regex": ".*bn|.*bias, fc_output"}},
            {"CollectionName": "gradients", "CollectionParameters": {"save_interval": "2", "end_step": "5"}},
        ],
    )
    assert hook.kind is TensorKind.RAW
    custom, gradients = hook.collections
    assert [custom.has(name) for name in ("layer1.bn2_output_0", "fc_output_0", "relu_output_0")] == [True, True, False]
    assert gradients.has("gradient/image")
    assert not gradients.has("ResNet_gradient/")
    assert [[one.name for one in hook.collections_at(step)] for step in (0, 1, 2, 5)] == [
        ["custom", "gradients"],
        ["custom"],
        ["custom", "gradients"],
        ["custom"],
    ]


@pytest.mark.parametrize(
    ("steps", "kept"),
    [
        (SaveSteps(), [0, 1, 2, 3, 4, 5, 6]),
        (SaveSteps(save_interval=3), [0, 3, 6]),
        (SaveSteps(save_interval=3, start_step=1, end_step=6), [3]),
        (SaveSteps(save_steps=frozenset({2, 5})), [2, 5]),
        (SaveSteps(save_steps=frozenset({2, 5}), save_interval=4), [0, 2, 4, 5]),
    ],
)
def test_steps_are_those_of_smdebug(steps, kept):
    assert [step for step in range(7) if steps.has(step)] == kept


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ("{", "SEXTANT_DEBUG_HOOK is no DebugHookConfig: the whole"),
        ('{"S3Path": "s3://b/k"}', "S3Path: extra inputs are not permitted"),
        ('{"HookParameters": {"save_interval": "often"}}', "HookParameters.save_interval"),
        ('{"HookParameters": {"save_interval": "0"}}', "HookParameters.save_interval: input should be greater"),
        ('{"HookParameters": {"kind": "all"}}', "HookParameters.kind: input should be 'replay', 'reduced' or 'raw'"),
        ('{"HookParameters": {"include_regex": "(bn"}}', "is no regular expression"),
        ('{"HookParameters": {"inference_ids": "["}}', "is no regular expression"),
        ('{"HookParameters": {"sampling_percentage": "0"}}', "HookParameters.sampling_percentage"),
        ('{"HookParameters": {"below_confidence": "nan"}}', "HookParameters.below_confidence"),
        ('{"HookParameters": {"bogus": "1"}}', "HookParameters.bogus: extra inputs are not permitted"),
        ('{"HookParameters": {"kind": "raw"}}', "kind raw needs an include_regex"),
        ('{"HookParameters": {"kind": "replay", "include_regex": "bn"}}', "kind replay keeps the same of every step"),
        ('{"CollectionConfigurations": [{"CollectionName": "relu"}]}', "'relu' has no include_regex"),
        ('{"S3OutputPath": "/tmp/tensors"}', "write s3://bucket/prefix"),
    ],
)
def test_what_does_not_fit_is_refused_by_its_place(config, said):
    with pytest.raises(BadInput) as refusal:
        debug_hook_of({"SEXTANT_DEBUG_HOOK": config, "tensors_output": OUTPUT})
    assert said.lower() in str(refusal.value).lower()


def test_a_hook_needs_a_place_for_its_tensors():
    with pytest.raises(BadInput, match="has no S3OutputPath: say where tensors go, there or in tensors_output"):
        debug_hook_of({"SEXTANT_DEBUG_HOOK": "{}"})


@pytest.mark.parametrize(
    ("parameters", "wanted"),
    [
        ({}, True),
        ({"classes": "stop, limit 30"}, True),
        ({"classes": "0"}, True),
        ({"classes": "yield"}, False),
        ({"below_confidence": "0.9"}, True),
        ({"below_confidence": "0.7"}, False),
        ({"inference_ids": "^frame-1"}, True),
        ({"inference_ids": "^frame-2"}, False),
        ({"classes": "yield", "below_confidence": "0.9"}, True),
        ({"classes": "yield", "inference_ids": "^frame-2"}, False),
    ],
)
def test_one_reason_is_enough_and_none_is_every_request(parameters, wanted):
    said = {"targets": [0], "confidences": [0.8], "inference_id": "frame-17"}
    assert is_wanted(HookParameters.model_validate(parameters), CARD, **said) is wanted


def test_a_confidence_that_is_no_number_is_low_and_a_request_without_an_id_has_none_that_matches():
    low = HookParameters(below_confidence=0.5)
    assert is_wanted(low, CARD, targets=[0], confidences=[float("nan")], inference_id=None)
    assert not is_wanted(low, CARD, targets=[], confidences=[], inference_id=None)
    assert not is_wanted(HookParameters(inference_ids=".*"), CARD, targets=[0], confidences=[0.1], inference_id=None)


def test_of_several_inputs_one_that_has_a_reason_is_enough():
    only = HookParameters(classes=frozenset({"yield"}))
    assert is_wanted(only, CARD, targets=[0, 1], confidences=[0.9, 0.9], inference_id=None)


RULES = (None, Redaction(request=BodyRules(images="strip")))
REDACTION = '{"request": {"json": {"$.name": "drop"}}}'


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({"tensors_output": "s3://b"}, "is no S3 bucket name"),
        (
            {"tensors_output": OUTPUT, "SEXTANT_DEBUG_HOOK": "[]"},
            "Model other: SEXTANT_DEBUG_HOOK is no DebugHookConfig",
        ),
        ({"tensors_output": OUTPUT, "SEXTANT_REDACTION": REDACTION}, "which rules of redaction are to take out"),
    ],
)
def test_a_model_that_no_endpoint_could_run_is_refused_when_it_is_created(tmp_path, environment, said):
    here = Installation(tmp_path)
    container = {"ModelDataUrl": "s3://models/signs/model.tar.gz", "Environment": environment}
    with pytest.raises(ValidationException, match=said):
        here.call("CreateModel", **(requests.model("other") | {"PrimaryContainer": container}))
    here.database.engine.dispose()


def test_rules_of_the_installation_keep_an_endpoint_from_keeping_tensors(tmp_path):
    here = Installation(tmp_path)
    container = {"ModelDataUrl": "s3://models/signs/model.tar.gz", "Environment": {"tensors_output": OUTPUT}}
    here.call("CreateModel", **(requests.model("signs") | {"PrimaryContainer": container}))
    here.call("CreateEndpointConfig", **requests.endpoint_config("signs", "signs"))
    here.call("CreateEndpoint", EndpointName="signs", EndpointConfigName="signs")
    endpoint = here.database.endpoints.get("signs")
    specs = [EndpointSpecs(here.database, tmp_path, CaptureLimits(60, 2**30, 0, redaction=rules)) for rules in RULES]
    assert specs[0].of(endpoint, "signs").specs[0].redaction is None
    with pytest.raises(BadInput, match="leave out the one or the other"):
        specs[1].of(endpoint, "signs")
    here.database.engine.dispose()


def test_tensors_and_captures_have_places_of_their_own(tmp_path):
    here = Installation(tmp_path)
    destination = requests.CAPTURE["DestinationS3Uri"]
    container = {"ModelDataUrl": "s3://models/signs/model.tar.gz", "Environment": {"tensors_output": f"{destination}/"}}
    here.call("CreateModel", **(requests.model("signs") | {"PrimaryContainer": container}))
    here.call("CreateEndpointConfig", **requests.endpoint_config("signs", "signs", DataCaptureConfig=requests.CAPTURE))
    here.call("CreateEndpoint", EndpointName="signs", EndpointConfigName="signs")
    with pytest.raises(BadInput, match="give tensors a prefix of their own"):
        EndpointSpecs(here.database, tmp_path, CaptureLimits(60, 2**30, 0)).of(
            here.database.endpoints.get("signs"), "signs"
        )
    here.database.engine.dispose()
