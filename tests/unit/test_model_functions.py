"""A package's functions are found, checked and called as SageMaker's PyTorch toolkit does it."""

import io
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from textwrap import dedent

import numpy as np
import pytest
import torch

from monitor_jobs.contract.errors import BadInput, ModelUnsuitable
from monitor_jobs.model_functions.codecs import JSON, NPY, Answer, NotAcceptable, UnsupportedContentType
from monitor_jobs.model_functions.functions import ModelFailed, ModelRequest, ServedModel, load_model

Load = Callable[..., ServedModel]
DOUBLING = """
    def model_fn(model_dir):
        return lambda numbers: numbers * 2
"""


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Load]:
    """Loads a package with this inference.py; the import system is as before afterwards."""
    monkeypatch.setattr(sys, "path", sys.path[:])
    before = set(sys.modules)

    def load_program(program: str, *, name: str = "inference.py", **environment: str) -> ServedModel:
        (tmp_path / "code").mkdir()
        (tmp_path / "code" / name).write_text(dedent(program))
        return load_model(tmp_path, environment)

    yield load_program
    for module in {"inference", "serve_it"} - before:
        sys.modules.pop(module, None)


def ask(model: ServedModel, body: bytes = b"[[1, 2]]", content_type: str = JSON, accept: str = "") -> Answer:
    return model.answer(ModelRequest(body, content_type, accept))


