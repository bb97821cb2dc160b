"""Weights and requests that are pickles run nowhere, and weights whose header lies are refused before they are read."""

import importlib.util
import pickle
import tracemalloc

import pytest
from safetensors import SafetensorError

from monitor_jobs.contract.errors import ModelUnsuitable
from monitor_jobs.model_functions.functions import load_model
from service.demo.packaging import PACKAGE_FOLDER
from tests.hostile.pickles import executions, executions_of_the_trusting, hostile_files
from tests.hostile.weights import HOSTILE_SAFETENSORS

pytestmark = pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")
MEMORY_MAX_BYTES = 16 << 20


@pytest.fixture(scope="module")
def model_fn():
    code = PACKAGE_FOLDER / "code"
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(code)
        spec = importlib.util.spec_from_file_location("digits_inference", code / "inference.py")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    return module.model_fn


def test_no_pickle_runs_in_a_package_or_a_request(tmp_path):
    tried, found = executions(tmp_path)
    assert not found, "\n".join(found)
    assert tried > 400


def test_every_pickle_runs_where_it_is_trusted(tmp_path):
    trusted = [hostile.name for hostile in hostile_files(tmp_path) if hostile.trusting is not None]
    assert list(executions_of_the_trusting(tmp_path)) == trusted
    assert len(trusted) > 15


def test_a_gadget_that_ran_is_counted(tmp_path, monkeypatch):
    monkeypatch.setattr("tests.hostile.pickles.parse_model_card", pickle.loads)
    _, found = executions(tmp_path)
    assert "protocol-4.pkl ran in a model card" in found


def test_a_package_of_weights_that_nothing_reads_says_what_it_needs(tmp_path):
    (tmp_path / "pytorch_model.bin").write_bytes(b"\x80\x04N.")
    with pytest.raises(ModelUnsuitable, match=r"needs exactly one \.pt or \.pth file"):
        load_model(tmp_path, {})


@pytest.mark.parametrize("lie", HOSTILE_SAFETENSORS)
def test_weights_whose_header_lies_are_refused_in_little_memory(model_fn, tmp_path, lie):
    (tmp_path / "model.safetensors").write_bytes(HOSTILE_SAFETENSORS[lie])
    tracemalloc.start()
    try:
        with pytest.raises((SafetensorError, RuntimeError, ValueError, OSError)):
            model_fn(str(tmp_path))
        assert tracemalloc.get_traced_memory()[1] < MEMORY_MAX_BYTES
    finally:
        tracemalloc.stop()
