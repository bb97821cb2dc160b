"""Batch normalisations folded into the convolutions before them: a network that answers the same, and is faster.

Which convolution is before which normalisation is read from the graph of one answer, not from names or declarations.
Only those are folded whose convolution has no bias of its own, and whose output nothing else uses: so the gradient at
what was the normalisation, and its bias, stay what they were, and a map stays the same. The folded convolution takes
the normalisation's place, and its name. One that sees a picture in steps goes over unshuffled pixels (unshuffling).

What lives here: folding. What does not: gradients (decomposing).
"""

import copy
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final, cast

import torch
from torch import Tensor, nn
from torch.autograd.graph import GradientEdge, Node, get_gradient_edge
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.conv import _ConvNd
from torch.nn.utils.fusion import fuse_conv_bn_eval

from monitor_jobs.contract.errors import ModelUnsuitable
from monitor_jobs.saliency.unshuffling import UnshuffledConv2d, can_be_unshuffled

TOLERANCE: Final = 1e-4  # of the largest logit


def folded(model: nn.Module, inputs: Tensor) -> nn.Module:
    """A copy of the network with every batch normalisation folded that can be; the network itself stays as it is.

    `inputs` [N, C, H, W] are any that it can answer. Raises ModelUnsuitable where the copy answers them otherwise by
    more than TOLERANCE. Checked in tests/papers/test_fullgrad.py.
    """
    pairs = _pairs(model, inputs)
    twin = copy.deepcopy(model)
    for convolution, normalisation in pairs:
        fused = fuse_conv_bn_eval(
            cast("nn.Conv2d", twin.get_submodule(convolution)),
            cast("nn.BatchNorm2d", twin.get_submodule(normalisation)),
        )
        twin.set_submodule(convolution, nn.Identity())
        fused.requires_grad_(requires_grad=False)
        twin.set_submodule(normalisation, UnshuffledConv2d(fused) if can_be_unshuffled(fused) else fused)
    with torch.no_grad():
        expected, answer = model(inputs), twin(inputs)
    if not (expected - answer).abs().amax() <= TOLERANCE * expected.abs().amax():
        raise ModelUnsuitable("its normalisations cannot be folded: it answers otherwise without them")
    return twin


@dataclass(slots=True)
class _Places:
    """Where outputs of convolutions and inputs of normalisations are in the graph, and how often each was called."""

    outputs: dict[Node, str] = field(default_factory=dict)
    inputs: dict[str, Node] = field(default_factory=dict)
    calls: Counter[str] = field(default_factory=Counter)

    def leave(self, name: str, module: nn.Module, inputs: object, output: Tensor) -> None:
        del module, inputs
        self.calls[name] += 1
        self.outputs[get_gradient_edge(output).node] = name

    def enter(self, name: str, module: nn.Module, inputs: tuple[Any, ...]) -> None:
        del module
        self.calls[name] += 1
        if inputs[0].requires_grad:
            self.inputs[name] = get_gradient_edge(inputs[0]).node


def _pairs(model: nn.Module, inputs: Tensor) -> list[tuple[str, str]]:
    places = _Places()
    with torch.enable_grad(), ExitStack() as hooks:
        for name, module in model.named_modules():
            if isinstance(module, _ConvNd) and module.bias is None:
                hooks.callback(module.register_forward_hook(partial(places.leave, name)).remove)
            elif isinstance(module, _BatchNorm) and module.running_mean is not None:
                hooks.callback(module.register_forward_pre_hook(partial(places.enter, name)).remove)
        answer = model(inputs.detach().requires_grad_())
    users = Counter(_uses(get_gradient_edge(answer)))
    pairs = ((places.outputs.get(node), name, node) for name, node in places.inputs.items())
    return [
        (convolution, normalisation)
        for convolution, normalisation, node in pairs
        if convolution is not None and {places.calls[convolution], places.calls[normalisation], users[node]} == {1}
    ]


def _uses(root: GradientEdge) -> Iterator[Node]:
    """Every node below, once for each that uses it."""
    seen, waiting = {root.node}, [root.node]
    while waiting:
        for node, _ in waiting.pop().next_functions:
            if node is not None:
                yield node
                if node not in seen:
                    seen.add(node)
                    waiting.append(node)
