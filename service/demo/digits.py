"""The handwritten digits that scikit-learn ships: 1,797 scans of 8x8 pixels, enlarged and split once and for all.

What lives here: the data. What does not: the network, its training and its attack.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from sklearn.datasets import load_digits
from torch.nn.functional import interpolate

SIDE = 32
INK_LEVELS = 16  # a pixel counts the inked dots, 0 to 16, of a 4x4 cell
TEST_SCANS_PER_CLASS = 40
SPLIT_SEED = 2020


@dataclass(frozen=True, slots=True)
class Scans:
    """Scans with their true digit: images [N, 1, 32, 32] float32 in [0, 1], ink bright; labels [N] int64, 0 to 9."""

    images: torch.Tensor
    labels: torch.Tensor


@dataclass(frozen=True, slots=True)
class DigitsSplit:
    """1,397 scans to learn from and 400 that training never sees, 40 of each digit, in shuffled order."""

    train: Scans
    test: Scans


def load_digits_split() -> DigitsSplit:
    """The same split on every machine: 1,397 scans for training, 400 (40 per digit) for testing; no scan is in both.

    The scans come from 13 writers whose names were not kept, so a writer may be in both halves.
    """
    digits = load_digits()
    rows = torch.from_numpy(digits.images.astype(np.float32))[:, None] / INK_LEVELS
    images = interpolate(rows, size=(SIDE, SIDE), mode="bilinear", align_corners=False)
    train, test = split_stratified(digits.target, per_class=TEST_SCANS_PER_CLASS, seed=SPLIT_SEED)
    labels = torch.from_numpy(digits.target.astype(np.int64))
    return DigitsSplit(train=Scans(images[train], labels[train]), test=Scans(images[test], labels[test]))


def split_stratified(
    labels: npt.NDArray[np.integer], *, per_class: int, seed: int
) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Shuffled positions (train, test) that cover every label once; test holds `per_class` of each class."""
    generator = np.random.default_rng(seed)
    order = generator.permutation(len(labels))
    test = np.concatenate([order[labels[order] == digit][:per_class] for digit in np.unique(labels)])
    return np.setdiff1d(order, test, assume_unique=True), generator.permutation(test)
