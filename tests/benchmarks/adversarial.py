"""Attacked inputs by how unusual their attribution is: what the score tells apart, and what each signal alone does.

`python -m tests.benchmarks.adversarial [--quick] [--json]`. Untargeted projected gradient descent in ten steps on
traffic signs. Half of the tracks that the network has not seen are clean signs, from which the score learns what is
usual; of the other half all clean signs, right or wrong, are told from those that the attack turned from right to
wrong. Nothing attacked is ever shown to what learns.
"""

import argparse
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score
from torch import Tensor, nn

from monitor_jobs.saliency.adversarial import unusualness, usual_of
from monitor_jobs.saliency.decomposing import decompose
from monitor_jobs.saliency.maps import idiap
from monitor_jobs.saliency.signals import SIGNALS, signals_of
from tests.benchmarks.adversarial_attacks import attacked
from tests.benchmarks.adversarial_signs import FILE, SIDE, SignNet, Signs, normalised, seen_and_unseen, trained
from tests.benchmarks.figures import SEED, Figure, publish
from tests.saliency_networks import unsettled

EPSILONS: Final = (2, 8)  # in 255ths of the range of pixels
AT_ONCE: Final = 100
QUICK_SIGNS: Final = 60
NO_DATA: Final = f"needs {FILE} in SEXTANT_TEST_DATA: traffic signs cannot be downloaded here"
Values = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Case:
    """The signals of clean signs that the score learns from, of other clean signs, and of attacked ones by strength."""

    learnt: Values
    clean: Values
    attacked: dict[int, Values]
    success: dict[int, float]

    def auroc(self, clean: Values, attacked: Values) -> float:
        """How likely an attacked sign has the larger of two values."""
        truth = np.concatenate((np.zeros(len(clean)), np.ones(len(attacked))))
        return float(roc_auc_score(truth, np.concatenate((clean, attacked))))

    def singles(self, epsilon: int) -> dict[str, float]:
        """Of each signal alone; below a half where attacked signs have the smaller values."""
        attacked = self.attacked[epsilon]
        return {name: self.auroc(self.clean[:, at], attacked[:, at]) for at, name in enumerate(SIGNALS)}


class OfPixels(nn.Module):
    """A network as an attacker sees it: with its normalisation, of pictures in [0, 1]."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> Tensor:
        """Logits."""
        return self.network(normalised(images))


def signals(network: nn.Module, images: Tensor) -> Values:
    """The signals of pictures in [0, 1]."""
    parts = (decompose(network, chunk) for chunk in normalised(images).split(AT_ONCE))
    return torch.cat([signals_of(network, each) for each in parts]).numpy()


def right(network: nn.Module, images: Tensor, classes: Tensor) -> Tensor:
    with torch.no_grad():
        return torch.cat([network(normalised(chunk)).argmax(1) for chunk in images.split(AT_ONCE)]) == classes


def case_of(network: nn.Module, learnt: Signs, held: Signs, epsilons: tuple[int, ...] = EPSILONS) -> Case:
    was_right = right(network, held.images, held.classes)
    found, success = {}, {}
    for epsilon in epsilons:
        generator = torch.Generator().manual_seed(SEED)
        turned = attacked(OfPixels(network), held.images, held.classes, epsilon=epsilon / 255, generator=generator)
        fooled = was_right & ~right(network, turned, held.classes)
        success[epsilon] = float(fooled.sum() / was_right.sum())
        found[epsilon] = signals(network, turned[fooled])
    return Case(signals(network, learnt.images), signals(network, held.images), found, success)


def figures_of(case: Case) -> Iterator[tuple[str, Figure]]:
    usual = usual_of(case.learnt)
    clean = unusualness(usual, case.clean)
    bar = np.quantile(clean, 0.99)
    for epsilon, found in case.attacked.items():
        scores = unusualness(usual, found)
        singles = ", ".join(f"{name} {value:.2f}" for name, value in case.singles(epsilon).items())
        note = f"{len(found)} attacked, {len(clean)} clean signs; each signal alone: {singles}"
        yield f"auroc_eps_{epsilon}", Figure(case.auroc(clean, scores), "AUROC", ">= 0.90", note)
        yield f"found_at_1_percent_eps_{epsilon}", Figure(float((scores > bar).mean()), "share", "none", "of attacked")
        outside = case.singles(epsilon)["outside_centre"]
        yield f"auroc_outside_centre_eps_{epsilon}", Figure(outside, "AUROC", "none", "the map's outside mass alone")
        success = "of signs that were right"
        yield f"attack_success_eps_{epsilon}", Figure(case.success[epsilon], "share", "none", success)


def quick_case() -> Case:
    generator = torch.Generator().manual_seed(SEED)
    images = torch.rand(2 * QUICK_SIGNS, 3, SIDE, SIDE, generator=generator)
    torch.manual_seed(SEED)
    network = unsettled(SignNet()).requires_grad_(requires_grad=False)
    with torch.no_grad():
        classes = network(normalised(images)).argmax(1)
    every = Signs(images, classes, torch.arange(len(images)))
    first = every.tracks < QUICK_SIGNS
    return case_of(network, every.where(first), every.where(~first), EPSILONS[-1:])
