"""Which maps tell best what an answer rests on: FullGrad's beside other methods', by what the network itself answers.

`python -m tests.benchmarks.saliency_curves [--quick] [--json] [--picture FILE]`. Digits that the demo's network has not
seen, and traffic signs of tracks that another has not, each asked about the class that it is taken for. Pixels go in
the order of a map: deletion and insertion as of RISE, perturbation of the least salient as of FullGrad's paper. Then
layers lose what they learnt, from the logits down, which a map of the network cannot look the same after.

What lives here: what is measured, and how it is told. What does not: measures (saliency_measures), methods
(saliency_methods, saliency_peers.captum), networks (service.demo, adversarial_signs).
"""

import argparse
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from service.demo.digits import load_digits_split
from service.demo.package.code.digits_net import DigitsNet
from service.demo.packaging import PACKAGE_FOLDER
from tests.benchmarks.adversarial_signs import FILE, SIDE, SignNet, normalised, seen_and_unseen, trained
from tests.benchmarks.figures import SEED, Figure, publish
from tests.benchmarks.line_charts import Chart, svg_of
from tests.benchmarks.saliency_measures import (
    SHARES,
    Curve,
    Values,
    area,
    blurred,
    cascade,
    changes_by_the_least_salient,
    curve,
    grey,
    mean_of,
    places,
    rank_correlation,
)
from tests.benchmarks.saliency_methods import AT_ONCE, CHANCE, FULLGRAD, METHODS, Method, drawn
from tests.benchmarks.saliency_peers.captum import captum_methods
from tests.saliency_networks import unsettled

IMAGES: Final = 200
RANDOMISED_IMAGES: Final = 40
QUICK_IMAGES: Final = 6
GONE: Final = 0.1  # of the least salient pixels, where perturbation is told as one number
BLANKS: Final[Mapping[str, Callable[[Tensor], Tensor]]] = {"grey": grey, "blurred": blurred}
DRAWN: Final = (
    FULLGRAD,
    "Simple FullGrad",
    "Smooth FullGrad",
    "gradient x input",
    "integrated gradients",
    "Grad-CAM",
    "Guided Grad-CAM",
    "centre",
    CHANCE,
)
CHANGE: Final = "of the logit"
SIGN_STAGES: Final = (("fc",), ("layers.2",), ("layers.1",), ("layers.0",), ("conv1", "bn1"))
NO_DATA: Final = f"needs {FILE} in SEXTANT_TEST_DATA: traffic signs cannot be downloaded here"


@dataclass(frozen=True, slots=True)
class Subject:
    """A network, pictures [N, C, H, W] for it, and layers by name: `stages` as for `cascade`, and Grad-CAM's layer."""

    network: nn.Module
    images: Tensor
    stages: Sequence[Sequence[str]]
    last_convolution: str


@dataclass(frozen=True, slots=True)
class Curves:
    """One method's curves of N images with one kind of blank."""

    deletion: Curve
    insertion: Curve

    def measures(self) -> dict[str, Values]:
        """One number an image, [N], of each measure."""
        changes = changes_by_the_least_salient(self.insertion.logits)
        return {
            "deletion": area(self.deletion.confidences),
            "insertion": area(self.insertion.confidences),
            "perturbation": changes[SHARES.index(GONE)],
        }


@dataclass(frozen=True, slots=True)
class Found:
    """Curves by kind of blank and by method, and what `correlations` found."""

    curves: Mapping[str, Mapping[str, Curves]]
    forgotten: Mapping[str, Values]


def curves_of(network: nn.Module, images: Tensor, blank: Tensor, order: Tensor, classes: Tensor) -> Curves:
    return Curves(
        _in_chunks(network, images, blank, order, classes), _in_chunks(network, blank, images, order, classes)
    )


def _in_chunks(network: nn.Module, *tensors: Tensor) -> Curve:
    chunks = zip(*(tensor.split(AT_ONCE) for tensor in tensors), strict=True)
    found = [curve(network, *chunk) for chunk in chunks]
    return Curve(
        logits=np.concatenate([one.logits for one in found], axis=1),
        confidences=np.concatenate([one.confidences for one in found], axis=1),
    )


def curves_by_method(
    network: nn.Module, images: Tensor, maps: Mapping[str, Tensor], classes: Tensor
) -> dict[str, dict[str, Curves]]:
    """By kind of blank, then by method."""
    lots = torch.Generator().manual_seed(SEED)
    orders = {name: places(each, generator=lots) for name, each in maps.items()}
    return {
        kind: {name: curves_of(network, images, of(images), order, classes) for name, order in orders.items()}
        for kind, of in BLANKS.items()
    }


def figures_of(name: str, found: Found) -> Iterator[tuple[str, Figure]]:
    for kind, by_method in found.curves.items():
        measured = {method: curves.measures() for method, curves in by_method.items()}
        for measure, unit in (("deletion", "area"), ("insertion", "area"), ("perturbation", CHANGE)):
            values = {method: of[measure] for method, of in measured.items()}
            note = f"{kind} blank, {len(values[FULLGRAD])} pictures, FullGrad's"
            yield f"{measure}_{kind}_{name}", _beside(values, unit, note)
        gained = mean_of(measured[CHANCE]["perturbation"] - measured[FULLGRAD]["perturbation"])
        note = f"on the same pictures: lower end of {gained.value:.3f} ± {gained.reach:.3f}"
        worse_end = Figure(gained.value - gained.reach, CHANGE, "> 0", note)
        yield f"perturbation_chance_less_fullgrad_{kind}_{name}", worse_end
    for label, stage in (("logits_forgotten", 0), ("all_forgotten", -1)):
        values = {method: each[stage] for method, each in found.forgotten.items()}
        note = f"rank correlation with the map before, {len(values[FULLGRAD])} pictures, FullGrad's"
        yield f"{label}_{name}", _beside(values, "rho", note)


