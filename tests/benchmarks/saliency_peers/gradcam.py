"""pytorch-grad-cam's FullGrad, from an environment of its own put behind ours on the path.

What lives here: installing and asking it. What does not: timing.
"""

import importlib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from tests.e2e.sdk_environment import sdk_python

HERE = Path(__file__).parent


def full_grad(model: nn.Module, images: Tensor) -> Callable[[Tensor], Any]:
    """Maps [N, H, W] numpy of images; keeps gradients of its own in the network's parameters, as it always does.

    Its biases come in the order of declaration and its gradients in that of execution: they are put right for it, by
    one answer to `images`.
    """
    environment = sdk_python("gradcam", pins=HERE).parents[1]
    packages = next(environment.glob("lib/python*/site-packages"))
    if str(packages) not in sys.path:
        sys.path += [str(packages), str(HERE)]  # the stand-in for torchvision comes last of all
    program = importlib.import_module("pytorch_grad_cam").FullGrad(model=model, target_layers=[])
    biases = dict(zip(program.target_layers, program.bias_data, strict=True))
    program.bias_data = [biases[layer] for layer in _as_executed(model, program.target_layers, images)]
    return lambda given: program(input_tensor=given, targets=None)


def _as_executed(model: nn.Module, layers: list[nn.Module], images: Tensor) -> list[nn.Module]:
    order: list[nn.Module] = []
    hooks = [layer.register_forward_pre_hook(lambda layer, _: order.append(layer)) for layer in layers]
    model(images)
    for hook in hooks:
        hook.remove()
    return order
