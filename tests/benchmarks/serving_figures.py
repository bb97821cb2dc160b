"""What the benchmark of serving says of what it saw: a row for each server and load, and what is held to a goal.

What lives here: numbers out of windows. What does not: measuring (serving).
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final

from tests.benchmarks.closed_loop import Arm, Turns, Window
from tests.benchmarks.figures import Figure
from tests.benchmarks.serving_load import pss_mb, throughput_ratio
from tests.benchmarks.serving_models import C32, JSON_128, LENET_C32, WORKLOADS, Workload
from tests.benchmarks.serving_peers.running import Running

COMPILED, EAGER = "sextant_openvino", "sextant_torch"
AGAINST_BEST: Final = {
    C32: ("f32_c32_vs_best_peer", ">= 1.25"),
    JSON_128: ("json128_c8_vs_best_peer", ">= 5"),
    LENET_C32: ("lenet_c32_vs_best_peer", ">= 6"),
}
HEADLINES: Final = (
    *(name for name, _ in AGAINST_BEST.values()),
    "f32_c32_vs_limit",
    "torch_eager_c32_vs_limit",
    "p50_c1_vs_raw_forward",
    "bf16_c32_vs_best_peer",
    "bf16_c32_vs_limit",
    "overload_goodput_share",
    "overload_p99_ratio",
    "first_200_s",
    "tree_pss_mb",
    "captures_lost",
)

Compare = Callable[[Arm, Arm], float]


@dataclass
class Results:
    """All windows of each load and server, our compiled network's turns with each other server, and memory."""

    windows: dict[tuple[Workload, str], list[Window]] = field(default_factory=dict)
    turns: dict[tuple[Workload, str], Turns] = field(default_factory=dict)
    engines: dict[str, str] = field(default_factory=dict)
    pss_mb: dict[tuple[Workload, str], float] = field(default_factory=dict)

    def add(self, workload: Workload, ours: Running, theirs: Running, turns: Turns) -> None:
        """What both saw in turn, and the memory that they take now."""
        self.turns[workload, theirs.name] = turns
        for server, windows in ((ours, turns.first), (theirs, turns.second)):
            self.windows.setdefault((workload, server.name), []).extend(windows)
            self.engines[server.name] = server.engine
            self.pss_mb[workload, server.name] = pss_mb(server.processes())


def row_name(workload: Workload, server: str) -> str:
    return f"{workload.name}_{server}_per_s"


def rows(results: Results) -> dict[str, Figure]:
    """A row for each load and server, with what a request costs its processes."""
    return {row_name(workload, server): _row(results, workload, server) for workload, server in results.windows}


def _row(results: Results, workload: Workload, server: str) -> Figure:
    arm = Arm(results.windows[workload, server])
    late = f"p50 {1e3 * arm.p50_seconds:.2f} ms, p99 {1e3 * arm.p99_seconds:.2f} ms"
    cost = f"{1e3 * arm.cost_per_answer[0]:.2f} ms of processor time a request"
    memory = f"{results.pss_mb[workload, server]:.0f} MB"
    return Figure(arm.per_second, "answers/s", "none", f"{results.engines[server]}; {late}; {cost}; {memory}")


def against_best(results: Results, peers: Iterable[str]) -> dict[str, Figure]:
    """Our compiled network's throughput as a multiple of the best of the peers that were measured."""
    named = list(peers)
    figures = {}
    for workload, (name, goal) in AGAINST_BEST.items():
        measured = {peer: results.turns[workload, peer] for peer in named if (workload, peer) in results.turns}
        if measured:
            best = min(measured, key=lambda peer: measured[peer].at_least(throughput_ratio))
            figures[name] = at_least_figure(measured[best], throughput_ratio, goal, f"best of {len(measured)}: {best}")
    return figures


def at_least_figure(turns: Turns, compare: Compare, goal: str, note: str) -> Figure:
    """A ratio that should be large: the end of its interval that is worse for us."""
    return Figure(turns.at_least(compare), "times", goal, f"95 % lower bound; {_measured(turns, compare)}; {note}")


def at_most_figure(turns: Turns, compare: Compare, goal: str, note: str) -> Figure:
    """A ratio that should be small."""
    return Figure(turns.at_most(compare), "times", goal, f"95 % upper bound; {_measured(turns, compare)}; {note}")


def _measured(turns: Turns, compare: Compare) -> str:
    return f"{turns.compared(compare):.2f} over {len(turns.first)} interleaved pairs"


def all_names(peers: Iterable[str]) -> list[str]:
    """Every figure that the full form has."""
    servers = (COMPILED, EAGER, *peers)
    return [*HEADLINES, *(row_name(workload, server) for workload in WORKLOADS for server in servers)]
