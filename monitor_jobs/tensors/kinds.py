"""What is kept of a step, by kind, and what is kept once of the model's version.

What lives here: networks to named arrays. What does not: objects and files (step_file), which steps (debug_hook).
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from monitor_jobs.contract.debug_hook import TensorKind
from monitor_jobs.contract.tensor_files import LayerFacts
from monitor_jobs.saliency.biases import depends_on_input, has_fixed_bias
from monitor_jobs.saliency.decomposing import decompose
from monitor_jobs.saliency.reduced import reduced
from monitor_jobs.tensors.debugger_names import GRADIENT_PREFIX, input_name, parameter_name, statistic_name
from monitor_jobs.tensors.recording import Wanted, record

SUMS = "sums"
LEVEL_PREFIX = "saliency/"  # with the height and width behind it

Arrays = dict[str, NDArray[np.generic]]


@dataclass(frozen=True, slots=True)
class Kept:
    """A step's arrays by name, its calls of layers that have a bias by the axis of their channels, equal arrays."""

    arrays: Arrays
    layers: dict[str, int] = field(default_factory=dict)
    same_as: dict[str, str] = field(default_factory=dict)


def kept(kind: TensorKind, network: nn.Module, inputs: Tensor, targets: Tensor, wanted: Wanted) -> Kept:
    """What one call of the network leaves. Raises ModelUnsuitable as `decompose` does, where the kind needs gradients.

    inputs [N, C, H, W], targets [N] integers, which `replay` does not look at. Checked in
    tests/papers/test_fullgrad_from_tensors.py.
    """
    if kind is TensorKind.REPLAY:
        return Kept({input_name(type(network).__name__, 0): as_array(inputs)})
    if kind is TensorKind.REDUCED:
        return _reduced(network, inputs, targets)
    recording = record(network, inputs, targets, wanted)
    different, same_as = _once(recording.tensors)
    return Kept({name: as_array(value) for name, value in different.items()}, recording.layers, same_as)


def twin_of(network: nn.Module, wanted: Wanted) -> nn.Module:
    """The network again, over the same weights: hooks and calls of the one are not the other's.

    Gradients are taken of those of its parameters whose gradient is wanted. Raises whatever a module raises that cannot
    be copied.
    """
    import copy

    def taken(path: str) -> bool:
        return wanted(GRADIENT_PREFIX + parameter_name(type(network).__name__, path))

    shared: dict[int, Tensor] = {id(buffer): buffer for buffer in network.buffers()}
    for path, parameter in network.named_parameters():
        shared[id(parameter)] = nn.Parameter(parameter.detach(), requires_grad=taken(path))
    return copy.deepcopy(network, shared)


def parameters_of(network: nn.Module, wanted: Wanted) -> Arrays:
    """What the model's version has: all that biases are made of, and parameters and statistics that are wanted."""
    needed = set(_needed(network))
    named = dict(_named(network))
    return {name: as_array(value) for name, value in named.items() if name in needed or wanted(name)}


def layer_facts(network: nn.Module) -> dict[str, LayerFacts]:
    """What the biases of a network's layers are made of, by the layers' paths."""
    return dict(_facts(network))


def module_classes(network: nn.Module) -> dict[str, str]:
    """The class name of every module below the network, by its path, in the order of their declaration."""
    return {path: type(module).__name__ for path, module in network.named_modules() if path}


def as_array(value: Tensor) -> NDArray[np.generic]:
    """A tensor as an array; numpy knows no bfloat16, which float32 holds exactly."""
    plain = value.detach().cpu().contiguous()
    return (plain.float() if plain.dtype is torch.bfloat16 else plain).numpy()


def level_name(size: tuple[int, int]) -> str:
    """The name of a reduced map of that height and width."""
    return f"{LEVEL_PREFIX}{size[0]}x{size[1]}"


def _reduced(network: nn.Module, inputs: Tensor, targets: Tensor) -> Kept:
    left = reduced(decompose(network, inputs, targets))
    levels = {level_name(size): as_array(level) for size, level in left.levels.items()}
    return Kept({**levels, SUMS: as_array(left.sums)}, dict.fromkeys(left.layers, 1))


def _once(tensors: dict[str, Tensor]) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Each tensor once: a residual sum hands one gradient to both of its ways."""
    first: dict[tuple[object, ...], str] = {}
    same_as: dict[str, str] = {}
    for name, value in tensors.items():
        place = (value.data_ptr(), tuple(value.shape), value.stride(), value.dtype)
        holder = first.setdefault(place, name)
        if holder != name and value.numel():
            same_as[name] = holder
    return {name: value for name, value in tensors.items() if name not in same_as}, same_as


def _named(network: nn.Module) -> Iterator[tuple[str, Tensor]]:
    for path, parameter in network.named_parameters():
        yield parameter_name(type(network).__name__, path), parameter
    for path, buffer in network.named_buffers():
        yield statistic_name(path), buffer


def _needed(network: nn.Module) -> Iterator[str]:
    for path, module in network.named_modules():
        below = f"{path}." if path else ""
        if isinstance(module, _BatchNorm):
            yield parameter_name(type(network).__name__, f"{below}weight")
            yield statistic_name(f"{below}running_mean")
            yield statistic_name(f"{below}running_var")
        if has_fixed_bias(module):
            yield parameter_name(type(network).__name__, f"{below}bias")


def _facts(network: nn.Module) -> Iterator[tuple[str, LayerFacts]]:
    for path, module in network.named_modules():
        if isinstance(module, _BatchNorm):
            yield path, LayerFacts(bias="batch_norm", epsilon=module.eps)
        elif has_fixed_bias(module):
            if isinstance(module.bias, Tensor):
                yield path, LayerFacts(bias="parameter")
        elif path and depends_on_input(module):
            yield path, LayerFacts(bias="per_request")
