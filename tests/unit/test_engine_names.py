"""Which engine a model's environment asks for."""

import json
from pathlib import Path

import pytest

from monitor_jobs.contract.engines import Engine, engine_of
from monitor_jobs.contract.errors import BadInput
from service.control.sagemaker.context import ValidationException
from tests import sagemaker_requests as requests
from tests.sagemaker_requests import Installation

HOOK = {"SEXTANT_DEBUG_HOOK": json.dumps({"S3OutputPath": "s3://bucket/tensors"})}


@pytest.mark.parametrize("engine", list(Engine))
def test_an_engine_is_asked_for_by_its_name(engine: Engine) -> None:
    assert engine_of({"SEXTANT_ENGINE": str(engine)}) is engine


def test_who_asks_for_none_gets_the_fastest_of_equals() -> None:
    assert engine_of({}) is Engine.AUTO


@pytest.mark.parametrize("name", ["", "Torch", "onnx", " torch", "torch\n", "x" * 5000])
def test_another_name_is_refused_with_those_there_are(name: str) -> None:
    with pytest.raises(BadInput, match=r"auto, torch, openvino, openvino-bf16, onnxruntime$") as refused:
        engine_of({"SEXTANT_ENGINE": name})
    assert len(str(refused.value)) < 200


@pytest.mark.parametrize("asked", [{}, {"SEXTANT_ENGINE": "auto"}, {"SEXTANT_ENGINE": "torch"}])
def test_kept_tensors_are_of_torchs_layers(asked: dict[str, str]) -> None:
    assert engine_of(HOOK | asked) is Engine.TORCH


@pytest.mark.parametrize("engine", [Engine.OPENVINO, Engine.OPENVINO_BF16, Engine.ONNXRUNTIME])
def test_an_engine_without_layers_and_kept_tensors_exclude_each_other(engine: Engine) -> None:
    with pytest.raises(BadInput, match="SEXTANT_DEBUG_HOOK keeps tensors of torch's layers"):
        engine_of(HOOK | {"SEXTANT_ENGINE": str(engine)})


def test_a_model_that_asks_for_an_engine_of_no_such_name_is_refused_when_it_is_created(tmp_path: Path) -> None:
    model = requests.model()
    container = {**model["PrimaryContainer"], "Environment": {"SEXTANT_ENGINE": "turbo"}}
    with pytest.raises(ValidationException, match="Model signs: SEXTANT_ENGINE is 'turbo'"):
        Installation(tmp_path).call("CreateModel", **model | {"PrimaryContainer": container})
