"""What kept tensors cost: bytes in the store for a request, and time of requests whose tensors are kept.

What lives here: one network behind a hook. What does not: maps and their speed (saliency).
"""

import copy
import json
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from monitor_jobs.contract.debug_hook import debug_hook_of
from monitor_jobs.contract.model_package import ModelCard
from monitor_jobs.model_functions.functions import ServedModel
from monitor_jobs.object_store import S3Address
from monitor_jobs.object_store.folder import FolderStore
from service.core.deployment import Exchange
from service.endpoint.ports import NoCapture
from service.endpoint.process import SWITCH_SECONDS
from service.endpoint.tensor_hook.sink import TensorHook
from tests.benchmarks.figures import Figure, median_at_most
from tests.kept_tensors import OUTPUT, keeping_spec

# as AWS's sample asks for them: normalisations, biases, what is given and answered, and gradients there
SAMPLE_REGEX: Final = ".*bn|.*bias|.*downsample|.*ResNet_input|.*image|.*fc_output"
KINDS: Final = {
    "replay": {"kind": "replay"},
    "reduced": {"kind": "reduced"},
    "raw": {"kind": "raw", "include_regex": SAMPLE_REGEX},
}
SIZED: Final = 20
BLOCK: Final = 40  # requests one after another, before the other side has its turn
IDLE_SECONDS: Final = 60.0
PAUSE_SECONDS: Final = 0.02


class Hooked:
    """A model that answers one picture, and a hook that keeps what it is asked to; both as in an endpoint."""

    def __init__(self, network: nn.Module, image: Tensor, folder: Path, kind: str) -> None:
        hook = debug_hook_of(
            {"tensors_output": OUTPUT, "SEXTANT_DEBUG_HOOK": json.dumps({"HookParameters": KINDS[kind]})}
        )
        assert hook is not None

        def transform(model: nn.Module, _data: object, _type: str, _accept: str) -> Tensor:
            with torch.inference_mode():
                return model(self.image)

        self.image = image
        self.outcomes: list[str] = []
        self.sent = 0
        self.store = FolderStore(folder)
        # a copy for each: a hook stays on its network
        self.served = ServedModel(ModelCard(), "", copy.deepcopy(network), transform)
        self.sink = TensorHook(
            hook,
            keeping_spec(folder),
            NoCapture(),
            self.store,
            generator=random.Random(1),
            clock=lambda: datetime.now(UTC),
            count=self.outcomes.append,
        )
        self.watched = self.sink.watch(self.served, "0")

    def ask(self, watched: bool) -> None:
        served, sink = (self.watched, self.sink) if watched else (self.served, NoCapture())
        self.sent += watched
        served.transform(served.model, b"", "", "")
        sink.before_answer(exchange(), lambda _: None)

    def idle(self) -> None:
        until = time.monotonic() + IDLE_SECONDS
        while len(self.outcomes) < self.sent and time.monotonic() < until:
            time.sleep(0.01)


def exchange() -> Exchange:
    return Exchange(b"", "", b"", "", datetime.now(UTC))


def sizes(network: nn.Module, images: Tensor) -> Iterator[tuple[str, Figure]]:
    """Bytes of a request's object, packed as it is stored; the median of some pictures."""
    for size, goal in ((64, 12_288), (128, 46_080)):
        for kind in KINDS:
            found = list(stored_bytes(network, resized(images[:SIZED], size), kind))
            note = f"median of {len(found)} unseen signs, facts and zstd included; largest {max(found):,}"
            bound = f"<= {goal}" if kind == "reduced" else "none"
            yield f"{kind}_bytes_{size}", Figure(statistics.median(found), "bytes", bound, note)


def stored_bytes(network: nn.Module, images: Tensor, kind: str) -> Iterator[int]:
    with tempfile.TemporaryDirectory() as folder:
        hooked = Hooked(network, images[:1], Path(folder), kind)
        for image in images:
            hooked.image = image[None]
            hooked.ask(watched=True)
            hooked.idle()
        hooked.sink.close(IDLE_SECONDS)
        for found in hooked.store.list(S3Address("bucket", "tensors/")):
            if "/steps/" in found.address.key:
                yield found.size_bytes


def request_costs(network: nn.Module, image: Tensor, pairs: int) -> Iterator[tuple[str, Figure]]:
    """How many times as long a request takes whose tensors are kept, and one of many of a caller who never pauses."""
    sys.setswitchinterval(SWITCH_SECONDS)
    for kind, goal in (("replay", "<= 1.02"), ("reduced", "<= 1.15"), ("raw", "none")):
        with tempfile.TemporaryDirectory() as folder:
            hooked = Hooked(network, image, Path(folder), kind)
            alone = [cost(hooked, turns=2, requests=1) for _ in range(BLOCK * pairs // 2)]
            without_pause = [cost(hooked, turns=2, requests=BLOCK // 2) for _ in range(pairs)]
            hooked.sink.close(IDLE_SECONDS)
        shown = f"of one sign of {image.shape[-1]}; {hooked.outcomes.count('kept')} kept of {hooked.sent}"
        note = f"median {statistics.median(alone):.3f} of {len(alone)} times two interleaved pairs of requests {shown}"
        yield f"request_cost_{kind}", Figure(median_at_most(alone), "x", goal, note)
        note = f"median {statistics.median(without_pause):.3f} of {pairs} interleaved pairs of {BLOCK} requests {shown}"
        yield f"request_cost_without_pause_{kind}", Figure(median_at_most(without_pause), "x", "none", note)


def cost(hooked: Hooked, *, turns: int, requests: int) -> float:
    """Of so many turns of so many requests each, how many times as long as without a hook they took together."""
    seconds = {True: 0.0, False: 0.0}
    for turn in range(turns):
        for watched in (True, False) if turn % 2 else (False, True):
            hooked.idle()  # what the other side left behind is not this one's
            time.sleep(PAUSE_SECONDS)  # and both begin as cold
            started = time.perf_counter()
            for _ in range(requests):
                hooked.ask(watched)
            seconds[watched] += time.perf_counter() - started
    return seconds[True] / seconds[False]


def resized(images: Tensor, size: int) -> Tensor:
    return interpolate(images, (size, size), mode="bilinear", align_corners=False)
