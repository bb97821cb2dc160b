"""Every tensor of one call of a network that somebody wants, by Debugger's names: one forward and one backward.

What lives here: what is looked at while a network answers. What does not: names (debugger_names), biases (saliency).
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.graph import GradientEdge, get_gradient_edge

from monitor_jobs.contract.errors import ModelUnsuitable
from monitor_jobs.saliency.calls import LayerCall, watched
from monitor_jobs.saliency.decomposing import logits_of
from monitor_jobs.tensors.debugger_names import (
    GRADIENT_PREFIX,
    IMAGE_GRADIENT,
    bias_name,
    gradient_name,
    input_name,
    output_name,
    parameter_name,
)

Wanted = Callable[[str], bool]


@dataclass(frozen=True, slots=True)
class Recording:
    """Tensors by name, and the calls of layers that have a bias, with the axis of their channels."""

    tensors: dict[str, Tensor]
    layers: dict[str, int]


def record(network: nn.Module, inputs: Tensor, targets: Tensor, wanted: Wanted) -> Recording:
    """The tensors of this call whose names are wanted; gradients are of the targets' logits, summed over the batch.

    inputs [N, C, H, W], targets [N] integers. A network in evaluation mixes no inputs, so that each gradient at an
    activation is its own input's; those of parameters are sums. Raises ModelUnsuitable as `decompose` does.
    Checked in tests/papers/test_fullgrad_from_tensors.py.
    """
    at = inputs.detach().clone().requires_grad_()
    with torch.enable_grad(), watched(network) as calls, _observed(network, wanted) as seen:
        logits = logits_of(network(at), len(inputs))
        chosen = logits.gather(1, targets.to(logits.device)[:, None])[:, 0]
        if not chosen.requires_grad:
            raise ModelUnsuitable("the network's answer has no gradient at its input: does it run under no_grad?")
        places = _places(network, at, seen, wanted)
        gradients = torch.autograd.grad(chosen.sum(), list(places.values()), allow_unused=True) if places else ()
    found = {name: value.detach() for name, value in zip(places, gradients, strict=True) if value is not None}
    biases = dict(_per_request(calls, wanted))
    return Recording(seen.tensors | found | biases, {call.layer: call.channel_axis for call in calls})


@dataclass(slots=True)
class _Seen:
    wanted: Wanted
    tensors: dict[str, Tensor] = field(default_factory=dict)
    edges: dict[str, GradientEdge] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)

    def before(self, name: str, _module: nn.Module, inputs: tuple[Any, ...]) -> None:
        self._keep(name, inputs, input_name)

    def after(self, name: str, _module: nn.Module, _inputs: object, output: object) -> None:
        self._keep(name, output, output_name)
        call = f"call of {name}"
        self.counts[call] += 1
        first = next(_flat(output), None)
        label = gradient_name(name if self.counts[call] == 1 else f"{name}#{self.counts[call]}")
        if first is not None and first.requires_grad and self.wanted(label):
            self.edges[label] = get_gradient_edge(first)

    def _keep(self, name: str, values: object, named: Callable[[str, int], str]) -> None:
        for value in _flat(values):
            label = named(name, self.counts[named(name, 0)])
            self.counts[named(name, 0)] += 1
            if self.wanted(label):
                self.tensors[label] = value.detach().clone()  # it may be changed in place later


@contextmanager
def _observed(network: nn.Module, wanted: Wanted) -> Iterator[_Seen]:
    seen = _Seen(wanted)
    with ExitStack() as hooks:
        for path, module in network.named_modules():
            name = path or type(network).__name__
            hooks.callback(module.register_forward_pre_hook(partial(seen.before, name)).remove)
            hooks.callback(module.register_forward_hook(partial(seen.after, name)).remove)
        yield seen


def _places(network: nn.Module, at: Tensor, seen: _Seen, wanted: Wanted) -> dict[str, Any]:
    """Where a gradient is wanted, by its name."""
    image = {IMAGE_GRADIENT: at} if wanted(IMAGE_GRADIENT) else {}
    return {**image, **seen.edges, **dict(_parameters(network, wanted))}


def _parameters(network: nn.Module, wanted: Wanted) -> Iterator[tuple[str, Tensor]]:
    for path, parameter in network.named_parameters():
        name = GRADIENT_PREFIX + parameter_name(type(network).__name__, path)
        if parameter.requires_grad and wanted(name):
            yield name, parameter


def _per_request(calls: Iterable[LayerCall], wanted: Wanted) -> Iterator[tuple[str, Tensor]]:
    """Without its bias a gradient explains nothing: it comes with that."""
    for call in calls:
        if call.bias.ndim > 1 and wanted(gradient_name(call.layer)):
            yield bias_name(call.layer), call.bias.detach()


def _flat(values: object) -> Iterator[Tensor]:
    if isinstance(values, Tensor):
        yield values
    elif isinstance(values, (tuple, list)):
        for value in values:
            yield from _flat(value)
