"""Engines in the place of a network: real ones, on real packages, and what keeps each from answering."""

import io
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from textwrap import indent
from typing import Any

import numpy as np
import pytest
import torch

from monitor_jobs.contract.engines import Engine
from monitor_jobs.contract.errors import ModelUnsuitable
from monitor_jobs.model_functions.functions import ModelRequest, ServedModel, load_model
from service.endpoint.engines import may_be_replaced
from service.endpoint.engines.choosing import with_engine
from service.endpoint.engines.onnxruntime import OnnxRuntimeNetwork
from service.endpoint.engines.openvino import OpenVinoNetwork, import_openvino
from service.endpoint.engines.threads import is_worth_it
from service.logs import JsonLines
from tests.servers.endpoint import write_package

COMPILED = {Engine.OPENVINO: OpenVinoNetwork, Engine.ONNXRUNTIME: OnnxRuntimeNetwork}
NETWORK = """
import torch

def model_fn(model_dir):
    torch.manual_seed(1)
    return torch.nn.Sequential(
        torch.nn.Conv2d(3, 8, 3, padding=1), torch.nn.BatchNorm2d(8), torch.nn.ReLU(), torch.nn.MaxPool2d(2),
        torch.nn.Flatten(), torch.nn.Linear(8 * 16, 5),
    )
"""
CARD = {"input": {"shape": [3, 8, 8], "dtype": "float32"}}
OWN_PREDICT = NETWORK.rstrip() + ".eval()\n\ndef predict_fn(data, model):\n    return model(data)\n"


def with_forward(lines: str) -> str:
    """The program whose network ends with these lines, which find `given` and the `answer` that it would be."""
    forward = f"        answer = super().forward(given)\n{indent(lines, ' ' * 8)}"
    network = f"class Own(torch.nn.Sequential):\n    def forward(self, given):\n{forward}\n\ndef model_fn"
    return NETWORK.replace("return torch.nn.Sequential(", "return Own(").replace("def model_fn", network)


ONE_ROW = "return answer.reshape(1 if torch.jit.is_tracing() else -1, 5)"
# float32 cannot hold these sums and bfloat16 holds less: the class depends on what is lost
FRAGILE = """
import torch

class Fragile(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.sums = torch.nn.Linear(192, 5, bias=False)

    def forward(self, data):
        found = self.sums(data.flatten(1))
        return 1000 * (found - found.mean(1, keepdim=True))

def model_fn(model_dir):
    torch.manual_seed(1)
    network = Fragile()
    with torch.no_grad():
        network.sums.weight.copy_(100 + 0.01 * torch.randn(5, 192))
    return network
"""


def package(folder: Path, program: str = NETWORK, card: dict[str, object] | None = None, **files: bytes) -> Path:
    described = {"code/inference.py": program, "code/model_card.json": json.dumps(CARD if card is None else card)}
    return write_package(folder, described | {f"code/{name}.npy": content for name, content in files.items()})


