"""What capture promises, tried with real processes on which faults are forced: nothing acknowledged is lost or doubled.

`python -m tests.benchmarks.capture_faults [--quick] [--json] [--only NAME ...]`. What lives here: the campaigns' names.
What does not: the campaigns (tests.benchmarks.faults), each of which has a control that must find losses where
something is deliberately weak.
"""

from pathlib import Path
from typing import Protocol

from tests.benchmarks.campaigns import Campaign, Measured, run_campaigns
from tests.benchmarks.faults import holes, kills, nth_call, power_cut, rolling_restart, store, system
from tests.benchmarks.figures import Figure

LONG_FIGURES = ("kill9_acked", "put_unlink_kills", "store_down_p99_ratio", "rolling_restarts", "restart_control_killed")


class Measure(Protocol):
    """A campaign of which every figure can be had everywhere."""

    def __call__(self, folder: Path, *, quick: bool) -> dict[str, Figure]: ...


def obtainable(measure: Measure) -> Campaign:
    def measured(folder: Path, *, quick: bool) -> Measured:
        return measure(folder, quick=quick), {}

    return measured


CAMPAIGNS: dict[str, Campaign] = {
    "kills": obtainable(kills.measure),
    "store": obtainable(store.measure),
    "system": system.measured,
    "nth_call": obtainable(nth_call.measure),
    "power_cut": obtainable(power_cut.measure),
    "holes": obtainable(holes.measure),
    "restarts": obtainable(rolling_restart.measure),
}


if __name__ == "__main__":
    run_campaigns("capture_faults", __doc__, CAMPAIGNS, LONG_FIGURES)
