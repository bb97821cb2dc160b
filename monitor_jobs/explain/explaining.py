"""One request's inputs to explanations and maps.

What lives here: what an explanation says. What does not: parts and maps (saliency), pictures (pictures), files (job).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from monitor_jobs.contract.explanation import INPUT_PART, ClassScore
from monitor_jobs.contract.map_kind import MapKind
from monitor_jobs.contract.model_package import ModelCard
from monitor_jobs.saliency.decomposing import decompose
from monitor_jobs.saliency.maps import blog, gradcam, idiap
from monitor_jobs.saliency.signals import outside_centre
from monitor_jobs.saliency.terms import EXACT_ERROR, Decomposition, completeness_errors

AT_ONCE: Final = 16  # gradients of a large network's every layer are held meanwhile
DRAWN: Final[dict[MapKind, Callable[[Decomposition], Tensor]]] = {
    MapKind.IDIAP: idiap,
    MapKind.GRADCAM: gradcam,
    MapKind.BLOG: blog,
}


@dataclass(frozen=True, slots=True, eq=False)
class Explained:
    """One input, its map [H, W] float32, and what they say; see contract.explanation for the words."""

    image: NDArray[np.float32]
    saliency: NDArray[np.float32]
    map_kind: MapKind
    predicted: ClassScore
    runner_up: ClassScore | None
    completeness_error: float
    outside_centre: float
    parts: dict[str, float]

    @property
    def exact(self) -> bool:
        """Whether the parts sum to the logit; NaN is not exact."""
        return self.completeness_error <= EXACT_ERROR


def explained(network: nn.Module, inputs: Tensor, kind: MapKind, card: ModelCard) -> Iterator[Explained]:
    """Each input's explanation, of the class that the network predicts. Raises ModelUnsuitable as `decompose`."""
    for chunk in torch.split(inputs, AT_ONCE):
        decomposition = decompose(network, chunk)
        yield from _each(decomposition, chunk, kind, card)


def _each(decomposition: Decomposition, inputs: Tensor, kind: MapKind, card: ModelCard) -> Iterator[Explained]:
    maps, part_sums = DRAWN[kind](decomposition), decomposition.part_sums()
    errors = completeness_errors(decomposition.logits, part_sums)
    outside = outside_centre(maps)
    names = [INPUT_PART, *(term.layer for term in decomposition.layers)]
    ranked = decomposition.scores.sort(dim=1, descending=True).indices
    for position in range(len(inputs)):
        scores = decomposition.scores[position]
        yield Explained(
            image=inputs[position].cpu().numpy(),
            saliency=maps[position].cpu().numpy(),
            map_kind=kind,
            predicted=_score(scores, int(decomposition.targets[position]), card),
            runner_up=_score(scores, int(ranked[position, 1]), card) if len(scores) > 1 else None,
            completeness_error=float(errors[position]),
            outside_centre=float(outside[position]),
            parts=dict(zip(names, part_sums[position].tolist(), strict=True)),
        )


def _score(scores: Tensor, index: int, card: ModelCard) -> ClassScore:
    return ClassScore(
        index=index,
        name=card.class_name(index),
        logit=float(scores[index]),
        probability=float(scores.double().softmax(0)[index]),
    )