def npy(array: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


def test_transform_fn_gets_model_data_content_type_and_accept(load: Load) -> None:
    model = load("""
        def model_fn(model_dir):
            return "m"

        def transform_fn(model, data, content_type, accept):
            return repr((model, data, content_type, accept)), "text/plain"
    """)
    answer = ask(model, b"[1]", "application/json; charset=utf-8", "text/csv")
    assert answer.body.decode() == "('m', '[1]', 'application/json; charset=utf-8', 'text/csv')"
    assert answer.content_type == "text/plain"


def test_a_nested_list_from_transform_fn_is_written_as_json(load: Load) -> None:
    model = load("""
        def model_fn(model_dir): return None
        def transform_fn(model, data, content_type, output_content_type):
            return [[14]], output_content_type
    """)
    assert ask(model, b"\x93", NPY).body == b"[[14]]"


def test_the_four_functions_are_chained(load: Load) -> None:
    model = load("""
        def model_fn(model_dir): return 10
        def input_fn(data, content_type): return [int(data)]
        def predict_fn(data, model): return [data[0] * model]
        def output_fn(prediction, accept): return f"<{prediction[0]}>", "text/html"
    """)
    answer = ask(model, b"4", "text/plain")
    assert (answer.body, answer.content_type) == (b"<40>", "text/html")


def test_functions_that_take_one_more_argument_get_the_context(load: Load) -> None:
    model = load("""
        def model_fn(model_dir, context): return context.system_properties["model_dir"] == model_dir
        def input_fn(data, content_type, context): return context
        def predict_fn(data, model, context): return [model, data is context]
        def output_fn(prediction, accept, context): return prediction
    """)
    assert json.loads(ask(model).body) == [True, True]


def test_a_function_of_any_number_of_arguments_gets_no_context(load: Load) -> None:
    model = load("""
        def model_fn(*arguments): return len(arguments)
        def transform_fn(model, *arguments): return [model, len(arguments)]
    """)
    assert ask(model).body == b"[1,3]"


def test_hooks_run_before_and_after_the_model_is_loaded(load: Load) -> None:
    model = load("""
        calls = []
        def pre_model_fn(model_dir): calls.append("before")
        def model_fn(model_dir): calls.append("load"); return calls
        def model_warmup_fn(model_dir, model): model.append("warm")
        def transform_fn(model, data, content_type, accept): return model
    """)
    assert json.loads(ask(model).body) == ["before", "load", "warm"]


def test_text_that_came_as_json_is_float32_for_the_default_functions(load: Load) -> None:
    model = load(DOUBLING + "    def output_fn(prediction, accept): return str(prediction.dtype)")
    assert ask(model).body == b"torch.float32"


def test_an_npy_array_keeps_its_type_for_the_default_functions(load: Load) -> None:
    answer = ask(load(DOUBLING), npy(np.array([[1, 2]], dtype=">i2")), NPY, accept=NPY)
    assert np.load(io.BytesIO(answer.body)).dtype == np.int16


def test_the_default_predict_fn_evaluates_a_module_without_gradients(load: Load) -> None:
    model = load("""
        import torch
        class Probe(torch.nn.Module):
            def forward(self, x):
                return torch.tensor([self.training, torch.is_grad_enabled()])
        def model_fn(model_dir): return Probe().train()
    """)
    assert ask(model).body == b"[false,false]"


def test_the_default_predict_fn_takes_the_data_to_where_the_weights_are(load: Load) -> None:
    model = load("""
        import torch
        class Elsewhere(torch.nn.Linear):
            def forward(self, x):
                return torch.tensor([x.device.type == "meta"])
        def model_fn(model_dir): return Elsewhere(1, 1, device="meta")
    """)
    assert ask(model).body == b"[true]"


@pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")
def test_a_package_without_a_program_serves_its_only_torchscript_file(tmp_path: Path) -> None:
    class Doubling(torch.nn.Module):
        def forward(self, numbers: torch.Tensor) -> torch.Tensor:
            return numbers * 2

    torch.jit.save(torch.jit.trace(Doubling(), torch.zeros(1)), tmp_path / "net.pth")
    model = load_model(tmp_path, {})
    assert ask(model).body == b"[[2.0,4.0]]"


@pytest.mark.parametrize("names", [[], ["a.pt", "b.pth"]])
def test_no_model_fn_and_not_exactly_one_torchscript_file_is_unsuitable(tmp_path: Path, names: list[str]) -> None:
    for name in names:
        (tmp_path / name).write_bytes(b"x")
    with pytest.raises(ModelUnsuitable, match=r"exactly one .pt or .pth file"):
        load_model(tmp_path, {})


@pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")
def test_a_pickle_is_no_torchscript(tmp_path: Path) -> None:
    torch.save({"weight": torch.zeros(1)}, tmp_path / "model.pt")
    with pytest.raises(ModelUnsuitable, match="no TorchScript"):
        load_model(tmp_path, {})


@pytest.mark.parametrize("accept", ["", "*/*", " "])
def test_an_accept_header_that_asks_for_nothing_means_the_packages_default(load: Load, accept: str) -> None:
    model = load(DOUBLING, SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT="text/csv")
    assert ask(model, accept=accept).body == b"2.0,4.0\n"


def test_the_program_may_have_another_name_and_import_its_neighbours(load: Load, tmp_path: Path) -> None:
    program = "import neighbour_of_serve_it\n" + dedent(DOUBLING)
    (tmp_path / "neighbour_of_serve_it.py").write_text("")
    with pytest.raises(ModelUnsuitable, match="imports 'neighbour_of_serve_it', which is not there"):
        load(program, name="serve_it.py", SAGEMAKER_PROGRAM="serve_it.py")
    (tmp_path / "neighbour_of_serve_it.py").rename(tmp_path / "code/neighbour_of_serve_it.py")
    assert ask(load_model(tmp_path, {"SAGEMAKER_PROGRAM": "serve_it.py"})).body == b"[[2.0,4.0]]"


@pytest.mark.parametrize(
    ("named", "reason"),
    [
        ("../inference.py", "name a .py file directly in code/"),
        ("/etc/evil.py", "name a .py file directly in code/"),
        ("serve.sh", "name a .py file directly in code/"),
        ("absent.py", "the package has no code/absent.py"),
    ],
)
def test_a_program_that_is_not_in_the_code_folder_is_unsuitable(load: Load, named: str, reason: str) -> None:
    with pytest.raises(ModelUnsuitable, match=reason):
        load(DOUBLING, SAGEMAKER_PROGRAM=named)


@pytest.mark.parametrize("other", ["input_fn(a, b)", "predict_fn(a, b)", "output_fn(a, b)"])
def test_transform_fn_beside_one_of_the_four_is_unsuitable(load: Load, other: str) -> None:
    with pytest.raises(ModelUnsuitable, match="keep the one or the others"):
        load(f"def transform_fn(m, d, c, a): pass\ndef {other}: pass")


@pytest.mark.parametrize(
    "program",
    ["def model_fn(): pass", "def model_fn(a, b, c): pass", "def transform_fn(a, b): pass", "def input_fn(a): pass"],
)
def test_a_function_of_the_wrong_arity_is_unsuitable_at_load_time(load: Load, program: str) -> None:
    with pytest.raises(ModelUnsuitable, match="with a context, are given"):
        load(program)


@pytest.mark.parametrize(
    ("program", "reason"),
    [
        ("1 +", "SyntaxError"),
        ("raise SystemExit(3)", "SystemExit: 3"),
        ("import absent_module_of_nobody", "'absent_module_of_nobody', which is not there"),
        ("raise ValueError('x' * 10_000)", "ValueError: xxx"),
    ],
)
def test_a_program_that_cannot_be_imported_is_unsuitable(load: Load, program: str, reason: str) -> None:
    with pytest.raises(ModelUnsuitable, match=reason) as refused:
        load(program)
    assert len(str(refused.value)) < 1200


def test_a_model_fn_that_fails_keeps_its_own_exception_as_the_cause(load: Load) -> None:
    with pytest.raises(ModelFailed, match="model_fn raised FileNotFoundError: no weights") as failed:
        load("def model_fn(model_dir): raise FileNotFoundError('no weights')")
    assert isinstance(failed.value.__cause__, FileNotFoundError)


@pytest.mark.parametrize("exception", ["ValueError('bad')", "SystemExit(1)", "KeyboardInterrupt()", "MemoryError()"])
def test_a_package_function_that_raises_fails_its_request_only(load: Load, exception: str) -> None:
    model = load(DOUBLING + f"    def predict_fn(data, model): raise {exception}")
    with pytest.raises(ModelFailed, match="predict_fn raised"):
        ask(model)


def test_a_model_that_cannot_take_the_shape_is_the_models_failure(load: Load) -> None:
    model = load("import torch\ndef model_fn(model_dir): return torch.nn.Linear(3, 1)")
    with pytest.raises(ModelFailed, match="the model raised RuntimeError"):
        ask(model)


def test_what_the_default_functions_refuse_is_the_callers_mistake(load: Load) -> None:
    model = load(DOUBLING)
    with pytest.raises(UnsupportedContentType):
        ask(model, content_type="application/octet-stream")
    with pytest.raises(NotAcceptable):
        ask(model, accept="image/png")
    with pytest.raises(BadInput, match="not UTF-8"):
        ask(model, body=b"\xff")


def test_the_card_comes_with_the_model(load: Load, tmp_path: Path) -> None:
    assert load(DOUBLING).card.classes == ()
    (tmp_path / "code/model_card.json").write_text('{"classes": ["stop"]}')
    assert load_model(tmp_path, {}).card.classes == ("stop",)


def test_half_precision_tensors_are_written_as_json(load: Load) -> None:
    model = load("import torch\ndef model_fn(d): return lambda x: x.to(torch.bfloat16)")
    assert ask(model).body == b"[[1.0,2.0]]"
