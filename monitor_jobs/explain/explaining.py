"""One request's inputs to explanations and maps.

What lives here: what an explanation says. What does not: parts and maps (saliency), pictures (pictures), files (job).
"""

from collections.abc import Callable, Iterator, Sequence
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
from monitor_jobs.saliency.reduced import Reduced, idiap_of
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
    """One input, its map [H, W] float32, and what they say; see contract.explanation for the words.

    The input [C, H, W] is None where it was not kept.
    """

    image: NDArray[np.float32] | None
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
        yield from explained_parts(decompose(network, chunk), chunk, kind, card)


def explained_parts(
    decomposition: Decomposition, inputs: Tensor, kind: MapKind, card: ModelCard
) -> Iterator[Explained]:
    """Each input's explanation from the parts of its logit."""
    names = [INPUT_PART, *(term.layer for term in decomposition.layers)]
    said = _Said(decomposition.scores, decomposition.targets, decomposition.logits, decomposition.part_sums(), names)
    images = [image.cpu().numpy() for image in inputs]
    return _each(said, images, DRAWN[kind](decomposition), kind, card)


def explained_reduced(reduced: Reduced, scores: Tensor, card: ModelCard) -> Iterator[Explained]:
    """Each input's explanation from what is left of the parts of its logit; `scores` [N, classes] are all logits."""
    said = _Said(scores, reduced.targets, reduced.logits, reduced.sums, [INPUT_PART, *reduced.layers])
    return _each(said, [None] * len(scores), idiap_of(reduced), MapKind.IDIAP, card)


@dataclass(frozen=True, slots=True, eq=False)
class _Said:
    """Of N inputs: every logit, the class explained and its own logit, the sums of its parts and their names."""

    scores: Tensor
    targets: Tensor
    logits: Tensor
    part_sums: Tensor
    names: list[str]


def _each(
    said: _Said, images: Sequence[NDArray[np.float32] | None], maps: Tensor, kind: MapKind, card: ModelCard
) -> Iterator[Explained]:
    errors, outside = completeness_errors(said.logits, said.part_sums), outside_centre(maps)
    ranked = said.scores.sort(dim=1, descending=True).indices
    for position, image in enumerate(images):
        scores = said.scores[position]
        yield Explained(
            image=image,
            saliency=maps[position].cpu().numpy(),
            map_kind=kind,
            predicted=_score(scores, int(said.targets[position]), card),
            runner_up=_score(scores, int(ranked[position, 1]), card) if len(scores) > 1 else None,
            completeness_error=float(errors[position]),
            outside_centre=float(outside[position]),
            parts=dict(zip(said.names, said.part_sums[position].tolist(), strict=True)),
        )


def _score(scores: Tensor, index: int, card: ModelCard) -> ClassScore:
    return ClassScore(
        index=index,
        name=card.class_name(index),
        logit=float(scores[index]),
        probability=float(scores.double().softmax(0)[index]),
    )
