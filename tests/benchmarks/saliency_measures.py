"""How faithful maps are to the network that they explain: what its answer does as pixels go in the order of a map.

What lives here: measures, of maps, pictures and a network as tensors. What does not: methods that draw maps
(saliency_methods), which networks and pictures are measured (saliency_curves).
"""

import copy
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.stats import rankdata
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, pad

from monitor_jobs.contract.errors import BadInput

# finer at both ends, where curves bend
SHARES: Final = (0.0, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 1.0)
NORMAL_95: Final = 1.96
BLUR: Final = 7  # pixels of a mean's side
Values = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Curve:
    """What a network answers with so many of a picture's pixels exchanged, at each of SHARES.

    `logits` of the class that is asked about, `confidences` its share of the softmax, [S, N] float64 both.
    """

    logits: Values
    confidences: Values


@dataclass(frozen=True, slots=True)
class Mean:
    """The mean of N values, and half the width of its 95 % interval by the normal distribution; NaN of one value."""

    value: float
    reach: float


def mean_of(values: Values) -> Mean:
    """Of one value an image, [N]."""
    reach = NORMAL_95 * float(values.std(ddof=1)) / math.sqrt(len(values)) if len(values) > 1 else math.nan
    return Mean(float(values.mean()), reach)


def places(maps: Tensor, *, generator: torch.Generator) -> Tensor:
    """Each pixel's place in the order of its map [N, H, W], from 0, the most salient; equal ones are ordered by lot.

    In reading order instead, a map that is 0 in most places would look as if it had chosen the picture's first rows.
    Raises BadInput where a map is not finite.
    """
    flat = maps.flatten(1)
    if not (finite := flat.isfinite().all(1)).all():
        raise BadInput(f"map {int(finite.int().argmin())} of {len(maps)} is not finite: NaN has no place in an order")
    lot = torch.randperm(flat.shape[1], generator=generator)
    order = lot[flat[:, lot].argsort(dim=1, descending=True, stable=True)]
    return order.argsort(dim=1).view(maps.shape)


def exchanged(images: Tensor, others: Tensor, places: Tensor, share: float) -> Tensor:
    """Images [N, C, H, W], this share of whose pixels, the most salient, are as in the others."""
    chosen = places < round(share * places[0].numel())
    return torch.where(chosen[:, None], others, images)


def curve(network: nn.Module, images: Tensor, others: Tensor, places: Tensor, classes: Tensor) -> Curve:
    """What the network answers about classes [N] as ever more of images is exchanged for the same place of others.

    With the others blank it is the deletion curve of RISE, from blank to images its insertion curve (Petsiuk, Das &
    Saenko, BMVC 2018). Checked in tests/papers/test_saliency_faithfulness.py.
    """
    with torch.no_grad():
        scores = torch.stack([network(exchanged(images, others, places, share)) for share in SHARES]).double()
    of_class = classes.expand(len(SHARES), -1)[..., None]
    logits, confidences = (values.gather(2, of_class)[..., 0] for values in (scores, scores.softmax(2)))
    return Curve(logits.numpy(), confidences.numpy())


def area(confidences: Values) -> Values:
    """The area below each curve [S, N] over SHARES, [N], by trapezoids."""
    return np.asarray(np.trapezoid(confidences, SHARES, axis=0))


def changes_by_the_least_salient(inserted: Values) -> Values:
    """|f - f'| / |f| where 0 % to 100 % of the least salient pixels are gone, [S, N], of logits of an insertion [S, N].

    The pixel perturbation of Srinivas & Fleuret, NeurIPS 2019: what an insertion shows last is taken away first here.
    f is the logit of the whole picture. Less is better. Checked in tests/papers/test_saliency_faithfulness.py.
    """
    whole = inserted[-1]
    return (np.abs(inserted - whole) / np.abs(whole))[::-1]


def rank_correlation(maps: Tensor, others: Tensor) -> Values:
    """Spearman's correlation of each map [N, H, W] with the other one of the same picture, [N]; 0 where one is even."""
    ranks = [rankdata(each.flatten(1).numpy(), axis=1) for each in (maps, others)]
    one, other = (each - each.mean(axis=1, keepdims=True) for each in ranks)
    scale = np.linalg.norm(one, axis=1) * np.linalg.norm(other, axis=1)
    return np.divide((one * other).sum(axis=1), scale, out=np.zeros(len(scale)), where=scale > 0)


def cascade(network: nn.Module, stages: Sequence[Sequence[str]], *, generator: torch.Generator) -> Iterator[nn.Module]:
    """Copies of a network in which first one stage of layers, then one more at a time, has lost what it learnt.

    Stages are names of layers, from the logits down. The cascading randomisation of Adebayo et al., Sanity checks for
    saliency maps, NeurIPS 2018, with a departure: each tensor is shuffled where they draw it anew, so that answers keep
    their scale and statistics of normalisations stay positive. Checked in tests/papers/test_saliency_faithfulness.py.
    """
    forgetful = network
    for stage in stages:
        forgetful = copy.deepcopy(forgetful)
        for name in stage:
            _shuffle(forgetful.get_submodule(name), generator)
        yield forgetful


def _shuffle(module: nn.Module, generator: torch.Generator) -> None:
    tensors: list[Any] = [value for value in module.state_dict().values() if value.is_floating_point()]
    for tensor in tensors:
        tensor.copy_(tensor.flatten()[torch.randperm(tensor.numel(), generator=generator)].view(tensor.shape))


def grey(images: Tensor) -> Tensor:
    """Blank pictures of colour 0: the mean, of pictures that are normalised."""
    return torch.zeros_like(images)


def blurred(images: Tensor) -> Tensor:
    """The pictures with nothing left but where it was light and where dark; three means are nearly a Gaussian."""
    for _ in range(3):
        images = avg_pool2d(pad(images, [BLUR // 2] * 4, mode="replicate"), BLUR, stride=1)
    return images
