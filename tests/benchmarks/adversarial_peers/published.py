"""Three known programs' projected gradient descent, from an environment of their own put behind ours on the path.

Each takes pictures in [0, 1] and their classes, and starts at random. Range, size of a step and number of steps are
those of ours.
"""

import importlib
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor, nn

from tests.benchmarks.adversarial_attacks import STEPS
from tests.benchmarks.figures import SEED
from tests.e2e.sdk_environment import sdk_python

HERE: Final = Path(__file__).parent


def attacked_by_torchattacks(network: nn.Module, images: Tensor, classes: Tensor, epsilon: float) -> Tensor:
    """Pictures as torchattacks leaves them."""
    attack = _program("torchattacks").PGD(network, eps=epsilon, alpha=_step(epsilon), steps=STEPS)
    torch.manual_seed(SEED)  # of its random start
    turned: Tensor = attack(images, classes)
    return turned.detach()


def attacked_by_foolbox(network: nn.Module, images: Tensor, classes: Tensor, epsilon: float) -> Tensor:
    """Pictures as foolbox leaves them."""
    foolbox = _program("foolbox")
    attack = foolbox.attacks.LinfPGD(abs_stepsize=_step(epsilon), steps=STEPS, random_start=True)
    torch.manual_seed(SEED)
    seen = foolbox.PyTorchModel(network, bounds=(0, 1), device="cpu")
    turned: Tensor = attack(seen, images, foolbox.Misclassification(classes), epsilons=epsilon)[1]
    return turned.detach()


def attacked_by_art(network: nn.Module, images: Tensor, classes: Tensor, epsilon: float) -> Tensor:
    """Pictures as the Adversarial Robustness Toolbox leaves them."""
    evasion, classification = _program("art.attacks.evasion"), _program("art.estimators.classification")
    with torch.no_grad():
        count = network(images[:1]).shape[1]
    seen = classification.PyTorchClassifier(
        network, nn.CrossEntropyLoss(), tuple(images.shape[1:]), count, clip_values=(0, 1), device_type="cpu"
    )
    attack = evasion.ProjectedGradientDescent(
        seen, eps=epsilon, eps_step=_step(epsilon), max_iter=STEPS, num_random_init=1, batch_size=100, verbose=False
    )
    np.random.seed(SEED)  # it knows no other source of chance
    return torch.from_numpy(attack.generate(images.numpy(), classes.numpy()))


def _step(epsilon: float) -> float:
    return 2.5 * epsilon / STEPS


def _program(name: str) -> Any:
    environment = sdk_python("attacks", pins=HERE).parents[1]
    packages = str(next(environment.glob("lib/python*/site-packages")))
    if packages not in sys.path:
        sys.path.append(packages)
    with _at_home_in(environment):
        return importlib.import_module(name)


@contextmanager
def _at_home_in(folder: Path) -> Iterator[None]:
    """ART writes a settings file below the home of whoever imports it."""
    home = os.environ.get("HOME")
    os.environ["HOME"] = str(folder)
    try:
        yield
    finally:
        if home is None:
            del os.environ["HOME"]
        else:
            os.environ["HOME"] = home
