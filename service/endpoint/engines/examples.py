"""What an engine is called with before it answers anybody.

What lives here: inputs drawn from a model card, and those that a package brings along. What does not: how near the
answers have to come (parity).
"""

from pathlib import Path
from typing import Final

import torch
from torch import Tensor

from monitor_jobs.contract.errors import BadInput, ModelUnsuitable
from monitor_jobs.contract.model_package import CODE_FOLDER, ModelCard
from monitor_jobs.npy import decode_npy

USUAL_FILE: Final = f"{CODE_FOLDER}/baseline.npy"  # [N, *the card's input shape], what the model is used to


def drawn(card: ModelCard, size: int) -> Tensor:
    """Examples as the card describes them: normal numbers, whose rounding shows as that of any others.

    Raises ModelUnsuitable where the card does not say what the network is called with.
    """
    if card.input is None or card.input.dtype not in ("float32", "float64"):
        raise ModelUnsuitable(f"{CODE_FOLDER}/model_card.json gives no input shape of floats: what is it called with?")
    generator = torch.Generator().manual_seed(size)
    return torch.randn(size, *card.input.shape, generator=generator, dtype=getattr(torch, card.input.dtype))


def usual(folder: Path, card: ModelCard) -> Tensor:
    """The inputs that an unpacked package calls usual. Raises ModelUnsuitable where it has none that fit its card."""
    path, one = folder / USUAL_FILE, drawn(card, 1)
    if not path.is_file():
        raise ModelUnsuitable(f"the package has no {USUAL_FILE}: give it at least 1,000 inputs that are usual")
    try:
        examples = torch.from_numpy(decode_npy(path.read_bytes())).to(one.dtype)
    except (BadInput, TypeError) as error:
        raise ModelUnsuitable(f"{USUAL_FILE} cannot be read: {error}") from error
    if examples.shape[1:] != one.shape[1:] or not len(examples):
        raise ModelUnsuitable(f"{USUAL_FILE} holds {list(examples.shape)}: [N, {list(one.shape[1:])}] is meant")
    return examples
