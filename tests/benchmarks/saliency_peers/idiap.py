"""What fullgrad-saliency does for a map, step by step: it is on no package index, and its procedure is measured here.

A hook for each layer keeps the gradient of its output; bias times gradient is written out in full; every channel of
every layer is resized to the image's size. Two departures in favour of the original: gradients are known by name, for
by order its own check of completeness fails on a network that is declared in another order than it runs in; and hooks
are on outputs, because PyTorch took those away that it uses.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate, nll_loss

LAYERS = (nn.Conv2d, nn.Linear, nn.BatchNorm2d)


class FullGrad:
    """The maps of one network."""

    def __init__(self, model: nn.Module) -> None:
        self.model = model
        self.gradients: dict[str, Tensor] = {}
        layers = [(name, module) for name, module in model.named_modules() if isinstance(module, LAYERS)]
        layers = [(name, module) for name, module in layers if module.bias is not None]
        for name, module in layers:
            module.register_forward_hook(self._keep(name))
        self.biases = {name: _bias(module) for name, module in layers}

    def _keep(self, name: str) -> Callable[..., None]:
        def hook(module: nn.Module, given: Any, output: Tensor) -> None:
            if output.requires_grad:
                output.register_hook(lambda gradient: self.gradients.update({name: gradient}))

        return hook

    def saliency(self, images: Tensor) -> Tensor:
        """Maps [N, H, W]."""
        given = images.detach().requires_grad_()
        out = self.model(given)
        score = -nll_loss(out, out.data.max(1, keepdim=True)[1].flatten(), reduction="sum")
        (gradient,) = torch.autograd.grad(score, given)
        total = _rescaled(gradient * given.detach()).sum(1, keepdim=True)
        for name, bias in self.biases.items():
            layer = self.gradients[name]
            product = layer * bias.view(1, -1, *[1] * (layer.ndim - 2)).expand_as(layer)
            if product.ndim == given.ndim:
                size = given.shape[2:]
                resized = interpolate(_rescaled(product), size=size, mode="bilinear", align_corners=True)
                total += resized.sum(1, keepdim=True)
        return total[:, 0].detach()


def _bias(module: Any) -> Tensor:
    if isinstance(module, nn.BatchNorm2d):
        assert module.running_mean is not None
        assert module.running_var is not None
        spread = torch.sqrt(module.running_var + module.eps)
        return (-(module.running_mean * module.weight / spread) + module.bias).detach()
    return module.bias.detach()


def _rescaled(values: Tensor, epsilon: float = 1e-6) -> Tensor:
    values = values.abs()
    values = values - values.flatten(1).amin(1).view(-1, 1, 1, 1)
    return values / (values.flatten(1).amax(1).view(-1, 1, 1, 1) + epsilon)