def npy(array: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


def answered(served: ServedModel, pictures: np.ndarray) -> list[list[float]]:
    body = served.answer(ModelRequest(npy(pictures), "application/x-npy", "application/json")).body
    found: list[list[float]] = json.loads(body)
    return found


PICTURES = np.random.default_rng(3).normal(size=(5, 3, 8, 8)).astype(np.float32)


Logged = Callable[[], dict[str, Any]]


@pytest.fixture
def chosen_logs(caplog: pytest.LogCaptureFixture) -> Iterator[Logged]:
    """What the log says of the choice."""

    def found() -> dict[str, Any]:
        (record,) = (record for record in caplog.records if record.message == "engine_chosen")
        line: dict[str, Any] = json.loads(JsonLines().format(record))
        return line

    with caplog.at_level("INFO", "sextant.endpoint"):
        yield found


@pytest.mark.parametrize("engine", COMPILED)
@pytest.mark.parametrize("program", [NETWORK, OWN_PREDICT], ids=["default functions", "its own predict_fn"])
def test_a_compiled_network_answers_as_torch_does(tmp_path: Path, program: str, engine: Engine) -> None:
    folder = package(tmp_path, program)
    served = load_model(folder, {})
    ours = answered(served, PICTURES)
    compiled = with_engine(served, folder, engine)
    assert isinstance(compiled.model, COMPILED[engine])
    np.testing.assert_allclose(answered(compiled, PICTURES), ours, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(answered(compiled, PICTURES[:2]), ours[:2], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("engine", COMPILED)
def test_a_compiled_network_refuses_another_shape_and_answers_the_next(tmp_path: Path, engine: Engine) -> None:
    folder = package(tmp_path)
    served = load_model(folder, {})
    compiled = with_engine(served, folder, engine)
    with pytest.raises(RuntimeError):
        compiled.model(torch.zeros(1, 4, 8, 8))
    np.testing.assert_allclose(answered(compiled, PICTURES), answered(served, PICTURES), rtol=1e-4, atol=1e-6)


def test_auto_takes_one_of_those_that_answer_alike_and_says_what_each_took(tmp_path: Path, chosen_logs: Logged) -> None:
    folder = package(tmp_path)
    served = load_model(folder, {})
    ours = answered(served, PICTURES)
    chosen = with_engine(served, folder, Engine.AUTO)
    np.testing.assert_allclose(answered(chosen, PICTURES), ours, rtol=1e-4, atol=1e-6)
    said = chosen_logs()
    assert (set(said["milliseconds_by_batch"]), said["left_out"]) == ({"torch", "onnxruntime"}, {})
    assert all(took["1"] > 0 and took["8"] > 0 for took in said["milliseconds_by_batch"].values())
    assert isinstance(chosen.model, COMPILED.get(said["engine"], type(served.model)))


def test_auto_goes_on_without_an_engine_that_is_not_installed(
    tmp_path: Path, chosen_logs: Logged, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    folder = package(tmp_path)
    served = load_model(folder, {})
    assert may_be_replaced(served)
    with_engine(served, folder, Engine.AUTO)
    assert set(chosen_logs()["milliseconds_by_batch"]) == {"torch", "openvino"}
    why = "ONNX Runtime is not installed: pip install 'sextant[onnxruntime]'"
    assert chosen_logs()["left_out"] == {"onnxruntime": why}


@pytest.mark.parametrize(
    ("engine", "package_name"),
    [(Engine.OPENVINO, "openvino"), (Engine.ONNXRUNTIME, "onnxruntime"), (Engine.ONNXRUNTIME, "onnx")],
)
def test_an_engine_that_is_not_installed_says_what_installs_it(
    tmp_path: Path, engine: Engine, package_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, package_name, None)
    folder = package(tmp_path)
    served = load_model(folder, {})
    with pytest.raises(ModelUnsuitable, match=rf"SEXTANT_ENGINE is {engine}: .*pip install 'sextant\[{engine}\]'"):
        with_engine(served, folder, engine)


def test_a_package_that_calls_its_network_itself_keeps_it_unless_an_engine_is_named(tmp_path: Path) -> None:
    assert may_be_replaced(load_model(package(tmp_path / "default"), {}))
    assert not may_be_replaced(load_model(package(tmp_path / "own", OWN_PREDICT), {}))


def test_nothing_may_be_replaced_where_no_engine_is_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    served = load_model(package(tmp_path), {})
    monkeypatch.setitem(sys.modules, "openvino", None)
    assert may_be_replaced(served)
    monkeypatch.setitem(sys.modules, "onnx", None)
    assert not may_be_replaced(served)


@pytest.mark.parametrize("engine", COMPILED)
@pytest.mark.parametrize(
    ("program", "card", "why"),
    [
        (NETWORK, {}, "gives no input shape"),
        (NETWORK, {"input": {"shape": [3, 8, 8], "dtype": "uint8"}}, "gives no input shape of floats"),
        (OWN_PREDICT.replace(".eval()", ""), CARD, "the network is in training"),
        ("def model_fn(model_dir):\n    return len\n", CARD, "returns builtin_function_or_method"),
        (NETWORK, {"input": {"shape": [4, 8, 8]}}, "cannot compile the network"),
        (with_forward("return answer, answer"), CARD, "answers with 2 tensors"),
        (with_forward("return answer * (1.01 if torch.jit.is_tracing() else 1)"), CARD, "answers otherwise: .* apart"),
        (with_forward(ONE_ROW), CARD, r"(asked for 4 rows|in place of torch.float32 \[4, 5\])"),
    ],
    ids=["no card", "bytes", "training", "no network", "another shape", "two answers", "other answers", "one size"],
)
def test_what_cannot_be_compiled_says_why_and_auto_leaves_it_to_torch(
    tmp_path: Path,
    program: str,
    card: dict[str, object],
    why: str,
    engine: Engine,
    chosen_logs: Logged,
    capfd: pytest.CaptureFixture[str],
) -> None:
    folder = package(tmp_path, program, card)
    served = load_model(folder, {})
    with pytest.raises(ModelUnsuitable, match=f"SEXTANT_ENGINE is {engine}: .*{why}"):
        with_engine(served, folder, engine)
    assert with_engine(served, folder, Engine.AUTO) is served
    assert chosen_logs()["engine"] == "torch"
    assert set(chosen_logs()["left_out"]) == {"openvino", "onnxruntime"}
    assert capfd.readouterr() == ("", "")  # an endpoint's log is JSON lines


def test_more_weights_than_an_onnx_file_holds_are_refused_before_one_is_written(tmp_path: Path) -> None:
    # one number, seen as 2 GiB
    large = "self.seen = torch.nn.Parameter(torch.zeros(1).expand(2**29), requires_grad=False)\nreturn answer"
    folder = package(tmp_path, with_forward(large))
    served = load_model(folder, {})
    answered(served, PICTURES)
    with pytest.raises(ModelUnsuitable, match=r"the network has 2,147,4.* bytes of weights: an ONNX file holds 2 GiB"):
        with_engine(served, folder, Engine.ONNXRUNTIME)


def test_bfloat16_is_held_to_the_packages_own_examples(tmp_path: Path) -> None:
    folder = package(tmp_path, baseline=npy(PICTURES))
    compiled = with_engine(load_model(folder, {}), folder, Engine.OPENVINO_BF16)
    assert isinstance(compiled.model, OpenVinoNetwork)


@pytest.mark.parametrize(
    ("baseline", "why"),
    [
        (None, "the package has no code/baseline.npy"),
        (b"junk", "code/baseline.npy cannot be read"),
        (npy(np.zeros((0, 3, 8, 8), np.float32)), "code/baseline.npy holds"),
        (npy(np.zeros((4, 8, 8), np.float32)), "code/baseline.npy holds"),
        (npy(np.full((4, 3, 8, 8), np.nan, np.float32)), "NaN or infinity"),
    ],
    ids=["none", "junk", "empty", "another shape", "NaN"],
)
def test_bfloat16_without_usable_examples_is_refused(tmp_path: Path, baseline: bytes | None, why: str) -> None:
    folder = package(tmp_path, **({} if baseline is None else {"baseline": baseline}))
    with pytest.raises(ModelUnsuitable, match=why):
        with_engine(load_model(folder, {}), folder, Engine.OPENVINO_BF16)


def test_bfloat16_that_changes_answers_is_refused_with_how_far_they_are_apart(tmp_path: Path) -> None:
    folder = package(tmp_path, FRAGILE, baseline=npy(PICTURES))
    served = load_model(folder, {})
    if "BF16" in import_openvino().Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
        with pytest.raises(ModelUnsuitable, match=r"answers otherwise: .* same classes"):
            with_engine(served, folder, Engine.OPENVINO_BF16)
    else:  # such a processor computes in float32 whatever is asked for
        assert isinstance(with_engine(served, folder, Engine.OPENVINO_BF16).model, OpenVinoNetwork)


@pytest.mark.parametrize(("milliseconds", "worth"), [(28.0, True), (1.1, True), (0.5, False)])
def test_all_cores_compute_what_takes_one_longer_than_its_answers(milliseconds: float, *, worth: bool) -> None:
    assert is_worth_it(milliseconds) is worth


@pytest.fixture
def two_threads(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("two_threads")
@pytest.mark.parametrize(("program", "threads"), [(NETWORK, 1), (OWN_PREDICT, 2)])
def test_a_small_network_that_we_call_leaves_the_other_cores_to_requests(
    tmp_path: Path, program: str, threads: int
) -> None:
    with_engine(load_model(package(tmp_path, program), {}), tmp_path, Engine.TORCH)
    assert torch.get_num_threads() == threads


@pytest.mark.usefixtures("two_threads")
def test_who_says_how_many_threads_has_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    with_engine(load_model(package(tmp_path), {}), tmp_path, Engine.TORCH)
    assert torch.get_num_threads() == 2


@pytest.mark.usefixtures("two_threads")
def test_torch_leaves_the_cores_to_another_engine(tmp_path: Path) -> None:
    with_engine(load_model(package(tmp_path), {}), tmp_path, Engine.OPENVINO)
    assert torch.get_num_threads() == 1


@pytest.mark.usefixtures("two_threads")
def test_a_network_that_cannot_be_tried_is_served_as_it_is(tmp_path: Path) -> None:
    served = load_model(package(tmp_path, card={}), {})
    assert with_engine(served, tmp_path, Engine.TORCH) is served


def test_compiling_reports_to_nobody(tmp_path: Path) -> None:
    folder = package(tmp_path)
    with_engine(load_model(folder, {}), folder, Engine.OPENVINO)
    assert sys.modules["openvino_telemetry"] is None


LEFT = """
import gc, sys, warnings, weakref
from pathlib import Path
import numpy as np, torch
from monitor_jobs.contract.engines import Engine
from monitor_jobs.model_functions.functions import load_model
from service.endpoint.engines.choosing import with_engine
from service.garbage import collect_now, set_aside
from service.memory import give_back

folder, engine = Path(sys.argv[1]), Engine(sys.argv[2])
served = load_model(folder, {})
set_aside()
weights = weakref.ref(next(served.model.parameters()))
if engine is not Engine.TORCH:
    served = with_engine(served, folder, engine)
collect_now()
print("weights are held:", weights() is not None)
give_back()
lines = iter(open("/proc/self/smaps").read().splitlines())
mapped = [next(line for line in lines if line.startswith("Rss:")) for each in lines if "model.bin (deleted)" in each]
print("mapped:", len(mapped) > 0, sum(int(line.split()[1]) for line in mapped) < 1_000)
print("sympy:", "sympy" in sys.modules)
"""
LARGE = """
import torch

def model_fn(model_dir):
    return torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(192, 8_000), torch.nn.Linear(8_000, 500))
"""


def after_compiling(folder: Path, engine: Engine) -> list[str]:
    command = [sys.executable, "-c", LEFT, str(package(folder, LARGE)), engine]
    return subprocess.run(command, capture_output=True, text=True, timeout=100, check=True).stdout.splitlines()


def test_a_compiled_network_leaves_nothing_of_torchs_and_its_weights_to_the_kernel(tmp_path: Path) -> None:
    # sympy is of what torch loads to check a trace, in which it takes half a second and fifty megabytes
    assert after_compiling(tmp_path, Engine.OPENVINO) == [
        "weights are held: False",
        "mapped: True True",
        "sympy: False",
    ]


def test_torch_keeps_the_weights_that_it_answers_with(tmp_path: Path) -> None:
    assert after_compiling(tmp_path, Engine.TORCH)[0] == "weights are held: True"
