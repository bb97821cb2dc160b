"""Our endpoint, which captures everything, against other servers of the same networks and against the machine's limit.

`python -m tests.benchmarks.serving [--quick] [--json] [--threads N] [--pairs N] [--window-seconds S] [--peers NAME]`:
windows of load on two servers in turn, of which one is ours; every server has answered alike before. The limit is the
network alone, called over and over in one process by the same engine at its best batch size.

What lives here: what is compared. What does not: figures (serving_figures), networks and bodies (serving_models), load
(serving_load), our own and the other servers as processes (serving_peers).
"""

import argparse
import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Final

import torch
from torch import nn

from monitor_jobs.contract.engines import Engine
from tests.benchmarks.closed_loop import Arm, Plan, Turns
from tests.benchmarks.figures import BENCH_FOLDER, Figure, publish
from tests.benchmarks.serving_costs import first_200, tree_pss
from tests.benchmarks.serving_figures import (
    HEADLINES,
    Results,
    against_best,
    all_names,
    at_least_figure,
    at_most_figure,
    rows,
)
from tests.benchmarks.serving_load import (
    beside_forward,
    best_batch,
    compiled,
    forward_of,
    p50_ratio,
    servers_in_turn,
    throughput_ratio,
)
from tests.benchmarks.serving_models import (
    C1,
    C32,
    LENET_5,
    LENET_C32,
    RESNET_64,
    RESNET_128,
    WORKLOADS,
    Model,
    Workload,
    add_examples,
)
from tests.benchmarks.serving_overload import overloaded
from tests.benchmarks.serving_peers.ours import Captures, sextant
from tests.benchmarks.serving_peers.peers import PEERS, Peer
from tests.benchmarks.serving_peers.running import Running, require_same_answers
from tests.benchmarks.serving_peers.started import PeerAbsent, started

REASON_CHARACTERS: Final = 200
MODELS: Final = (RESNET_64, RESNET_128, LENET_5)
NO_AMX: Final = "this processor has no AMX, without which bfloat16 is not faster than float32"
Start = AbstractContextManager[Running]


@dataclass(frozen=True)
class Size:
    """How much is measured: of which loads, beside whom, and how long."""

    plan: Plan
    overload: Plan
    warm_up_seconds: float  # before each comparison, for each of the two: one of the peers compiles itself as it runs
    tried_seconds: float  # for each size of a batch
    starts: int
    engines: Sequence[Engine] = (Engine.OPENVINO, Engine.TORCH)
    workloads: Sequence[Workload] = WORKLOADS
    peers: Sequence[Peer] = PEERS


FULL: Final = Size(
    plan=Plan(pairs=20, window_seconds=0.6, pause_seconds=0.1),
    overload=Plan(pairs=20, window_seconds=1.5),
    warm_up_seconds=2.5,
    tried_seconds=0.5,
    starts=7,
)
QUICK: Final = Size(
    plan=Plan(pairs=2, window_seconds=0.2),
    overload=Plan(pairs=2, window_seconds=1.0),  # at ten times what it can, a busy machine answers few
    warm_up_seconds=0.2,
    tried_seconds=0.05,
    starts=0,
    engines=(Engine.OPENVINO,),
    workloads=(LENET_C32,),
    peers=(),
)


