"""The calls of a network's layers while it answers once: where each one's output is in the graph, and its bias.

Layers are known by their names and by how often they were called, never by an order: that of their declaration need not
be that in which they run. The place of an output is kept as a place in autograd's graph, so that an activation that
works in place afterwards does not move it.

What lives here: hooks, which are gone again whatever happens. What does not: gradients (decomposing).
"""

from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.graph import GradientEdge, get_gradient_edge
from torch.nn.modules.batchnorm import _BatchNorm

from monitor_jobs.contract.errors import ModelUnsuitable
from monitor_jobs.saliency.biases import (
    bias_at,
    channel_axis,
    depends_on_input,
    first_tensor,
    fixed_bias,
    has_fixed_bias,
)


@dataclass(frozen=True, slots=True)
class LayerCall:
    """One call of one layer; `layer` is its name in the network, with `#2` behind it at the second call.

    `bias` is [C], or of the output's shape, which has its channels at `channel_axis`.
    """

    layer: str
    bias: Tensor
    output: GradientEdge
    channel_axis: int


@dataclass(slots=True)
class _Watch:
    """What has been called so far."""

    calls: list[LayerCall] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    inputs: dict[str, tuple[Tensor, ...]] = field(default_factory=dict)
    axes: dict[torch.Size, int] = field(default_factory=dict)

    def fixed(self, name: str, bias: Tensor, module: nn.Module, inputs: object, output: object) -> None:
        del inputs
        self._add(name, module, bias, first_tensor(output))

    def keep_inputs(self, name: str, module: nn.Module, inputs: tuple[Any, ...]) -> None:
        del module
        # it may be about to change them in place
        self.inputs[name] = tuple(value.detach().clone() for value in inputs if isinstance(value, Tensor))

    def varying(self, name: str, module: nn.Module, inputs: object, output: object) -> None:
        del inputs
        value = first_tensor(output)
        try:
            bias = bias_at(module.forward, self.inputs.pop(name), value.detach())
        except ModelUnsuitable as error:
            raise ModelUnsuitable(f"layer {name} ({type(module).__name__}): {error}") from error
        self._add(name, module, bias, value)

    def _add(self, name: str, module: nn.Module, bias: Tensor, output: Tensor) -> None:
        self.counts[name] += 1
        # an activation has its channels where the layer before it had them
        axis = self.axes[output.shape] = channel_axis(module) or self.axes.get(output.shape, 1)
        if output.requires_grad:  # else nothing that it does reaches the logits
            label = name if self.counts[name] == 1 else f"{name}#{self.counts[name]}"
            self.calls.append(LayerCall(label, bias, get_gradient_edge(output), axis))


@contextmanager
def watched(model: nn.Module) -> Iterator[list[LayerCall]]:
    """The calls of layers that have a bias, which grow as the network is called within the block, in their order.

    Raises ModelUnsuitable where a layer is in training mode, or as `bias_at` does.
    """
    watch = _Watch()
    with ExitStack() as hooks:
        for name, module in model.named_modules():
            for handle in _hooks(watch, name, module):
                hooks.callback(handle.remove)
        yield watch.calls


def _hooks(watch: _Watch, name: str, module: nn.Module) -> Iterator[Any]:
    if module.training and isinstance(module, (_BatchNorm, nn.Dropout)):
        raise ModelUnsuitable(f"layer {name} ({type(module).__name__}) is in training mode: call eval() first")
    if has_fixed_bias(module):
        if (bias := fixed_bias(module)) is not None:
            yield module.register_forward_hook(partial(watch.fixed, name, bias))
    elif name and depends_on_input(module):  # a network without layers is none itself
        yield module.register_forward_pre_hook(partial(watch.keep_inputs, name))
        yield module.register_forward_hook(partial(watch.varying, name))
