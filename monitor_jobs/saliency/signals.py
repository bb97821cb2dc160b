"""What a network makes of an input in a few numbers, for comparing many inputs with many others.

What lives here: the numbers. What does not: what is usual of them (adversarial), whether a window differs from another
(monitor_jobs.saliency_drift).
"""

import math
from typing import Final, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, pad

from monitor_jobs.contract.errors import ModelUnsuitable
from monitor_jobs.saliency.decomposing import decompose
from monitor_jobs.saliency.maps import idiap
from monitor_jobs.saliency.terms import Decomposition

CENTRE_RADIUS: Final = 0.4  # of a map's sides
SIGNALS: Final = (
    "margin",
    "confidence",
    "log_input_gradient",
    "log_bias_attribution",
    "log_bias_to_input",
    "outside_centre",
    "map_entropy",
    "margin_change_smoothed",
    "energy_change_smoothed",
)


class Signals(NamedTuple):
    """The SIGNALS of N inputs, [N, 9] float64, and the completeness errors of their maps, [N] float64."""

    values: Tensor
    errors: Tensor


def signals_of(network: nn.Module, inputs: Tensor) -> Signals:
    """The SIGNALS of inputs [N, C, H, W], of the class that the network predicts: two answers, and one way back.

    Raises BadInput and ModelUnsuitable as `decompose`. With f the predicted class's logit, its magnitude taken out of
    what grows with it:
    margin               f less the largest other logit
    confidence           the class's share of the softmax, 0..1
    log_input_gradient   log(||gradient at the input|| / |f|)
    log_bias_attribution log(sum |bias x gradient| / |f|)
    log_bias_to_input    log(sum |bias x gradient| / sum |input x gradient|)
    outside_centre, map_entropy  of the map as its authors draw it, as the functions below
    margin_change_smoothed, energy_change_smoothed  what `smoothed` does to the margin of that class, and to the log of
        the sum of all exponentiated logits: squeezing as of Xu, Evans & Qi, NDSS 2018, energy as of Liu et al. 2020
    A network that answers NaN has NaN signals; one that has no gradient, the log of the smallest number.
    Checked in tests/unit/test_saliency_signals.py.
    """
    parts = decompose(network, inputs)
    if parts.scores.shape[1] < 2:
        raise ModelUnsuitable("the network answers with one logit: a margin takes two classes")
    with torch.no_grad():
        again = network(smoothed(inputs))
    before, after = parts.scores.double(), again.double()
    margin = _margins(before, parts.targets)
    changes = (_margins(after, parts.targets) - margin, after.logsumexp(1) - before.logsumexp(1))
    confidence = before.softmax(1).gather(1, parts.targets[:, None])[:, 0]
    columns = (margin, confidence, *_of_parts(parts), *_of_maps(idiap(parts)), *changes)
    return Signals(torch.stack(columns, dim=1), parts.errors())


def smoothed(inputs: Tensor) -> Tensor:
    """Inputs [N, C, H, W], each value the mean of the three by three around it; those at the rim go on beyond it."""
    return avg_pool2d(pad(inputs, (1, 1, 1, 1), mode="replicate"), 3, stride=1)


def outside_centre(maps: Tensor) -> Tensor:
    """The share of each map's mass beyond CENTRE_RADIUS of its sides from its middle, [N] float64; 0 where it has none.

    The mask of AWS's sample, `plot_saliency_map`.
    """
    height, width = maps.shape[1:]
    rows = (torch.arange(height) + 0.5) / height - 0.5
    columns = (torch.arange(width) + 0.5) / width - 0.5
    outside = torch.hypot(rows[:, None], columns[None, :]) > CENTRE_RADIUS
    return _shares(maps)[:, outside.to(maps.device)].sum(1)


def map_entropy(maps: Tensor) -> Tensor:
    """How widely each map's mass is spread, [N] float64: its entropy over that of an even map, 0..1."""
    shares = _shares(maps).flatten(1)
    places = shares.shape[1]
    spread = -torch.special.xlogy(shares, shares).sum(1)
    return torch.divide(spread, math.log(max(places, 2)))


def _margins(scores: Tensor, classes: Tensor) -> Tensor:
    of_class = scores.gather(1, classes[:, None])[:, 0]
    return of_class - scores.scatter(1, classes[:, None], -torch.inf).amax(1)


def _of_parts(parts: Decomposition) -> tuple[Tensor, ...]:
    magnitude = parts.logits.double().abs()
    of_input, of_biases = _mass(parts.input_term), _bias_mass(parts)
    gradient = parts.input_gradient.double().flatten(1).norm(dim=1)
    return _log_ratio(gradient, magnitude), _log_ratio(of_biases, magnitude), _log_ratio(of_biases, of_input)


def _of_maps(maps: Tensor) -> tuple[Tensor, ...]:
    return outside_centre(maps), map_entropy(maps)


def _shares(maps: Tensor) -> Tensor:
    mass = maps.double()
    total = mass.sum((1, 2), keepdim=True)
    return torch.where(total == 0, mass, mass / total)


def _bias_mass(parts: Decomposition) -> Tensor:
    masses = [_mass(term.product()) for term in parts.layers]
    return torch.stack(masses).sum(0) if masses else torch.zeros_like(parts.logits, dtype=torch.float64)


def _mass(values: Tensor) -> Tensor:
    return values.abs().flatten(1).sum(1, dtype=torch.float64)


def _log_ratio(value: Tensor, reference: Tensor) -> Tensor:
    tiny = torch.finfo(torch.float64).tiny
    return value.clamp_min(tiny).log() - reference.clamp_min(tiny).log()