class Campaign:
    """One run: what was seen so far, and why something was not."""

    def __init__(self, size: Size, scratch: Path, threads: int) -> None:
        self.size, self.scratch, self.threads = size, scratch, threads
        self.results, self.captures = Results(), Captures()
        self.figures: dict[str, Figure] = {}
        self.absent: dict[str, str] = {}  # peers that were not measured to the end, and why
        self.missing: dict[str, str] = {}
        self._packages: dict[Model, Path] = {}

    def beside_servers(self) -> None:
        """Our compiled network beside eager torch in our endpoint, and beside each peer."""
        for model in MODELS:
            loads = [workload for workload in self.size.workloads if workload.model is model]
            if loads:
                self._compare(loads, partial(self._ours, loads[0], Engine.TORCH))
                if model is LENET_5 and self.size.starts:  # one process's Python is all that bounds it
                    self._compare(loads, partial(self._ours, loads[0], Engine.TORCH, workers=os.cpu_count() or 1))
                for peer in self.size.peers:
                    self._beside_peer(loads, peer)

    def beside_limit(self) -> None:
        """Each engine beside the network alone, and the compiled one beside too many requests."""
        if Engine.OPENVINO in self.size.engines:
            with self._ours(C32, Engine.OPENVINO) as ours:
                network = compiled(RESNET_64, torch.float32)
                self.figures["f32_c32_vs_limit"] = self._beside_best(ours, network, ">= 0.85")
                self.figures["p50_c1_vs_raw_forward"] = self._one_caller(ours, network)
                self.figures |= overloaded(ours.asked(C32), self.size.overload)
        if Engine.TORCH in self.size.engines:
            with self._ours(C32, Engine.TORCH) as ours:
                network = RESNET_64.network()
                self.figures["torch_eager_c32_vs_limit"] = self._beside_best(ours, network, ">= 0.85")

    def bf16(self) -> None:
        """The compiled network in bfloat16 beside its limit and beside the peer that was best in float32."""
        if "amx_bf16" not in Path("/proc/cpuinfo").read_text():
            self.missing |= {name: NO_AMX for name in HEADLINES if name.startswith("bf16")}
            return
        package = self._package(RESNET_64)
        add_examples(package, RESNET_64)
        with self._ours(C32, Engine.OPENVINO_BF16) as ours:
            network = compiled(RESNET_64, torch.bfloat16)
            self.figures["bf16_c32_vs_limit"] = self._beside_best(ours, network, ">= 0.7")
            measured = [peer for peer in self.size.peers if (C32, peer.name) in self.results.turns]
            if measured:
                best = max(measured, key=lambda peer: Arm(self.results.windows[C32, peer.name]).per_second)
                with started(best, package, self.scratch / "bf16", threads=self.threads) as theirs:
                    turns = self._in_turn(C32, ours, theirs)
                self.figures["bf16_c32_vs_best_peer"] = at_least_figure(turns, throughput_ratio, ">= 4", best.name)

    def costs(self) -> None:
        """The first answer, and memory."""
        if not self.size.starts:
            return
        package = self._package(RESNET_64)
        threads = {"OMP_NUM_THREADS": str(self.threads)}
        self.figures |= first_200(package, self.scratch, self.size.starts, threads)
        with tempfile.TemporaryDirectory(dir=self.scratch) as folder:
            self.figures |= tree_pss(package, Path(folder))

    @contextmanager
    def _ours(self, workload: Workload, engine: Engine, *, workers: int = 1) -> Iterator[Running]:
        package = self._package(workload.model)
        options = {"threads": self.threads, "captures": self.captures, "workers": workers}
        with (
            tempfile.TemporaryDirectory(dir=self.scratch) as folder,
            sextant(package, Path(folder), engine, **options) as ours,
        ):
            yield ours

    def _package(self, model: Model) -> Path:
        if model not in self._packages:
            self._packages[model] = model.package(self.scratch / f"package-{len(self._packages)}")
        return self._packages[model]

    def _plan(self, workload: Workload) -> Plan:
        return replace(self.size.plan, callers=workload.callers)

    def _warm_up(self, workload: Workload) -> Plan:
        return Plan(pairs=1, window_seconds=self.size.warm_up_seconds, callers=workload.callers)

    def _beside_peer(self, loads: Sequence[Workload], peer: Peer) -> None:
        folder = self.scratch / f"{peer.name}-{loads[0].name}"
        package = self._package(loads[0].model)
        try:
            self._compare(loads, partial(started, peer, package, folder, threads=self.threads))
        except (PeerAbsent, AssertionError, OSError) as failed:  # an hour of others need not be lost by one
            self.absent[peer.name] = " ".join(str(failed).split())[:REASON_CHARACTERS]

    def _compare(self, loads: Sequence[Workload], start: Callable[[], Start]) -> None:
        """Both are started anew, so that each comparison begins with empty disks and young processes."""
        with start() as theirs, self._ours(loads[0], Engine.OPENVINO) as ours:
            for workload in loads:
                print(f"{workload.name} beside {theirs.name}", file=sys.stderr)
                turns = self._in_turn(workload, ours, theirs)
                self.results.add(workload, ours, theirs, turns)

    def _in_turn(self, workload: Workload, ours: Running, theirs: Running) -> Turns:
        for server in (ours, theirs):
            require_same_answers(server, workload)
        servers_in_turn(ours.asked(workload), theirs.asked(workload), self._warm_up(workload))
        return servers_in_turn(ours.asked(workload), theirs.asked(workload), self._plan(workload))

    def _one_caller(self, ours: Running, network: nn.Module) -> Figure:
        forward = forward_of(network, RESNET_64, 1)
        turns = beside_forward(ours.asked(C1), forward, 1, self._plan(C1))
        note = f"one caller against {1e3 * Arm(turns.second).p50_seconds:.2f} ms of the network alone, {ours.engine}"
        return at_most_figure(turns, p50_ratio, "<= 1.3", note)

    def _beside_best(self, ours: Running, network: nn.Module, goal: str) -> Figure:
        require_same_answers(ours, C32)
        batch = best_batch(network, RESNET_64, self.size.tried_seconds)
        forward, plan = forward_of(network, RESNET_64, batch), self._plan(C32)
        beside_forward(ours.asked(C32), forward, batch, self._warm_up(C32))
        turns = beside_forward(ours.asked(C32), forward, batch, plan)
        limit = Arm(turns.second).per_second
        note = f"{C32.callers} callers against {limit:.0f} inputs/s in batches of {batch}, {ours.engine}"
        return at_least_figure(turns, throughput_ratio, goal, note)

    def losses(self) -> Figure:
        """Answers whose captures are not in the store."""
        lost = self.captures.answered - self.captures.stored
        return Figure(lost, "records", "<= 0", f"of {self.captures.answered:,} answers, each to be captured")


