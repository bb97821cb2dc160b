import importlib.util

import numpy as np
import pytest

from monitor_jobs.model_archive import read_model_card, unpack
from tests.e2e.packages import signs


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    folder = tmp_path_factory.mktemp("signs")
    unpack(signs.write_package(folder / "model.tar.gz"), folder / "model")
    return folder / "model"


@pytest.fixture(scope="module")
def inference(package):
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(package / "code")
        spec = importlib.util.spec_from_file_location("signs_inference", package / "code" / "inference.py")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def model(inference, package):
    return inference.model_fn(str(package))


@pytest.mark.parametrize(
    ("encode", "content_type"), [(signs.Photograph.png, "image/png"), (signs.Photograph.jpeg, "image/jpeg")]
)
def test_pictures_are_read_correctly(inference, model, encode, content_type):
    photographs = signs.draw_photographs(60, seed=7)
    answers = [inference.transform_fn(model, encode(each), content_type, "application/json") for each in photographs]
    correct = [body == [[each.label]] for (body, _), each in zip(answers, photographs, strict=True)]
    assert np.mean(correct) > 0.9


def test_a_batch_is_answered_by_a_nested_list_and_its_content_type(inference, model):
    photographs = signs.draw_photographs(12, seed=8)
    body, content_type = inference.transform_fn(model, signs.npy(photographs), "application/x-npy", "*/*")
    assert content_type == "application/json"
    assert [type(row[0]) for row in body] == [int] * 12


def test_another_content_type_is_refused_by_name(inference, model):
    with pytest.raises(ValueError, match="'text/csv' is not read here"):
        inference.transform_fn(model, b"1,2", "text/csv", "*/*")


def test_the_card_names_the_classes(package):
    assert read_model_card(package).classes == signs.CLASSES


def test_photographs_are_the_same_for_the_same_seed():
    once, again, other = (signs.draw_photographs(2, seed=seed)[1].png() for seed in (1, 1, 2))
    assert once == again
    assert once != other
