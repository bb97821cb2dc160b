"""Loads a model package's functions and calls them as SageMaker's PyTorch toolkit does.

What lives here: `code/inference.py`, the defaults for what it leaves out, and one request's way through them. What
does not: unpacking (monitor_jobs.model_archive), formats (codecs), threads, time limits, HTTP (service.endpoint).
Contract: sagemaker-inference-toolkit, transformer.py; checked in tests/unit/test_model_functions.py.
"""

import importlib.util
import inspect
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, Final

from monitor_jobs.contract.capture import media_type
from monitor_jobs.contract.errors import ModelUnsuitable
from monitor_jobs.contract.model_package import CODE_FOLDER, DEFAULT_PROGRAM, ModelCard
from monitor_jobs.model_archive import read_model_card
from monitor_jobs.model_functions.codecs import (
    JSON,
    TEXT_TYPES,
    Answer,
    answer_from,
    choose_encoder,
    decode_text,
    encode,
)

PROGRAM_VARIABLE: Final = "SAGEMAKER_PROGRAM"
ACCEPT_VARIABLE: Final = "SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT"
BATCH_VARIABLE: Final = "SAGEMAKER_TS_BATCH_SIZE"  # the toolkit's; its SAGEMAKER_TS_MAX_BATCH_DELAY has no use here
BATCH_SIZE: Final = 16
BATCH_SIZE_MAX: Final = 1024
MESSAGE_MAX_CHARACTERS: Final = 1000

Function = Callable[..., Any]  # typed by the toolkit's contract alone


class ModelFailed(ModelUnsuitable):
    """A function of the package raised; the cause is the package's own exception."""


@dataclass(frozen=True, slots=True)
class ModelRequest:
    """What a model is asked: the body, its content type, and the Accept header, which may be empty."""

    body: bytes
    content_type: str
    accept: str


@dataclass(frozen=True, slots=True)
class ModelContext:
    """What functions that take a trailing `context` are given: the toolkit's `system_properties`."""

    system_properties: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Stages:
    """The toolkit's three functions, where a package does not answer in one.

    `predicts_by_default` says that predict_fn is the toolkit's: it calls the model with what input_fn returned;
    `writes_by_default` that output_fn is, which takes an array for a tensor.
    """

    input_fn: Function
    predict_fn: Function
    output_fn: Function
    predicts_by_default: bool = False
    writes_by_default: bool = False

    def transform(self, model: object, data: bytes | str, content_type: str, accept: str) -> object:
        """What the toolkit's transform does where the package has none."""
        return self.output_fn(self.predict_fn(self.input_fn(data, content_type), model), accept)


@dataclass(frozen=True, slots=True)
class ServedModel:
    """A loaded model and the way from a request to its answer.

    `stages` are the same way in three, None where the package knows only one; `batch_size` is how many requests may
    share a call of predict_fn.
    """

    card: ModelCard
    default_accept: str
    model: object
    transform: Function
    stages: Stages | None = None
    batch_size: int = 1

    def answer(self, request: ModelRequest) -> Answer:
        """The model's answer, encoded.

        Raises BadInput where the request does not fit the default functions, ModelFailed where a function of the
        package raises, ModelUnsuitable where its result cannot be written.
        """
        accept = self.accept_of(request)
        return as_answer(self.transform(self.model, data_of(request), request.content_type, accept), accept)

    def accept_of(self, request: ModelRequest) -> str:
        """The content types that the caller accepts, or the model's own where any will do."""
        return self.default_accept if request.accept.strip() in ("", "*/*") else request.accept


def data_of(request: ModelRequest) -> bytes | str:
    """The body as input_fn takes it: JSON and CSV as text. Raises BadInput where that is not UTF-8."""
    text_type = media_type(request.content_type) in TEXT_TYPES
    return decode_text(request.body, request.content_type) if text_type else request.body


def as_answer(result: object, accept: str) -> Answer:
    """What the package's last function returned, encoded. Raises NotAcceptable, ModelUnsuitable."""
    return result if isinstance(result, Answer) else answer_from(result, accept)


def load_model(folder: Path, environment: Mapping[str, str]) -> ServedModel:
    """The model of an unpacked package, loaded and warmed up; runs the package's code in this process.

    Raises ModelUnsuitable where the program is missing or cannot be imported, has functions of the wrong arity, or
    mixes transform_fn with input_fn, predict_fn or output_fn; ModelFailed where one of its functions raises.
    """
    card = read_model_card(folder)
    program = _load_program(folder / CODE_FOLDER, environment.get(PROGRAM_VARIABLE))
    package = _Package(program, ModelContext({"model_dir": str(folder), "gpu_id": None}))
    stages = None if package.has("transform_fn") else _stages_of(package)
    transform = stages.transform if stages else _only_transform(package)
    batch_size = _batch_size(package, environment.get(BATCH_VARIABLE))
    package.function("pre_model_fn", 1, _nothing)(str(folder))
    model = package.function("model_fn", 1, _default_model_fn)(str(folder))
    package.function("model_warmup_fn", 2, _nothing)(str(folder), model)
    accept = environment.get(ACCEPT_VARIABLE) or JSON
    return ServedModel(card, accept, model, transform, stages, batch_size)


