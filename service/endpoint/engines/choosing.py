"""Which program answers for a network, chosen once, while its model is loaded.

What lives here: what is asked for, what can be had, what is faster. What does not: compiling (openvino, onnxruntime),
what a program is called with (examples) and the proof (parity).
"""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Final, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from monitor_jobs.contract.engines import ENGINE_VARIABLE, Engine
from monitor_jobs.contract.errors import ModelUnsuitable
from monitor_jobs.contract.model_package import ModelCard
from monitor_jobs.model_functions.functions import ServedModel
from service.endpoint.engines import PACKAGES, examples, is_called_by_us, onnxruntime, openvino
from service.endpoint.engines.parity import Parity, parity, require_classes, require_float32
from service.endpoint.engines.threads import choose_threads
from service.endpoint.engines.timing import SIZES, Milliseconds, per_row, taken_in_turn
from service.logs import EventLog

EXAMPLES_AT_ONCE: Final = 64
DRAWN: Final = 4  # examples that are drawn where float32 is compared, whose rounding any numbers show

log = EventLog("sextant.endpoint")


class Compile(Protocol):
    """What every engine is to us."""

    def __call__(self, network: nn.Module, example: Tensor) -> nn.Module:
        """A module that is called as the network is, for batches of any size of what `example` is one of.

        Raises ModelUnsuitable where the engine is not installed, or cannot compile the network.
        """
        ...


@dataclass(frozen=True, slots=True)
class Compiler:
    """How a network becomes a program, what that is called with to prove itself, and how near it has to come."""

    compile: Compile
    examples: Callable[[Path, ModelCard], Tensor]
    require: Callable[[Parity], None]


def with_engine(served: ServedModel, folder: Path, asked: Engine) -> ServedModel:
    """The model of an unpacked package with the engine that is asked for; with the fastest of equals for `auto`.

    Raises ModelUnsuitable where the named one is not installed, cannot run the network, or answers otherwise than
    torch; `auto` leaves such out, and the log says why. Checked in tests/integration/test_engines.py.
    """
    if asked is Engine.TORCH:
        return _answered_by_torch(served)
    if asked is Engine.AUTO:
        return _fastest(served, folder)
    try:
        compiled, measured = _compiled(served, folder, asked)
    except ModelUnsuitable as error:
        raise ModelUnsuitable(f"{ENGINE_VARIABLE} is {asked}: {error}") from error
    log.info("engine_chosen", engine=asked, parity=str(measured))
    return _answered_by(served, compiled)


def _fastest(served: ServedModel, folder: Path) -> ServedModel:
    """Torch, or the first engine that answers as it does: compiling by another would take seconds, and gain little."""
    left_out: dict[Engine, str] = {}
    for engine in PACKAGES:
        try:
            compiled, _ = _compiled(served, folder, engine)
        except ModelUnsuitable as error:
            left_out[engine] = str(error)
            continue
        candidates = {Engine.TORCH: _network_of(served), engine: compiled}
        taken = taken_in_turn(candidates, partial(examples.drawn, served.card))
        fastest = min(taken, key=lambda each: per_row(taken[each]))
        log.info("engine_chosen", engine=fastest, milliseconds_by_batch=_medians(taken), left_out=left_out)
        return _answered_by_torch(served) if fastest is Engine.TORCH else _answered_by(served, compiled)
    log.info("engine_chosen", engine=Engine.TORCH, left_out=left_out)
    return _answered_by_torch(served)


def _answered_by_torch(served: ServedModel) -> ServedModel:
    """The same, by as many threads as are worth it, where it is known what the network is called with."""
    if is_called_by_us(served):
        with suppress(ModelUnsuitable, RuntimeError, TypeError, ValueError):  # the first request will tell
            threads = choose_threads(_network_of(served), examples.drawn(served.card, SIZES[-1]))
            log.info("threads_chosen", threads=threads)
    return served


def _answered_by(served: ServedModel, compiled: nn.Module) -> ServedModel:
    # What torch has left to do is small, and its threads would look for more of it while the engine's need the cores.
    torch.set_num_threads(1)
    return replace(served, model=compiled)


def _compiled(served: ServedModel, folder: Path, asked: Engine) -> tuple[nn.Module, Parity]:
    """The network as a program that was seen to answer as it does, and how nearly. Raises ModelUnsuitable."""
    compiler, network = COMPILERS[asked], _network_of(served)
    given = compiler.examples(folder, served.card)
    compiled = compiler.compile(network, examples.drawn(served.card, 1))
    measured = parity(_answers(network, given), _compiled_answers(compiled, given))
    compiler.require(measured)
    return compiled, measured


def _network_of(served: ServedModel) -> nn.Module:
    if not isinstance(served.model, nn.Module):
        raise ModelUnsuitable(f"model_fn returns {type(served.model).__name__}: only a torch.nn.Module can be compiled")
    if any(weight.device.type != "cpu" for weight in served.model.parameters()):
        raise ModelUnsuitable("the network is on a GPU, where torch answers")
    if is_called_by_us(served):
        return served.model.eval()  # as its first request would
    if served.model.training:
        raise ModelUnsuitable("the network is in training, where each answer differs: let model_fn call its eval()")
    return served.model


def _drawn(_folder: Path, card: ModelCard) -> Tensor:
    return examples.drawn(card, DRAWN)


def _answers(network: nn.Module, given: Tensor) -> Tensor:
    with torch.inference_mode():
        found = [network(part) for part in given.split(EXAMPLES_AT_ONCE)]  # type: ignore[no-untyped-call]
    if not all(isinstance(answer, Tensor) and answer.ndim > 1 and len(answer) for answer in found):
        raise ModelUnsuitable("the network does not answer with one row for each input")
    return torch.cat(found)


def _compiled_answers(compiled: nn.Module, given: Tensor) -> Tensor:
    try:
        return _answers(compiled, given)
    except RuntimeError as error:  # the size of the one example became part of the program
        raise ModelUnsuitable(f"compiled, the network cannot be asked for {len(given)} rows: {error}") from error


def _medians(taken: Mapping[Engine, Milliseconds]) -> dict[str, dict[str, float]]:
    return {
        engine: {str(size): round(float(np.median(calls)), 2) for size, calls in by_size.items()}
        for engine, by_size in taken.items()
    }


COMPILERS: Final[Mapping[Engine, Compiler]] = {
    Engine.OPENVINO: Compiler(partial(openvino.compile_network, precision=torch.float32), _drawn, require_float32),
    Engine.OPENVINO_BF16: Compiler(
        partial(openvino.compile_network, precision=torch.bfloat16), examples.usual, require_classes
    ),
    Engine.ONNXRUNTIME: Compiler(onnxruntime.compile_network, _drawn, require_float32),
}
