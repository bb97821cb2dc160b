"""Requests share a call of the network only where that was seen to change no answer."""

import io
import json
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from monitor_jobs.contract.errors import BadInput, ModelUnsuitable
from monitor_jobs.contract.model_package import ModelCard
from monitor_jobs.model_functions.codecs import Answer
from monitor_jobs.model_functions.functions import ModelFailed, ModelRequest, ServedModel, Stages, load_model
from monitor_jobs.model_functions.torch_defaults import default_input_fn, default_predict_fn
from service.endpoint.batches import KINDS_MAX, Batches, Outcome
from tests.servers.endpoint import write_package

NPY = "application/x-npy"
Predict = Callable[[Tensor], object]


class Counted(nn.Module):
    """A network that notes how many rows each call had."""

    def __init__(self, answer: Predict) -> None:
        super().__init__()
        self.answer = answer
        self.rows: list[int] = []

    def forward(self, given: Tensor) -> object:
        self.rows.append(len(given))
        return self.answer(given)


def double(given: Tensor) -> Tensor:
    return 2 * given.flatten(1)


def picky(given: Tensor) -> Tensor:
    if (given < 0).any():
        raise ValueError("negative")
    return double(given)


def listed(prediction: object, _accept: str) -> str:
    return json.dumps(prediction.tolist() if isinstance(prediction, Tensor) else prediction)


def batches_of(network: nn.Module, batch_size: int = 16) -> Batches:
    stages = Stages(default_input_fn, default_predict_fn, listed)
    served = ServedModel(ModelCard(), "application/json", network, stages.transform, stages, batch_size)
    return Batches(served)


def asked(array: object) -> ModelRequest:
    body = io.BytesIO()
    np.save(body, np.asarray(array, np.float32))
    return ModelRequest(body.getvalue(), NPY, "")


def outcomes(batches: Batches, requests: Sequence[ModelRequest]) -> list[Outcome]:
    found = dict(batches.answers(requests))
    return [found[position] for position in range(len(requests))]


def bodies(batches: Batches, *arrays: object) -> list[Any]:
    return [
        json.loads(outcome.body) if isinstance(outcome, Answer) else outcome
        for outcome in outcomes(batches, [asked(array) for array in arrays])
    ]


def test_requests_that_came_together_share_a_call_once_that_is_proven() -> None:
    network = Counted(double)
    batches = batches_of(network)
    assert bodies(batches, [[1]], [[2]]) == [[[2]], [[4]]]
    assert network.rows == [1, 1, 4]  # each alone, then both with what is unlike them
    network.rows.clear()
    assert bodies(batches, [[3]], [[4]], [[5]]) == [[[6]], [[8]], [[10]]]
    assert network.rows == [3]


def test_a_request_that_came_alone_is_answered_alone() -> None:
    network = Counted(double)
    assert bodies(batches_of(network), [[1]]) == [[[2]]]
    assert network.rows == [1]


def test_requests_of_several_rows_get_their_own_rows_back() -> None:
    batches = batches_of(Counted(double))
    for _ in range(2):
        assert bodies(batches, [[1], [2]], [[3]], [[4], [5]]) == [[[2], [4]], [[6]], [[8], [10]]]


@pytest.mark.parametrize(
    "mixes",
    [
        lambda given: given - given.mean(0),
        lambda given: given.sum(0, keepdim=True),
        lambda given: float(given.sum()),
        lambda given: given.mean(),
        lambda given: given - given.max(),
        lambda given: given * (1 + 0.001 * (len(given) > 1)),
        lambda given: given.argmax(0, keepdim=True).expand(len(given), -1),
    ],
    ids=["mean", "sum", "number", "no axis", "maximum", "slightly", "classes"],
)
def test_a_network_that_mixes_rows_is_never_given_two_requests(mixes: Predict) -> None:
    network = Counted(mixes)
    batches, rows = batches_of(network), ([[1.0, 5.0]], [[4.0, 2.0]], [[3.0, 3.0]])
    alone = [bodies(batches_of(Counted(mixes)), row)[0] for row in rows]
    for _ in range(3):
        network.rows.clear()
        assert bodies(batches, *rows) == alone
    assert network.rows == [1, 1, 1]


@pytest.mark.parametrize("mixes", [lambda given: given - given.mean(0), lambda given: given - given.mean()])
def test_one_body_sent_again_and_again_hides_no_mixing(mixes: Predict) -> None:
    network = Counted(mixes)
    batches = batches_of(network)
    for _ in range(3):
        network.rows.clear()
        bodies(batches, [[1.0, 5.0]], [[1.0, 5.0]])
    assert network.rows == [1, 1]


def test_a_network_that_answers_two_tensors_is_asked_for_each(tmp_path: Path) -> None:
    program = """
def model_fn(model_dir):
    return lambda data: (data, data)

def output_fn(pair, accept):
    return len(pair)
"""
    batches = Batches(load_model(write_package(tmp_path, {"code/inference.py": program}), {}))
    for _ in range(2):
        assert bodies(batches, [[1]], [[2]]) == [2, 2]