@dataclass(frozen=True, slots=True)
class _Package:
    program: ModuleType | None
    context: ModelContext

    def has(self, name: str) -> bool:
        return callable(getattr(self.program, name, None))

    def function(self, name: str, arity: int, default: Function) -> Function:
        """The package's function of that name, ready for `arity` arguments; the default where it has none."""
        if not self.has(name):
            return default
        function: Function = getattr(self.program, name)
        trailing = _trailing_context(function, name, arity, self.context)
        return _guarded(lambda *arguments: function(*arguments, *trailing), name)


def _load_program(code: Path, named: str | None) -> ModuleType | None:
    path = code / (named or DEFAULT_PROGRAM)
    if path.parent != code or path.suffix != ".py":
        raise ModelUnsuitable(f"{PROGRAM_VARIABLE} is {named!r}: name a .py file directly in {CODE_FOLDER}/")
    if not path.is_file():
        if named is None:
            return None
        raise ModelUnsuitable(f"{PROGRAM_VARIABLE} is {named!r}, but the package has no {CODE_FOLDER}/{named}")
    sys.path.insert(0, str(code))
    return _import(path)


def _import(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise ModelUnsuitable(f"{path.name} is no Python module")
    module = importlib.util.module_from_spec(spec)
    # Registered first, as the import system does, so that the module's own classes can be found by name.
    sys.modules[path.stem] = module
    try:
        spec.loader.exec_module(module)
    except ModuleNotFoundError as error:
        hint = f"install it beside Sextant or put it into {CODE_FOLDER}/ (its requirements.txt is not read)"
        raise ModelUnsuitable(f"{path.name} imports {error.name!r}, which is not there: {hint}") from error
    except BaseException as error:
        raise ModelUnsuitable(f"{path.name} cannot be imported: {_described(error)}") from error
    return module


def _stages_of(package: _Package) -> Stages:
    default_input_fn, default_predict_fn = _torch_defaults(package)
    return Stages(
        package.function("input_fn", 2, default_input_fn),
        package.function("predict_fn", 2, default_predict_fn),
        package.function("output_fn", 2, _default_output_fn),
        predicts_by_default=not package.has("predict_fn"),
        writes_by_default=not package.has("output_fn"),
    )


def _batch_size(package: _Package, asked: str | None) -> int:
    """How many requests may share a call of predict_fn: of a package's own only where that is asked for."""
    if package.has("transform_fn"):
        return 1
    if asked is None:
        return 1 if package.has("predict_fn") else BATCH_SIZE
    if not (asked.isascii() and asked.isdecimal() and 1 <= int(asked) <= BATCH_SIZE_MAX):
        raise ModelUnsuitable(f"{BATCH_VARIABLE} is {asked[:40]!r}: it is a number from 1 to {BATCH_SIZE_MAX}")
    return int(asked)


def _torch_defaults(package: _Package) -> tuple[Function, Function]:
    """Imports torch while the model is loaded, so that the first request need not wait for it; or not at all."""
    if package.has("input_fn") and package.has("predict_fn"):
        return _nothing, _nothing
    from monitor_jobs.model_functions.torch_defaults import default_input_fn, default_predict_fn

    return default_input_fn, _guarded(default_predict_fn, "the model")


def _only_transform(package: _Package) -> Function:
    parts = [name for name in ("input_fn", "predict_fn", "output_fn") if package.has(name)]
    if parts:
        raise ModelUnsuitable(f"the package has transform_fn and {' and '.join(parts)}: keep the one or the others")
    return package.function("transform_fn", 4, _nothing)


def _trailing_context(function: Function, name: str, arity: int, context: ModelContext) -> tuple[ModelContext, ...]:
    parameters = inspect.signature(function).parameters.values()
    if any(parameter.kind is parameter.VAR_POSITIONAL for parameter in parameters):
        return ()
    if len(parameters) not in (arity, arity + 1):
        raise ModelUnsuitable(
            f"{name} takes {len(parameters)} arguments: {arity}, or {arity + 1} with a context, are given"
        )
    return (context,) * (len(parameters) - arity)


def _guarded(function: Function, name: str) -> Function:
    def call(*arguments: object) -> object:
        try:
            return function(*arguments)
        except BaseException as error:  # a package that calls sys.exit() fails its request and does not end the server
            raise ModelFailed(f"{name} raised {_described(error)}") from error

    return call


def _described(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"[:MESSAGE_MAX_CHARACTERS]


def _nothing(*_: object) -> None:
    return None


def _default_model_fn(folder: str) -> object:
    from monitor_jobs.torch_model import load_torchscript

    return load_torchscript(Path(folder))


def _default_output_fn(prediction: object, accept: str) -> Answer:
    return encode(prediction, choose_encoder(accept))
