import importlib.util
import io
import json
import subprocess
import sys
import tarfile

import numpy as np
import pytest
import torch
from PIL import Image

from monitor_jobs.model_archive import unpack
from service.demo.digits import load_digits_split
from service.demo.packaging import PACKAGE_FILES, PACKAGE_FOLDER, write_package

CODE_FOLDER = PACKAGE_FOLDER / "code"
STANDALONE = """
import sys
sys.path[:0] = [sys.argv[1] + "/code"]
import inference
scans = inference.input_fn(sys.stdin.buffer.read(), "application/x-npy")
answer = inference.predict_fn(scans, inference.model_fn(sys.argv[1]))
assert not {"service", "monitor_jobs"} & set(sys.modules), "the package leans on the project"
print(inference.output_fn(answer, "application/json"))
"""


@pytest.fixture(scope="module")
def inference():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(CODE_FOLDER)
        spec = importlib.util.spec_from_file_location("digits_inference", CODE_FOLDER / "inference.py")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def model(inference):
    return inference.model_fn(str(PACKAGE_FOLDER))


@pytest.fixture(scope="module")
def scans():
    return load_digits_split().test.images[:10].numpy()


def npy(array):
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


def png(scan, mode="L", size=(32, 32)):
    buffer = io.BytesIO()
    picture = Image.fromarray(np.rint(scan.reshape(32, 32) * 255).astype(np.uint8))
    picture.convert(mode).resize(size).save(buffer, "PNG")
    return buffer.getvalue()


def test_a_package_has_the_same_bytes_every_time(tmp_path):
    once, again = write_package(tmp_path / "a.tar.gz"), write_package(tmp_path / "b.tar.gz")
    assert once.read_bytes() == again.read_bytes()


def test_a_package_holds_its_files_and_no_compiled_ones(tmp_path):
    with tarfile.open(write_package(tmp_path / "model.tar.gz")) as archive:
        files = [member.name for member in archive if member.isfile()]
    assert sorted(files) == sorted(PACKAGE_FILES)


def test_a_package_runs_with_nothing_but_its_own_code_on_the_path(tmp_path, inference, model, scans):
    unpack(write_package(tmp_path / "model.tar.gz"), tmp_path / "model")
    command = [sys.executable, "-I", "-W", "error", "-c", STANDALONE, str(tmp_path / "model")]
    done = subprocess.run(command, input=npy(scans), capture_output=True, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stderr.decode()
    expected = inference.predict_fn(torch.from_numpy(scans), model)
    assert np.allclose(json.loads(done.stdout), expected, atol=1e-5)


def test_the_model_is_ready_to_serve(model):
    assert not model.training


@pytest.mark.parametrize("shape", [(10, 1, 32, 32), (10, 32, 32)])
def test_a_batch_comes_with_or_without_its_channel(inference, scans, shape):
    read = inference.input_fn(npy(scans.reshape(shape)), "application/x-npy")
    assert torch.equal(read, torch.from_numpy(scans))


@pytest.mark.parametrize("shape", [(1, 1, 32, 32), (1, 32, 32), (32, 32)])
def test_a_single_scan_becomes_a_batch_of_one(inference, scans, shape):
    read = inference.input_fn(npy(scans[3].reshape(shape)), "application/x-npy")
    assert torch.equal(read, torch.from_numpy(scans[3:4]))


@pytest.mark.parametrize("content_type", ["application/json", "Application/JSON; charset=utf-8"])
@pytest.mark.parametrize("encode", [str, str.encode])
def test_json_comes_as_text_or_bytes(inference, scans, content_type, encode):
    read = inference.input_fn(encode(json.dumps(scans.tolist())), content_type)
    assert torch.equal(read, torch.from_numpy(scans))


def test_a_double_precision_array_becomes_single_precision(inference, scans):
    assert inference.input_fn(npy(scans.astype(np.float64)), "application/x-npy").dtype == torch.float32


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "P"])
def test_a_picture_of_any_kind_is_read_as_grey(inference, scans, mode):
    read = inference.input_fn(png(scans[0], mode), "image/png")
    assert torch.allclose(read, torch.from_numpy(scans[:1]), atol=2 / 255)