def measure(campaign: Campaign) -> tuple[dict[str, Figure], dict[str, str]]:
    """All figures of the full form, and why some are missing."""
    campaign.beside_servers()
    campaign.beside_limit()
    campaign.bf16()
    campaign.costs()
    results, peers = campaign.results, [peer.name for peer in campaign.size.peers]
    figures = rows(results) | against_best(results, peers) | campaign.figures | {"captures_lost": campaign.losses()}
    missing = {name: _why(name, campaign) for name in all_names(peer.name for peer in PEERS) if name not in figures}
    return figures, missing


def _why(name: str, campaign: Campaign) -> str:
    if name in campaign.missing:
        return campaign.missing[name]
    absent = [why for peer, why in campaign.absent.items() if f"_{peer}_" in name]
    return absent[0] if absent else "left to the full form"


def shortened(figures: dict[str, Figure], missing: dict[str, str]) -> tuple[dict[str, Figure], dict[str, str]]:
    """What a short form may say: ratios of a few windows are no figures."""
    short = {name: row for name, row in figures.items() if row.unit == "times"}
    why = {name: f"needs {FULL.plan.pairs} pairs: {row.value:.2f} {row.unit} here" for name, row in short.items()}
    return {name: row for name, row in figures.items() if name not in short}, missing | why


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a few short windows, and no peers")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads(), help="that networks compute with")
    parser.add_argument("--pairs", type=int, help="windows of each kind")
    parser.add_argument("--window-seconds", type=float)
    parser.add_argument("--peers", nargs="*", choices=[peer.name for peer in PEERS], help="these alone")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    BENCH_FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=BENCH_FOLDER) as scratch:
        figures, missing = measure(Campaign(_size(options), Path(scratch), options.threads))
    if options.quick:
        figures, missing = shortened(figures, missing)
    publish("serving", figures, missing, options.json)


def _size(options: argparse.Namespace) -> Size:
    size = QUICK if options.quick else FULL
    plan = replace(
        size.plan,
        pairs=options.pairs or size.plan.pairs,
        window_seconds=options.window_seconds or size.plan.window_seconds,
    )
    peers = size.peers if options.peers is None else [peer for peer in PEERS if peer.name in options.peers]
    return replace(size, plan=plan, peers=peers)


if __name__ == "__main__":
    main()
