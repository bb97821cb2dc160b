"""FullGrad maps: are they exact, are they those of known programs, and how long do they take beside these?

`python -m tests.benchmarks.saliency [--quick] [--json]`. One thread throughout. pytorch-grad-cam runs as it is;
of fullgrad-saliency, which is on no package index, its procedure runs (saliency_peers.idiap).
"""

import argparse
import copy
import os
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from monitor_jobs.saliency.decomposing import decompose
from monitor_jobs.saliency.folding import folded
from monitor_jobs.saliency.maps import gradcam, idiap
from monitor_jobs.saliency.reduced import idiap_of, reduced
from monitor_jobs.saliency.terms import Decomposition, completeness_errors
from tests.benchmarks.figures import SEED, Figure, interleaved, median_at_most, publish
from tests.benchmarks.saliency_networks import RESNET, SIZE, signs, trained, untrained
from tests.benchmarks.saliency_peers.gradcam import full_grad
from tests.benchmarks.saliency_peers.idiap import FullGrad
from tests.benchmarks.tensor_costs import KINDS, request_costs, sizes

IMAGES: Final = 1_000
MAPS: Final = 256
QUICK_IMAGES: Final = 8
CHUNK: Final = 50
SIZES: Final = {64: 16, 128: 8}  # of an image, and how many there are in a batch
PAIRS: Final = 20
COSTS: Final = 8
REBUILDS: Final = 500
HALF_MAX: Final = 60_000.0
NO_DATA: Final = "SEXTANT_TEST_DATA names no folder with gtsrb_train_stride3.npz"

Networks = Mapping[str, nn.Module]


class Worst:
    """The largest of what was seen, by name."""

    def __init__(self) -> None:
        self.values: dict[str, float] = {}

    def see(self, name: str, value: Tensor) -> None:
        self.values[name] = max(self.values.get(name, 0.0), float(value.max()))

    def figure(self, goal: str, note: str) -> Figure:
        each = ", ".join(f"{name} {value:.1e}" for name, value in self.values.items())
        return Figure(max(self.values.values()), "ratio", goal, f"{note}: {each}")


def completeness(networks: Networks, images: Tensor) -> dict[str, Figure]:
    whole, kept, half = Worst(), Worst(), Worst()
    for name, network in networks.items():
        for chunk in images.split(CHUNK):
            parts = decompose(network, chunk)
            whole.see(name, parts.errors())
            left = reduced(parts)
            kept.see(name, completeness_errors(left.logits, left.sums))
            half.see(name, as_half(parts, chunk).errors())
    note = f"worst of {len(images):,} unseen signs"
    return {
        "completeness_max_fp32": whole.figure("<= 1e-6", note),
        "completeness_max_fp16": kept.figure("<= 3e-4", f"what `reduced` keeps: maps in float16, sums not; {note}"),
        "completeness_gradients_fp16": half.figure("none", f"gradients as float16, which no kind keeps; {note}"),
    }


def as_half(parts: Decomposition, images: Tensor) -> Decomposition:
    """The parts as they are once gradients were written down as float16; the input is as exact as it was sent."""
    gradient = half(parts.input_term / images.where(images != 0, 1.0))
    layers = tuple(replace(term, gradient=half(term.gradient)) for term in parts.layers)
    return replace(parts, input_term=images * gradient, layers=layers)


def half(values: Tensor) -> Tensor:
    """Values as float16 holds them, times a power of two that brings the largest near the end of its range."""
    scale = 2.0 ** torch.floor(torch.log2(HALF_MAX / values.abs().amax().clamp(min=1e-30)))
    return (values * scale).half().float() / scale


def equality_with_authors(networks: Networks, images: Tensor) -> dict[str, Figure]:
    by_authors, kept = Worst(), Worst()
    for name, network in networks.items():
        authors = FullGrad(as_loaded(network))
        for chunk in images.split(16):
            parts = decompose(network, chunk)
            map_ = idiap(parts)
            by_authors.see(name, difference(map_, authors.saliency(chunk)))
            kept.see(name, difference(idiap_of(reduced(parts)), map_))
    note = f"worst point of {len(images)} maps, of the largest"
    return {
        "idiap_max_rel_diff": by_authors.figure("<= 1e-5", note),
        "reduced_max_rel_diff": kept.figure("<= 5e-4", note),
    }


def equality_with_gradcam(networks: Networks, images: Tensor) -> dict[str, Figure]:
    worst = Worst()
    for name, network in networks.items():
        program = full_grad(as_loaded(network), images[:1])
        for chunk in images.split(16):
            theirs = torch.from_numpy(program(chunk.clone()))
            worst.see(name, difference(gradcam(decompose(network, chunk)), theirs))
    return {"gradcam_max_rel_diff": worst.figure("<= 1e-4", f"worst point of {len(images)} maps, of the largest")}


