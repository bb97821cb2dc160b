"""A second model package for end-to-end tests: six road signs, 64x64 in colour, drawn and learned in a few seconds.

What lives here: the drawings, the training and the archive. What does not: the package's code (signs_package), which,
unlike the demo's, has a transform_fn that answers with a nested list of classes.
"""

import functools
import io
import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from PIL import Image, ImageDraw
from torch.nn.functional import cross_entropy

from monitor_jobs.model_archive import pack
from tests.e2e.packages.signs_package.code.signs_net import SignsNet

SIDE = 64
CODE_FOLDER = Path(__file__).parent / "signs_package" / "code"
RED, WHITE, YELLOW, BLUE, ROUND = (190, 25, 35), (235, 235, 235), (240, 190, 30), (25, 70, 170), 48


@dataclass(frozen=True)
class Sign:
    """One kind of road sign: a regular polygon with a rim."""

    name: str
    sides: int
    turn_degrees: int
    rim: tuple[int, int, int]
    face: tuple[int, int, int]


SIGNS = (
    Sign("stop", 8, 0, WHITE, RED),
    Sign("give way", 3, 180, RED, WHITE),
    Sign("speed limit", ROUND, 0, RED, WHITE),
    Sign("priority", 4, 45, WHITE, YELLOW),
    Sign("parking", 4, 0, WHITE, BLUE),
    Sign("roundabout", ROUND, 0, WHITE, BLUE),
)
CLASSES = tuple(sign.name for sign in SIGNS)


@dataclass(frozen=True)
class Photograph:
    """One drawn sign: pixels [64, 64, 3] uint8, and the number of its class in CLASSES."""

    pixels: np.ndarray
    label: int

    def png(self) -> bytes:
        return self._encoded("PNG")

    def jpeg(self) -> bytes:
        return self._encoded("JPEG")

    def _encoded(self, image_format: str) -> bytes:
        buffer = io.BytesIO()
        Image.fromarray(self.pixels).save(buffer, image_format)
        return buffer.getvalue()


def draw_photographs(count: int, *, seed: int) -> list[Photograph]:
    """Photographs of all classes in turn; the same for the same seed."""
    generator = np.random.default_rng(seed)
    return [Photograph(_drawn(SIGNS[i % len(SIGNS)], generator), i % len(SIGNS)) for i in range(count)]


def npy(photographs: list[Photograph]) -> bytes:
    """The photographs as one array [N, 64, 64, 3] uint8 in npy format."""
    buffer = io.BytesIO()
    np.save(buffer, np.stack([photograph.pixels for photograph in photographs]))
    return buffer.getvalue()


def write_package(archive: Path) -> Path:
    """Write the signs package to `archive` and return that path; the first call of a process trains the network."""
    with TemporaryDirectory() as folder:
        _write_code(Path(folder, "code"))
        _write_weights(Path(folder, "model"))
        pack(Path(folder), archive)
    return archive


def write_parts(folder: Path) -> None:
    """Write the package as the SageMaker SDK takes it: `model.tar.gz` with weights only, and the folder `code`."""
    _write_code(folder / "code")
    with TemporaryDirectory() as weights:
        _write_weights(Path(weights, "model"))
        pack(Path(weights), folder / "model.tar.gz")


@functools.cache
def trained() -> SignsNet:
    """The network after some seconds of training on 600 drawn signs."""
    photographs = draw_photographs(600, seed=0)
    labels = torch.tensor([photograph.label for photograph in photographs])
    images = torch.tensor(np.stack([photograph.pixels for photograph in photographs])).permute(0, 3, 1, 2) / 255
    with torch.random.fork_rng(), _one_thread():
        torch.manual_seed(0)
        return _fitted(SignsNet(len(SIGNS)), images, labels)


def _write_code(folder: Path) -> None:
    shutil.copytree(CODE_FOLDER, folder, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "model_card.json").write_text(json.dumps({"name": "signs", "classes": CLASSES}))


def _write_weights(folder: Path) -> None:
    folder.mkdir()
    torch.save(trained().state_dict(), folder / "model.pt")


def _fitted(model: SignsNet, images: torch.Tensor, labels: torch.Tensor) -> SignsNet:
    optimiser = torch.optim.AdamW(model.parameters(), lr=0.003)
    for _ in range(16):
        for rows in torch.randperm(len(labels)).split(50):
            optimiser.zero_grad()
            cross_entropy(model(images[rows]), labels[rows]).backward()
            optimiser.step()
    return model.eval()


@contextmanager
def _one_thread() -> Iterator[None]:
    # Layers this small gain nothing from a second thread, and wait for it where the machine is busy.
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _drawn(sign: Sign, generator: np.random.Generator) -> np.ndarray:
    """The sign somewhere near the middle, near or far, a little turned, before a grainy background."""
    grain = generator.normal(generator.uniform(50, 200, size=3), 15, size=(SIDE, SIDE, 3))
    picture = Image.fromarray(grain.clip(0, 255).astype(np.uint8))
    x, y = generator.uniform(26, 38, size=2)
    radius, turn = generator.uniform(16, 24), sign.turn_degrees + generator.uniform(-8, 8)
    draw = ImageDraw.Draw(picture)
    draw.regular_polygon((x, y, radius), sign.sides, rotation=turn, fill=sign.rim)
    draw.regular_polygon((x, y, 0.75 * radius), sign.sides, rotation=turn, fill=sign.face)
    return np.asarray(picture)
