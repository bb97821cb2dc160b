"""Untargeted projected gradient descent, as published: a random start, ten steps, every pixel within its range.

What lives here: the attack. What does not: whom it is aimed at (adversarial).
"""

from typing import Final

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from service.demo.attack import project

STEPS: Final = 10


def attacked(
    network: nn.Module, images: Tensor, classes: Tensor, *, epsilon: float, generator: torch.Generator
) -> Tensor:
    """Pictures that the network likelier takes for another class, none further than `epsilon` from its original.

    images [N, C, H, W] in [0, 1], as are the results. Madry et al., ICLR 2018, section 2.1: it starts at a random point
    of the ball, and takes steps of 2.5 epsilon / STEPS by the gradient's sign. Checked in
    tests/papers/test_projected_gradient_descent.py.
    """
    start = epsilon * (2 * torch.rand(images.shape, generator=generator) - 1)
    found = project(images + start, images, epsilon)
    for _ in range(STEPS):
        pixels = found.detach().requires_grad_()
        loss = cross_entropy(network(pixels), classes, reduction="sum")
        gradient = torch.autograd.grad(loss, pixels)[0]
        found = project(found + 2.5 * epsilon / STEPS * gradient.sign(), images, epsilon)
    return found.detach()