def _beside(values: Mapping[str, Values], unit: str, note: str) -> Figure:
    """FullGrad's mean, and in the note that of each other method with its difference on the same images."""
    ours = mean_of(values[FULLGRAD])
    others = (_difference(name, each, values[FULLGRAD]) for name, each in values.items() if name != FULLGRAD)
    note = f"{note} ± {ours.reach:.3f}; others, and less FullGrad's: {'; '.join(others)}"
    return Figure(ours.value, unit, "none", note)


def _difference(name: str, theirs: Values, ours: Values) -> str:
    apart = mean_of(theirs - ours)
    return f"{name} {theirs.mean():.3f} ({apart.value:+.3f} ± {apart.reach:.3f})"


def correlations(subject: Subject, methods: Mapping[str, Method]) -> dict[str, Values]:
    """Rank correlation of each method's maps with its own of the whole network, by stage forgotten, [stages, N]."""
    network, images = subject.network, subject.images[:: max(1, len(subject.images) // RANDOMISED_IMAGES)]
    classes = classes_of(network, images)
    before = {name: drawn(method, network, images, classes) for name, method in methods.items()}
    found: dict[str, list[Values]] = {name: [] for name in methods}
    for forgetful in cascade(network, subject.stages, generator=torch.Generator().manual_seed(SEED)):
        for name, method in methods.items():
            found[name].append(rank_correlation(drawn(method, forgetful, images, classes), before[name]))
    return {name: np.stack(each) for name, each in found.items()}


def picture_of(found: Found) -> str:
    shown = {method: found.curves["grey"][method] for method in DRAWN}
    shares = [100 * share for share in SHARES]
    half = SHARES.index(0.5) + 1
    deletion = {method: one.deletion.confidences.mean(axis=1) for method, one in shown.items()}
    insertion = {method: one.insertion.confidences.mean(axis=1) for method, one in shown.items()}
    changes = {method: changes_by_the_least_salient(one.insertion.logits) for method, one in shown.items()}
    least = {method: each[:half].mean(axis=1) for method, each in changes.items()}
    alike = {method: np.concatenate(([1.0], found.forgotten[method].mean(axis=1))) for method in DRAWN}
    stages = range(len(alike[FULLGRAD]))
    return svg_of(
        [
            Chart("deletion: lower is better", "% of most salient pixels gone", shares, deletion),
            Chart("insertion: higher is better", "% of most salient pixels shown", shares, insertion),
            Chart("perturbation: lower is better", "% of least salient pixels gone", shares[:half], least),
            Chart("rank correlation with the map before", "stages forgotten, from the logits", stages, alike),
        ],
        description="Softmax, change of the logit and likeness of maps, by method, on digits",
    )


def classes_of(network: nn.Module, images: Tensor) -> Tensor:
    with torch.no_grad():
        return torch.cat([network(chunk).argmax(1) for chunk in images.split(AT_ONCE)])


def measure_quick() -> dict[str, Figure]:
    images = torch.rand(QUICK_IMAGES, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(SEED))
    torch.manual_seed(SEED)
    network = unsettled(SignNet()).requires_grad_(requires_grad=False)
    found = measured(Subject(network, images, SIGN_STAGES, "layers.2"), METHODS)
    return dict(figures_of("untrained", found))


def measure(picture: Path | None) -> tuple[dict[str, Figure], dict[str, str]]:
    of_digits = measured(*with_captum(digits()))
    if picture is not None:
        picture.write_text(picture_of(of_digits))
    figures = dict(figures_of("digits", of_digits))
    data = Path(os.environ.get("SEXTANT_TEST_DATA", ""))
    if not (data / FILE).exists():
        return figures, {"deletion_grey_signs": NO_DATA, "insertion_grey_signs": NO_DATA}
    return figures | dict(figures_of("signs", measured(*with_captum(signs(data))))), {}


def digits() -> Subject:
    network = DigitsNet()
    network.load_state_dict(load_file(PACKAGE_FOLDER / "model.safetensors"))
    images = load_digits_split().test.images
    stages = (("classifier",), ("block3",), ("block2",), ("block1",), ("stem",))
    return Subject(network.eval().requires_grad_(requires_grad=False), spread(images), stages, "block3")


def signs(data: Path) -> Subject:
    seen, unseen = seen_and_unseen(data)
    return Subject(trained(seen), spread(normalised(unseen.images)), SIGN_STAGES, "layers.2")


def spread(images: Tensor) -> Tensor:
    """IMAGES of them, from all over."""
    return images[:: max(1, len(images) // IMAGES)][:IMAGES]


def with_captum(subject: Subject) -> tuple[Subject, dict[str, Method]]:
    return subject, {**METHODS, **captum_methods(subject.last_convolution)}


def measured(subject: Subject, methods: Mapping[str, Method]) -> Found:
    classes = classes_of(subject.network, subject.images)
    maps = {name: drawn(method, subject.network, subject.images, classes) for name, method in methods.items()}
    curves = curves_by_method(subject.network, subject.images, maps, classes)
    return Found(curves, correlations(subject, methods))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="an untrained network on noise: that everything runs")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--picture", type=Path, help="SVG file to draw the curves of digits in, not with --quick")
    options = parser.parse_args()
    reason = "needs trained networks, and Captum: run it without --quick"
    left_out = dict.fromkeys((f"deletion_grey_{name}" for name in ("digits", "signs")), reason)
    figures, missing = (measure_quick(), left_out) if options.quick else measure(options.picture)
    publish("saliency_curves", figures, missing, options.json)


if __name__ == "__main__":
    main()
