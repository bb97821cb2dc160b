"""torchattacks' projected gradient descent, from an environment of its own put behind ours on the path."""

import importlib
import sys
from pathlib import Path

import torch
from torch import Tensor, nn

from tests.benchmarks.adversarial_attacks import STEPS
from tests.benchmarks.figures import SEED
from tests.e2e.sdk_environment import sdk_python

HERE = Path(__file__).parent


def attacked_by_torchattacks(network: nn.Module, images: Tensor, classes: Tensor, epsilon: float) -> Tensor:
    """Pictures in [0, 1] as its PGD leaves them, with the step and the number of steps that ours takes."""
    environment = sdk_python("torchattacks", pins=HERE).parents[1]
    packages = str(next(environment.glob("lib/python*/site-packages")))
    if packages not in sys.path:
        sys.path.append(packages)
    attack = importlib.import_module("torchattacks").PGD(network, eps=epsilon, alpha=2.5 * epsilon / STEPS, steps=STEPS)
    torch.manual_seed(SEED)  # of its random start
    turned: Tensor = attack(images, classes)
    return turned.detach()
