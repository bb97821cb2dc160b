"""Whether a compiled network answers as the network does.

What lives here: two measures, and their limits. What does not: compiling, and which examples there are (choosing).
"""

from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor

from monitor_jobs.contract.errors import ModelUnsuitable

SAME_SHARE: Final = 0.999
PROBABILITY_LIMIT: Final = 0.02
FLOAT32_LIMIT: Final = 1e-4  # of the largest number of all answers


@dataclass(frozen=True, slots=True)
class Parity:
    """How far two answers [N, ...] to the same examples are apart.

    `same_class` is the share of rows with the same largest number, `probability` the largest difference of a softmax
    along the last axis, `relative` the largest difference as a share of the largest number of the reference.
    """

    same_class: float
    probability: float
    relative: float

    def __str__(self) -> str:
        return (
            f"{self.same_class:.2%} same classes, probabilities up to {self.probability:.2g} and numbers up to "
            f"{self.relative:.2g} of the largest apart"
        )


def parity(reference: Tensor, found: Tensor) -> Parity:
    """How far the answers are apart; nothing is like NaN. Raises ModelUnsuitable where they differ in shape or kind.

    Checked in tests/unit/test_parity.py.
    """
    if reference.shape != found.shape or not (reference.is_floating_point() and found.is_floating_point()):
        raise ModelUnsuitable(
            f"compiled, the network answers {found.dtype} {list(found.shape)} "
            f"in place of {reference.dtype} {list(reference.shape)}"
        )
    if not (reference.isfinite().all() and found.isfinite().all()):
        raise ModelUnsuitable("the network answers the examples with NaN or infinity: nothing can be compared")
    ours, theirs = (answer.double().reshape(len(answer), -1, answer.shape[-1]) for answer in (reference, found))
    return Parity(
        same_class=float((ours.argmax(-1) == theirs.argmax(-1)).double().mean()),
        probability=float((ours.softmax(-1) - theirs.softmax(-1)).abs().max()),
        relative=float((ours - theirs).abs().max() / ours.abs().max().clamp_min(torch.finfo(torch.float64).tiny)),
    )


def require_float32(measured: Parity) -> None:
    """Raise ModelUnsuitable unless the answers differ by rounding alone."""
    if measured.relative > FLOAT32_LIMIT:
        raise ModelUnsuitable(f"compiled, the network answers otherwise: {measured}, {FLOAT32_LIMIT:g} is allowed")


def require_classes(measured: Parity) -> None:
    """Raise ModelUnsuitable unless at least 99.9 % of the classes are the same, and probabilities within 0.02."""
    if measured.same_class < SAME_SHARE or measured.probability > PROBABILITY_LIMIT:
        raise ModelUnsuitable(
            f"compiled, the network answers otherwise: {measured}; {SAME_SHARE:.1%} and {PROBABILITY_LIMIT:g} are asked"
        )


def require_one_tensor(answers: int) -> None:
    """Return where a program answers with so many tensors as a network's place takes. Raises ModelUnsuitable."""
    if answers != 1:
        raise ModelUnsuitable(f"the network answers with {answers} tensors: compiled it can with one")
