"""Captum's integrated gradients and Grad-CAMs, from an environment of its own put behind ours on the path."""

import copy
import importlib
import sys
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from torch import Tensor, nn

from tests.benchmarks.saliency_methods import Method, magnitude
from tests.e2e.sdk_environment import sdk_python

HERE: Final = Path(__file__).parent
STEPS: Final = 32  # from the mean colour to the picture


def captum_methods(layer: str) -> Mapping[str, Method]:
    """Its methods by name; Grad-CAM's are of that layer's output, enlarged to the picture's size."""
    attr = _attr()

    def integrated(network: nn.Module, images: Tensor, classes: Tensor) -> Tensor:
        return attr.IntegratedGradients(network).attribute(images, target=classes, n_steps=STEPS)

    def grad_cam(network: nn.Module, images: Tensor, classes: Tensor) -> Tensor:
        program = attr.LayerGradCam(network, network.get_submodule(layer))
        found = program.attribute(images, target=classes, relu_attributions=True)
        return attr.LayerAttribution.interpolate(found, tuple(images.shape[2:]), interpolate_mode="bilinear")

    def guided(network: nn.Module, images: Tensor, classes: Tensor) -> Tensor:
        program = attr.GuidedGradCam(network, network.get_submodule(layer))
        return program.attribute(images, target=classes, interpolate_mode="bilinear")

    return {
        "integrated gradients": _asked(integrated),
        "Grad-CAM": _asked(grad_cam),
        "Guided Grad-CAM": _asked(guided),
    }


def _attr() -> Any:
    packages = str(next(sdk_python("captum", pins=HERE).parents[1].glob("lib/python*/site-packages")))
    if packages not in sys.path:
        sys.path.append(packages)
    return importlib.import_module("captum.attr")


def _asked(attribute: Callable[[nn.Module, Tensor, Tensor], Tensor]) -> Method:
    """The maps of a copy that its hooks stay on, whose activations do not work in place, as hooks need it."""

    def method(network: nn.Module, images: Tensor, classes: Tensor) -> Tensor:
        own = copy.deepcopy(network).requires_grad_()
        for module in own.modules():
            if isinstance(module, nn.ReLU):
                module.inplace = False
        with warnings.catch_warnings(action="ignore"):  # that it sets hooks
            return magnitude(attribute(own, images.clone().requires_grad_(), classes))

    return method