def difference(ours: Tensor, theirs: Tensor) -> Tensor:
    return (ours - theirs).abs().amax((1, 2)) / theirs.abs().amax((1, 2))


def speed(network: nn.Module, images: Tensor, pairs: int) -> Iterator[tuple[str, Figure]]:
    for size, batch in SIZES.items():
        shown = interpolate(images[:batch], (size, size), mode="bilinear", align_corners=False)
        quick = folded(network, shown)
        ours = repeated(lambda quick, shown: idiap(decompose(quick, shown)), quick, shown)
        limit = interleaved(repeated(forward_and_backward, network, shown), ours, pairs, clock=time.process_time)
        note = f"ResNet-18, {batch} images at once, folded, one thread: {limit}"
        goal = "<= 1.0" if size == 64 else "<= 1.07"
        yield f"end_to_end_vs_forward_backward_{size}", Figure(median_at_most(limit.ratios), "x", goal, note)
        authors, grad_cam = FullGrad(as_loaded(network)), full_grad(as_loaded(network), shown[:1])
        for name, peer in (("idiap", authors.saliency), ("gradcam", grad_cam)):
            theirs = repeated(lambda peer, shown: peer(shown.clone()), peer, shown)
            beside = interleaved(ours, theirs, pairs // 2, clock=time.process_time)
            goal = {("idiap", 64): ">= 35", ("gradcam", 64): ">= 15"}.get((name, size), ">= 10")
            yield f"speedup_vs_{name}_{size}", Figure(beside.at_least, "x", goal, str(beside))
        kept = reduced(decompose(quick, shown))
        started = time.process_time()
        for _ in range(REBUILDS):
            idiap_of(kept)
        rate = REBUILDS * batch / (time.process_time() - started)
        goal = ">= 2000" if size == 64 else ">= 600"
        yield f"rebuild_maps_per_s_{size}", Figure(rate, "maps/s", goal, f"from what is kept of {batch} at once")


def as_loaded(network: nn.Module) -> nn.Module:
    """A copy for a peer, which leaves its hooks on it; its parameters take gradients, as those of any network do."""
    return copy.deepcopy(network).requires_grad_()


def repeated(run: Callable[..., object], *arguments: object) -> Callable[[int], object]:
    """The same for every pair."""
    return lambda _: run(*arguments)


def forward_and_backward(network: nn.Module, images: Tensor) -> Tensor:
    given = images.detach().requires_grad_()
    return torch.autograd.grad(network(given).amax(1).sum(), given)[0]


def measure(quick: bool) -> tuple[dict[str, Figure], dict[str, str]]:
    torch.set_num_threads(1)
    missing = {"request_cost_masks": "no masks of activations are kept: gradients are taken after the answer"}
    if quick:
        images = torch.rand(QUICK_IMAGES, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(SEED))
        networks = dict(untrained())
        del networks[RESNET]
        reason = "needs trained networks, and pytorch-grad-cam: run it without --quick"
        costs = (f"request_cost_{kind}" for kind in KINDS)
        left_out = ("completeness_max_fp32", "completeness_max_fp16", "gradcam_max_rel_diff", *speeds(), *costs)
        figures = equality_with_authors(networks, images) | dict(sizes(networks["plain"], images[:2]))
        return figures, missing | dict.fromkeys(left_out, reason)
    data = Path(os.environ.get("SEXTANT_TEST_DATA", ""))
    if not (data / "gtsrb_train_stride3.npz").exists():
        return {}, missing | {"completeness_max_fp32": NO_DATA}
    torch.set_num_threads(2)
    shown = signs(data)
    networks = dict(trained(shown))
    torch.set_num_threads(1)
    every = max(1, len(shown.unseen) // IMAGES)
    images = shown.unseen[::every][:IMAGES]
    some = images[:: IMAGES // MAPS][:MAPS]
    figures = completeness(networks, images) | equality_with_authors(networks, some)
    figures |= equality_with_gradcam(networks, some)
    figures |= dict(speed(networks[RESNET], images, PAIRS)) | dict(sizes(networks[RESNET], images))
    return figures | dict(request_costs(networks[RESNET], images[:1], COSTS)), missing


def speeds() -> Iterator[str]:
    for size in SIZES:
        yield f"end_to_end_vs_forward_backward_{size}"
        yield f"rebuild_maps_per_s_{size}"
        yield from (f"speedup_vs_{name}_{size}" for name in ("idiap", "gradcam"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a few images and untrained networks")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    figures, missing = measure(options.quick)
    publish("saliency", figures, missing, options.json)


if __name__ == "__main__":
    main()
