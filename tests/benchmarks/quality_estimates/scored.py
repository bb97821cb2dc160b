"""Held-out images of both data sets, scored as they are and damaged; cached under .bench, for the scores take a minute.

What lives here: which images are trained on, which are held out, and their scores. What does not: windows (windows).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from tests.benchmarks.figures import BENCH_FOLDER, SEED
from tests.benchmarks.quality_estimates.classifiers import Classifier, lenet, scores_of, sign_network, train
from tests.benchmarks.quality_estimates.corruptions import CORRUPTIONS, SEVERITIES

CACHE = BENCH_FOLDER / "quality_estimates"
VERSION = 1  # of corruptions, networks and split together: another one makes the cache anew
TRAINED_SHARE = 0.4
AS_THEY_ARE = "as they are"


@dataclass(frozen=True, slots=True, eq=False)
class Scored:
    """One data set: labels [n], the group that each image belongs to [n], logits [n, k] by what was done to images.

    Images of one group are much alike, such as the frames in which one sign was passed.
    """

    name: str
    labels: np.ndarray
    groups: np.ndarray
    logits: dict[str, np.ndarray]


def digits(data: Path) -> Scored:
    """The test images of MNIST; the LeNet was trained on others."""
    with np.load(data / "mnist.npz") as file:
        images, labels = file["x_test"], file["y_test"].astype(np.int64)

    def scores() -> Iterator[tuple[str, np.ndarray]]:
        yield from _damaged_scores(lenet(data / "lenet5_mnist.npz"), images)

    return _cached("digits", labels, np.arange(len(labels)), scores)


def signs(data: Path) -> Scored:
    """The traffic signs of the tracks that the network was not trained on; trains it where it is not cached."""
    with np.load(data / "gtsrb_train_stride3.npz") as file:
        images, labels = file["x"], file["y"].astype(np.int64)
        tracks = labels * 10_000 + file["track"]  # tracks are numbered in each class
    trained = np.isin(tracks, _tracks_to_train(tracks, labels))

    def scores() -> Iterator[tuple[str, np.ndarray]]:
        torch.manual_seed(SEED)
        network = sign_network()
        train(network, images[trained], labels[trained], seed=SEED)
        yield from _damaged_scores(network, images[~trained])

    return _cached("signs", labels[~trained], tracks[~trained], scores)


def is_cached(name: str) -> bool:
    return _cache_file(name).exists()


def damage(kind: str, severity: int) -> str:
    return f"{kind} {severity}"


def _tracks_to_train(tracks: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """A share of the tracks of each class."""
    generator = np.random.default_rng(SEED)
    of_class = [generator.permutation(np.unique(tracks[labels == label])) for label in np.unique(labels)]
    return np.concatenate([each[: round(TRAINED_SHARE * len(each))] for each in of_class])


def _damaged_scores(classifier: Classifier, images: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    generator = np.random.default_rng(SEED)
    yield AS_THEY_ARE, scores_of(classifier, images)
    for kind, corrupt in CORRUPTIONS.items():
        for severity in range(SEVERITIES):
            yield damage(kind, severity), scores_of(classifier, corrupt(images, severity, generator))


def _cached(
    name: str, labels: np.ndarray, groups: np.ndarray, scores: Callable[[], Iterator[tuple[str, np.ndarray]]]
) -> Scored:
    path = _cache_file(name)
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_suffix(".part.npz")
        np.savez(unfinished, **dict(scores()))
        unfinished.rename(path)
    with np.load(path) as file:
        return Scored(name, labels, groups, {kind: file[kind] for kind in file.files})


def _cache_file(name: str) -> Path:
    return CACHE / f"{name}-{VERSION}.npz"
