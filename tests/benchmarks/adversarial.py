"""Attacked inputs by how unusual their attribution is: what the score tells apart, and what each signal alone does.

`python -m tests.benchmarks.adversarial [--quick] [--json]`. Untargeted projected gradient descent in ten steps on
traffic signs. Of the tracks that the network has not seen, clean signs of half say what is usual; of the other half all
clean signs, right or wrong, are told from those that the attack turned from right to wrong. Nothing attacked is ever
shown to what is calibrated.

What lives here: what is measured of inputs. What does not: the network (adversarial_signs), attacks
(adversarial_attacks), whole windows (adversarial_windows).
"""

import argparse
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score
from torch import Tensor, nn

from monitor_jobs.saliency.adversarial import unusualness, usual_of
from monitor_jobs.saliency.signals import SIGNALS, signals_of, smoothed
from tests.benchmarks.adversarial_attacks import attacked
from tests.benchmarks.adversarial_peers.published import (
    attacked_by_art,
    attacked_by_foolbox,
    attacked_by_torchattacks,
)
from tests.benchmarks.adversarial_signs import EPOCHS, FILE, SIDE, SignNet, Signs, normalised, seen_and_unseen, trained
from tests.benchmarks.adversarial_windows import windows
from tests.benchmarks.figures import SEED, Figure, publish
from tests.saliency_networks import unsettled

EPSILONS: Final = (2, 8)  # in 255ths of the range of pixels
AT_ONCE: Final = 100
QUICK_SIGNS: Final = 60
NO_DATA: Final = f"needs {FILE} in SEXTANT_TEST_DATA: traffic signs cannot be downloaded here"
# what a decomposition and a map say, without a second answer
UNSMOOTHED: Final = ("margin", "log_input_gradient", "log_bias_attribution", "outside_centre", "map_entropy")
Values = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Case:
    """Signals of clean signs that say what is usual, of other clean signs, and of attacked ones by kind of attack.

    `success` is the share of signs that were right which an attack turned, `moved` how far it moved a pixel at most, in
    255ths of its range.
    """

    calibration: Values
    clean: Values
    attacked: dict[str, Values]
    success: dict[str, float]
    moved: dict[str, float]