def test_a_larger_picture_is_read_as_the_same_digit(inference, model, scans):
    small, large = (inference.input_fn(png(scans[0], size=size), "image/png") for size in [(32, 32), (200, 200)])
    assert inference.predict_fn(small, model).argmax() == inference.predict_fn(large, model).argmax()


@pytest.mark.parametrize("shape", [(0,), (0, 32, 32), (32,), (1024,), (31, 32), (2, 3, 32, 32), (1, 1, 1, 32, 32), ()])
def test_scans_of_another_shape_are_refused(inference, shape):
    with pytest.raises(ValueError, match="scans have shape"):
        inference.input_fn(npy(np.zeros(shape, np.float32)), "application/x-npy")


@pytest.mark.parametrize("pixel", [np.nan, np.inf, -np.inf])
def test_pixels_that_are_no_finite_number_are_refused(inference, pixel):
    with pytest.raises(ValueError, match="NaN or infinite"):
        inference.input_fn(npy(np.full((32, 32), pixel)), "application/x-npy")


@pytest.mark.parametrize("content_type", ["text/csv", "image/jpeg", "", "application/jsonlines"])
def test_another_content_type_is_refused_by_name(inference, content_type):
    with pytest.raises(ValueError, match=f"content type '{content_type}' is not read here"):
        inference.input_fn(b"1", content_type)


def test_a_pickled_array_is_never_loaded(inference):
    with pytest.raises(ValueError, match="allow_pickle"):
        inference.input_fn(npy(np.array([print], dtype=object)), "application/x-npy")


@pytest.mark.parametrize("text", ["", "{}", '{"instances": []}', "[[1, 2], [3]]", "nope", "7", "null", '[["ink"]]'])
def test_json_that_holds_no_scans_is_refused(inference, text):
    with pytest.raises(ValueError, match=r".+"):
        inference.input_fn(text, "application/json")


@pytest.mark.parametrize("cut", [0, 10, 60])
def test_a_truncated_picture_is_refused(inference, scans, cut):
    with pytest.raises(OSError, match=r"."):
        inference.input_fn(png(scans[0])[:cut], "image/png")


def test_a_truncated_array_is_refused(inference, scans):
    with pytest.raises(ValueError, match=r"."):
        inference.input_fn(npy(scans)[:-1], "application/x-npy")


def test_probabilities_sum_to_one(inference, model, scans):
    probabilities = inference.predict_fn(torch.from_numpy(scans), model)
    assert probabilities.shape == (10, 10)
    assert torch.allclose(probabilities.sum(dim=1), torch.ones(10))


def test_a_plain_array_is_predicted_too(inference, model, scans):
    assert torch.equal(inference.predict_fn(scans, model), inference.predict_fn(torch.from_numpy(scans), model))


@pytest.mark.parametrize(
    ("accept", "read"),
    [
        ("application/json", json.loads),
        ("", json.loads),
        ("*/*", json.loads),
        ("text/csv; header=absent", lambda text: np.loadtxt(io.StringIO(text), delimiter=",")),
        ("application/x-npy", lambda body: np.load(io.BytesIO(body))),
    ],
)
def test_an_answer_reads_back_as_the_same_numbers(inference, accept, read):
    probabilities = torch.softmax(torch.arange(20.0).reshape(2, 10), dim=1)
    assert np.array_equal(np.asarray(read(inference.output_fn(probabilities, accept)), np.float32), probabilities)


def test_an_answer_of_another_type_is_refused_by_name(inference):
    with pytest.raises(ValueError, match="'image/png' is not written here"):
        inference.output_fn(torch.ones(1, 10), "image/png")
