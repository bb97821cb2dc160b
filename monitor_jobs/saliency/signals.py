"""What an input's decomposition says in a few numbers, for comparing many inputs with many others.

What lives here: the numbers. What does not: what is usual of them (adversarial), whether a window differs from another
(monitor_jobs.saliency_drift).
"""

import math
from typing import Final

import torch
from torch import Tensor

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
)


def signals_of(parts: Decomposition, maps: Tensor) -> Tensor:
    """The SIGNALS of each input, [N, 7] float64, of its decomposition and its map [N, H, W] >= 0.

    With f the logit that is taken apart and magnitudes per logit, so that a network's scale has no part in them:
    margin               f less the largest other logit; 0 or less where another class was predicted
    confidence           the class's share of the softmax, 0..1
    log_input_gradient   log(||gradient at the input|| / |f|)
    log_bias_attribution log(sum |bias x gradient| / |f|)
    log_bias_to_input    log(sum |bias x gradient| / sum |input x gradient|)
    outside_centre       as `outside_centre`
    map_entropy          as `map_entropy`
    A network that answers NaN has NaN signals; one that has no gradient, the log of the smallest number.
    Checked in tests/unit/test_saliency_signals.py.
    """
    scores = parts.scores.double()
    chosen = parts.logits.double()
    others = scores.scatter(1, parts.targets[:, None], -torch.inf).amax(1)
    magnitude = chosen.abs()
    of_input, of_biases = _mass(parts.input_term), _bias_mass(parts)
    return torch.stack(
        [
            chosen - others,
            scores.softmax(1).gather(1, parts.targets[:, None])[:, 0],
            _log_ratio(parts.input_gradient.double().flatten(1).norm(dim=1), magnitude),
            _log_ratio(of_biases, magnitude),
            _log_ratio(of_biases, of_input),
            outside_centre(maps),
            map_entropy(maps),
        ],
        dim=1,
    )


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