def test_batch_normalisation_in_training_is_found_out() -> None:
    torch.manual_seed(0)
    layer = nn.Sequential(nn.BatchNorm1d(2, momentum=0.0))
    layer[0].train()
    network = Counted(lambda given: layer(given) if len(given) > 1 else given)
    batches = batches_of(network)
    for _ in range(2):
        assert bodies(batches, [[1.0, 5.0]], [[4.0, 2.0]]) == [[[1.0, 5.0]], [[4.0, 2.0]]]


def test_what_has_another_shape_or_type_goes_apart() -> None:
    network = Counted(double)
    batches = batches_of(network)
    for _ in range(2):
        network.rows.clear()
        assert bodies(batches, [[1]], [[1, 2]], [[2]], [[3, 4]]) == [[[2]], [[2, 4]], [[4]], [[6, 8]]]
    assert network.rows == [2, 2]


def test_one_bad_body_costs_no_other_an_answer() -> None:
    batches = batches_of(Counted(double))
    for _ in range(2):
        first, bad, last = outcomes(batches, [asked([[1]]), ModelRequest(b"junk", NPY, ""), asked([[2]])])
        assert isinstance(bad, BadInput)
        assert [json.loads(each.body) for each in (first, last) if isinstance(each, Answer)] == [[[2]], [[4]]]


def test_a_call_that_fails_for_several_is_made_again_for_each() -> None:
    network = Counted(picky)
    batches = batches_of(network)
    bodies(batches, [[1]], [[2]])
    first, bad, last = bodies(batches, [[1]], [[-1]], [[2]])
    assert (first, type(bad), last) == ([[2]], ValueError, [[4]])


def test_a_kind_of_which_one_fails_is_proven_later() -> None:
    network = Counted(picky)
    batches = batches_of(network)
    bodies(batches, [[1]], [[-1]])
    bodies(batches, [[1]], [[2]])
    network.rows.clear()
    bodies(batches, [[1]], [[2]])
    assert network.rows == [2]


def test_not_a_number_is_the_same_as_itself() -> None:
    network = Counted(double)
    batches = batches_of(network)
    bodies(batches, [[np.nan, 1.0]], [[np.inf, 2.0]])
    network.rows.clear()
    bodies(batches, [[1.0, 2.0]], [[3.0, 4.0]])
    assert network.rows == [2]


def test_callers_who_send_ever_new_shapes_fill_no_memory() -> None:
    network = Counted(double)
    batches = batches_of(network)
    for width in range(1, KINDS_MAX + 3):
        bodies(batches, np.zeros((1, width)), np.zeros((1, width)))
    network.rows.clear()
    bodies(batches, np.zeros((1, 1)), np.zeros((1, 1)))
    bodies(batches, np.zeros((1, KINDS_MAX + 2)), np.zeros((1, KINDS_MAX + 2)))
    assert network.rows == [2, 1, 1]


def test_a_convolutional_network_answers_together_as_alone() -> None:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.Flatten(), nn.Linear(8 * 36, 5)).eval()
    pictures = np.random.default_rng(0).normal(size=(6, 1, 3, 8, 8))
    batches = batches_of(network)
    alone = [bodies(batches_of(network), picture)[0] for picture in pictures]
    for _ in range(2):
        for one, many in zip(alone, bodies(batches, *pictures), strict=True):
            np.testing.assert_allclose(one, many, rtol=1e-4, atol=1e-6)


MODEL = """
import torch
def model_fn(model_dir):
    return torch.nn.Flatten()
"""
OWN_PREDICT = MODEL + "def predict_fn(data, model):\n    return model(data)\n"
TRANSFORM = "def transform_fn(model, data, content_type, accept):\n    return data\n" + MODEL


@pytest.mark.parametrize(
    ("program", "environment", "largest"),
    [
        (MODEL, {}, 16),
        (MODEL, {"SAGEMAKER_TS_BATCH_SIZE": "1"}, 1),
        (MODEL, {"SAGEMAKER_TS_BATCH_SIZE": "40"}, 40),
        (OWN_PREDICT, {}, 1),
        (OWN_PREDICT, {"SAGEMAKER_TS_BATCH_SIZE": "4"}, 4),
        (TRANSFORM, {"SAGEMAKER_TS_BATCH_SIZE": "4"}, 1),
    ],
)
def test_how_many_may_go_together(tmp_path: Path, program: str, environment: dict[str, str], largest: int) -> None:
    package = write_package(tmp_path, {"code/inference.py": program})
    assert Batches(load_model(package, environment)).largest == largest


@pytest.mark.parametrize("asked_for", ["0", "-1", "many", "1.5", "1025", "²", ""])
def test_a_batch_size_that_is_none_is_refused(tmp_path: Path, asked_for: str) -> None:
    package = write_package(tmp_path, {"code/inference.py": MODEL})
    with pytest.raises(ModelUnsuitable, match="SAGEMAKER_TS_BATCH_SIZE"):
        load_model(package, {"SAGEMAKER_TS_BATCH_SIZE": asked_for})


def test_a_package_that_fails_says_the_same_alone_and_together(tmp_path: Path) -> None:
    program = "def model_fn(model_dir):\n    return lambda data: data.no_such_thing\n"
    served = load_model(write_package(tmp_path, {"code/inference.py": program}), {})
    answers = partial(outcomes, Batches(served))
    (alone,), together = answers([asked([[1]])]), answers([asked([[1]]), asked([[2]])])
    assert isinstance(alone, ModelFailed)
    assert [str(each) for each in together] == [str(alone)] * 2
