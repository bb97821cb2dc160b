"""Ways to draw a map of what an answer rests on: ours, gradients alone, and two that know nothing of the network.

What lives here: methods that need this repository only. What does not: Captum's (saliency_peers.captum), how maps are
judged (saliency_measures).
"""

from collections.abc import Callable, Mapping
from typing import Final

import torch
from torch import Tensor, nn

from monitor_jobs.saliency.decomposing import decompose
from monitor_jobs.saliency.maps import blog, gradcam, idiap
from monitor_jobs.saliency.smoothing import smooth
from monitor_jobs.saliency.terms import Decomposition, simple
from tests.benchmarks.figures import SEED

AT_ONCE: Final = 50
# network, pictures [N, C, H, W] and classes [N] to maps [N, H, W]
Method = Callable[[nn.Module, Tensor, Tensor], Tensor]


def drawn(method: Method, network: nn.Module, images: Tensor, classes: Tensor) -> Tensor:
    """A method's maps [N, H, W] of any number of pictures."""
    chunks = zip(images.split(AT_ONCE), classes.split(AT_ONCE), strict=True)
    return torch.cat([method(network, *chunk).detach() for chunk in chunks])


def magnitude(attributions: Tensor) -> Tensor:
    """Maps [N, H, W] of what is attributed to each value of pictures [N, C, H, W], whichever sign it has."""
    return attributions.abs().sum(1)


def _of_parts(draw: Callable[[Decomposition], Tensor]) -> Method:
    return lambda network, images, classes: draw(decompose(network, images, classes))


def _smooth_fullgrad(network: nn.Module, images: Tensor, classes: Tensor) -> Tensor:
    return idiap(smooth(network, images, classes, generator=torch.Generator().manual_seed(SEED)))


def _centre(network: nn.Module, images: Tensor, classes: Tensor) -> Tensor:
    height, width = images.shape[2:]
    rows, columns = torch.linspace(-1, 1, height), torch.linspace(-1, 1, width)
    return -torch.hypot(rows[:, None], columns[None, :]).expand(len(images), -1, -1)


def _chance(network: nn.Module, images: Tensor, classes: Tensor) -> Tensor:
    # of the pictures themselves, so that another network's is the same and no two chunks share one
    seed = SEED + int(images.double().abs().sum() * 1e3) % 2**31
    return torch.rand(len(images), *images.shape[2:], generator=torch.Generator().manual_seed(seed))


FULLGRAD: Final = "FullGrad"
CHANCE: Final = "chance"
METHODS: Final[Mapping[str, Method]] = {
    FULLGRAD: _of_parts(idiap),
    "FullGrad, gradcam's": _of_parts(gradcam),
    "FullGrad, blog's": _of_parts(blog),
    "Simple FullGrad": _of_parts(lambda parts: idiap(simple(parts))),
    "Smooth FullGrad": _smooth_fullgrad,
    "gradient": _of_parts(lambda parts: magnitude(parts.input_gradient)),
    "gradient x input": _of_parts(lambda parts: magnitude(parts.input_term)),
    "centre": _centre,
    CHANCE: _chance,
}
