"""Which program answers for a network, chosen once, while its model is loaded.

What lives here: what is asked for, what can be had, what is faster. What does not: compiling (openvino), the proof
(parity), and the clock (timing).
"""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np
import torch
from torch import Tensor, nn

from monitor_jobs.contract.engines import ENGINE_VARIABLE, Engine
from monitor_jobs.contract.errors import BadInput, ModelUnsuitable
from monitor_jobs.contract.model_package import CODE_FOLDER, ModelCard
from monitor_jobs.model_functions.functions import ServedModel
from monitor_jobs.npy import decode_npy
from service.endpoint.engines.openvino import compile_network
from service.endpoint.engines.parity import Parity, parity, require_classes, require_float32
from service.endpoint.engines.timing import Milliseconds, per_row, taken_in_turn
from service.logs import EventLog

EXAMPLES_FILE: Final = f"{CODE_FOLDER}/baseline.npy"  # [N, *the card's input shape], what the model is used to
EXAMPLES_AT_ONCE: Final = 64
DRAWN: Final = 4  # examples that are drawn where float32 is compared, whose rounding any numbers show

log = EventLog("sextant.endpoint")


def with_engine(served: ServedModel, folder: Path, asked: Engine) -> ServedModel:
    """The model of an unpacked package with the engine that is asked for; with the fastest of equals for `auto`.

    Raises ModelUnsuitable where the named one is not installed, cannot run the network, or answers otherwise than
    torch; for `auto` torch then answers, and the log says why. Checked in tests/integration/test_engines.py.
    """
    try:
        if asked is Engine.AUTO:
            return _fastest(served, folder)
        compiled, measured = _compiled(served, folder, asked)
    except ModelUnsuitable as error:
        if asked is Engine.AUTO:
            log.info("engine_chosen", engine=Engine.TORCH, why=str(error))
            return served
        raise ModelUnsuitable(f"{ENGINE_VARIABLE} is {asked}: {error}") from error
    log.info("engine_chosen", engine=asked, parity=str(measured))
    return replace(served, model=compiled)


def _fastest(served: ServedModel, folder: Path) -> ServedModel:
    compiled, _ = _compiled(served, folder, Engine.OPENVINO)
    candidates = {Engine.TORCH: _network_of(served), Engine.OPENVINO: compiled}
    taken = taken_in_turn(candidates, partial(_drawn, served.card))
    fastest = min(taken, key=lambda engine: per_row(taken[engine]))
    log.info("engine_chosen", engine=fastest, milliseconds_by_batch=_medians(taken))
    return replace(served, model=candidates[fastest])


def _compiled(served: ServedModel, folder: Path, asked: Engine) -> tuple[nn.Module, Parity]:
    """The network as a program that was seen to answer as it does, and how nearly. Raises ModelUnsuitable."""
    network, example = _network_of(served), _drawn(served.card, 1)
    if asked is Engine.OPENVINO_BF16:
        examples, precision, require = _examples(folder, served.card), torch.bfloat16, require_classes
    else:
        examples, precision, require = _drawn(served.card, DRAWN), torch.float32, require_float32
    compiled = compile_network(network, example, precision=precision)
    measured = parity(_answers(network, examples), _answers(compiled, examples))
    require(measured)
    return compiled, measured


def _network_of(served: ServedModel) -> nn.Module:
    if not isinstance(served.model, nn.Module):
        raise ModelUnsuitable(f"model_fn returns {type(served.model).__name__}: only a torch.nn.Module can be compiled")
    if any(weight.device.type != "cpu" for weight in served.model.parameters()):
        raise ModelUnsuitable("the network is on a GPU, where torch answers")
    if served.stages is not None and served.stages.predicts_by_default:
        return served.model.eval()  # as its first request would
    if served.model.training:
        raise ModelUnsuitable("the network is in training, where each answer differs: let model_fn call its eval()")
    return served.model


def _drawn(card: ModelCard, size: int) -> Tensor:
    """Examples as the card describes them: normal numbers, whose rounding shows as that of any others."""
    if card.input is None or card.input.dtype not in ("float32", "float64"):
        raise ModelUnsuitable(f"{CODE_FOLDER}/model_card.json gives no input shape of floats: what is it called with?")
    generator = torch.Generator().manual_seed(size)
    return torch.randn(size, *card.input.shape, generator=generator, dtype=getattr(torch, card.input.dtype))


def _examples(folder: Path, card: ModelCard) -> Tensor:
    path, drawn = folder / EXAMPLES_FILE, _drawn(card, 1)
    if not path.is_file():
        raise ModelUnsuitable(f"the package has no {EXAMPLES_FILE}: give it at least 1,000 inputs that are usual")
    try:
        examples = torch.from_numpy(decode_npy(path.read_bytes())).to(drawn.dtype)
    except (BadInput, TypeError) as error:
        raise ModelUnsuitable(f"{EXAMPLES_FILE} cannot be read: {error}") from error
    if examples.shape[1:] != drawn.shape[1:] or not len(examples):
        raise ModelUnsuitable(f"{EXAMPLES_FILE} holds {list(examples.shape)}: [N, {list(drawn.shape[1:])}] is meant")
    return examples


def _answers(network: nn.Module, examples: Tensor) -> Tensor:
    with torch.inference_mode():
        found = [network(part) for part in examples.split(EXAMPLES_AT_ONCE)]  # type: ignore[no-untyped-call]
    if not all(isinstance(answer, Tensor) and answer.ndim > 1 and len(answer) for answer in found):
        raise ModelUnsuitable("the network does not answer with one row for each input")
    return torch.cat(found)


def _medians(taken: Mapping[Engine, Milliseconds]) -> dict[str, dict[str, float]]:
    return {
        engine: {str(size): round(float(np.median(calls)), 2) for size, calls in by_size.items()}
        for engine, by_size in taken.items()
    }
