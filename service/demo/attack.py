"""Projected gradient descent toward one class: the attack that the demo detects.

What lives here: the attack, and the strength that the demo uses. What does not: sending it to an endpoint.
"""

from typing import Final

import torch
from torch import nn
from torch.nn.functional import cross_entropy

TARGET_CLASS: Final = 4
EPSILON: Final = 1 / 16  # one level of ink: a scan has sixteen
STEPS: Final = 20
STEP_SIZE: Final = 1 / 64


def toward_class(
    model: nn.Module, images: torch.Tensor, target: int, *, epsilon: float, steps: int, step_size: float
) -> torch.Tensor:
    """Images that the model likelier takes for `target`, none further than `epsilon` from its original in any pixel.

    images [N, C, H, W] in [0, 1], as are the results; epsilon and step_size in the same unit. `model` gives logits and
    is in eval mode; its parameters and their gradients are left alone. Madry et al., ICLR 2018, section 2.1, with two
    departures: the wanted class's loss is descended instead of the true one's ascended, and the start is the image
    itself, not a random point, so the result is reproducible.
    Checked in tests/papers/test_projected_gradient_descent.py.
    """
    wanted = torch.full((len(images),), target, device=images.device)
    attacked = images
    for _ in range(steps):
        attacked = project(attacked - step_size * _loss_gradient(model, attacked, wanted).sign(), images, epsilon)
    return attacked


def project(images: torch.Tensor, centres: torch.Tensor, epsilon: float) -> torch.Tensor:
    """The nearest images that lie within `epsilon` of their centres, and within [0, 1], in every pixel."""
    return images.clamp(centres - epsilon, centres + epsilon).clamp(0, 1)


def _loss_gradient(model: nn.Module, images: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
    pixels = images.detach().requires_grad_()
    # A sum, not a mean: an image's gradient must not shrink with the batch that it happens to be in.
    loss = cross_entropy(model(pixels), wanted, reduction="sum")
    return torch.autograd.grad(loss, pixels)[0]