class OfPixels(nn.Module):
    """A network as an attacker sees it: with its normalisation, of pictures in [0, 1]."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> Tensor:
        """Logits."""
        return self.network(normalised(images))


class Forewarned(OfPixels):
    """The same as one sees it who knows the score: a sign has to be taken for another smoothed as well."""

    def forward(self, images: Tensor) -> Tensor:
        """Log of the mean share of each class."""
        shown = normalised(images)
        both = torch.stack([self.network(shown), self.network(smoothed(shown))]).log_softmax(2)
        return both.logsumexp(0)


def ours(network: nn.Module, images: Tensor, classes: Tensor, epsilon: float) -> Tensor:
    chance = torch.Generator().manual_seed(SEED)
    return attacked(network, images, classes, epsilon=epsilon, generator=chance)


Attacks = Mapping[str, tuple[Callable[[nn.Module, Tensor, Tensor, float], Tensor], type[OfPixels]]]
OURS: Final[Attacks] = {"": (ours, OfPixels), "forewarned_": (ours, Forewarned)}
PUBLISHED: Final[Attacks] = {
    "torchattacks_": (attacked_by_torchattacks, OfPixels),
    "foolbox_": (attacked_by_foolbox, OfPixels),
    "art_": (attacked_by_art, OfPixels),
}


def signals(network: nn.Module, images: Tensor) -> Values:
    """The signals of pictures in [0, 1]."""
    parts = (signals_of(network, chunk).values for chunk in normalised(images).split(AT_ONCE))
    return torch.cat(list(parts)).numpy()


def right(network: nn.Module, signs: Signs, images: Tensor) -> Tensor:
    """Which of these pictures of the signs are taken for what they are."""
    with torch.no_grad():
        return torch.cat([network(normalised(chunk)).argmax(1) for chunk in images.split(AT_ONCE)]) == signs.classes


def case_of(
    network: nn.Module, calibration: Signs, held: Signs, *, attacks: Attacks = OURS, epsilons: Sequence[int] = EPSILONS
) -> Case:
    was_right = right(network, held, held.images)
    found, success, moved = {}, {}, {}
    for epsilon in epsilons:
        for kind, (attack, as_seen) in attacks.items():
            turned = attack(as_seen(network).eval(), held.images, held.classes, epsilon / 255)
            fooled = was_right & ~right(network, held, turned)
            name = f"{kind}eps_{epsilon}"
            success[name] = float(fooled.sum() / was_right.sum())
            moved[name] = 255 * float((turned - held.images).abs().max())
            found[name] = signals(network, turned[fooled])
    return Case(signals(network, calibration.images), signals(network, held.images), found, success, moved)


def figures_of(case: Case) -> Iterator[tuple[str, Figure]]:
    usual = usual_of(case.calibration)
    clean = unusualness(usual, case.clean)
    bar = np.quantile(clean, 0.99)
    for name, found in case.attacked.items():
        scores = unusualness(usual, found)
        goal = ">= 0.90" if name.startswith("eps") else "none"
        alone = {one: auroc(case.clean[:, at], found[:, at]) for at, one in enumerate(SIGNALS)}
        each = ", ".join(f"{one} {value:.2f}" for one, value in alone.items())
        note = f"{len(found)} attacked, {len(clean)} clean signs; each signal alone, below 0.5 where it falls: {each}"
        yield f"auroc_{name}", Figure(auroc(clean, scores), "AUROC", goal, note)
        without = auroc(_apart(case, case.clean), _apart(case, found))
        note = f"two-sided distance of {', '.join(UNSMOOTHED)} alone"
        yield f"auroc_unsmoothed_{name}", Figure(without, "AUROC", "none", note)
        yield f"auroc_outside_centre_{name}", Figure(alone["outside_centre"], "AUROC", "none", "of that share alone")
        yield f"found_share_{name}", Figure(float((scores > bar).mean()), "share", "none", "where 1 % of clean are too")
        yield f"attack_success_{name}", Figure(case.success[name], "share", "none", "of the signs that were right")
        bound = name.rpartition("_")[2]
        note = "the farthest that a pixel was moved, to a thousandth: float32 rounds"
        yield f"attack_reach_{name}", Figure(round(case.moved[name], 3), "of 255 levels", f"<= {bound}", note)


def auroc(clean: Values, attacked: Values) -> float:
    """How likely an attacked sign has the larger of two values."""
    truth = np.concatenate((np.zeros(len(clean)), np.ones(len(attacked))))
    return float(roc_auc_score(truth, np.concatenate((clean, attacked))))


def _apart(case: Case, signals: Values) -> Values:
    places = [SIGNALS.index(name) for name in UNSMOOTHED]
    known = case.calibration[:, places]
    precision = np.linalg.inv(np.cov(known, rowvar=False))
    step = signals[:, places] - np.median(known, axis=0)
    return np.sqrt(np.einsum("ij,jk,ik->i", step, precision, step))


def quick_case() -> Case:
    generator = torch.Generator().manual_seed(SEED)
    images = torch.rand(2 * QUICK_SIGNS, 3, SIDE, SIDE, generator=generator)
    torch.manual_seed(SEED)
    network = unsettled(SignNet()).requires_grad_(requires_grad=False)
    with torch.no_grad():
        classes = network(normalised(images)).argmax(1)
    every = Signs(images, classes, torch.arange(len(images)))
    first = every.tracks < QUICK_SIGNS
    return case_of(network, every.where(first), every.where(~first), epsilons=EPSILONS[-1:])


def measured_case(data: Path) -> tuple[Case, Figure]:
    torch.set_num_threads(2)
    seen, unseen = seen_and_unseen(data)
    network = trained(seen)
    accuracy = float(right(network, unseen, unseen.images).double().mean())
    note = f"of {len(unseen.images)} signs of tracks that were not trained on; 32 pixels, {EPOCHS} epochs"
    held = unseen.tracks % 10 == 0
    case = case_of(network, unseen.where(~held), unseen.where(held), attacks={**OURS, **PUBLISHED})
    return case, Figure(accuracy, "share", ">= 0.95", note)


def measure(quick: bool) -> tuple[dict[str, Figure], dict[str, str]]:
    if quick:
        reason = "needs a trained network: run it without --quick"
        names = [f"auroc_eps_{epsilon}" for epsilon in EPSILONS]
        successes = {name: figure for name, figure in figures_of(quick_case()) if name.startswith("attack_")}
        return successes, dict.fromkeys(["network_accuracy", *names], reason)
    data = Path(os.environ.get("SEXTANT_TEST_DATA", ""))
    if not (data / FILE).exists():
        return {}, {"auroc_eps_2": NO_DATA, "auroc_eps_8": NO_DATA}
    case, accuracy = measured_case(data)
    clean = np.concatenate((case.calibration, case.clean))
    return {"network_accuracy": accuracy, **dict(figures_of(case)), **dict(windows(clean, case.attacked))}, {}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="an untrained network on noise: that everything runs")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    figures, missing = measure(options.quick)
    publish("adversarial", figures, missing, options.json)


if __name__ == "__main__":
    main()
