"""What capture promises, tried with real processes on which faults are forced: nothing acknowledged is lost or doubled.

`python -m tests.benchmarks.capture_faults [--quick] [--json] [--only NAME ...]`. What lives here: the campaigns' names.
What does not: the campaigns (tests.benchmarks.faults), each of which has a control that must find losses where
something is deliberately weak.
"""

import argparse
import logging
import sys
import tempfile
import time
from pathlib import Path
from typing import Protocol

from tests.benchmarks.faults import holes, kills, nth_call, power_cut, rolling_restart, store, system
from tests.benchmarks.figures import Figure, publish

Measured = tuple[dict[str, Figure], dict[str, str]]  # figures, and why others could not be taken
LONG_FIGURES = ("kill9_acked", "put_unlink_kills", "store_down_p99_ratio", "rolling_restarts", "restart_control_killed")


class Campaign(Protocol):
    """One kind of faults, forced in a folder of its own."""

    def __call__(self, folder: Path, *, quick: bool) -> Measured: ...


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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a few faults instead of thousands")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--only", nargs="+", choices=CAMPAIGNS, default=list(CAMPAIGNS), help="these campaigns")
    options = parser.parse_args()
    logging.disable()  # what the campaigns provoke in this process is not news
    figures: dict[str, Figure] = {}
    missing: dict[str, str] = {}
    for name in options.only:
        started = time.monotonic()
        with tempfile.TemporaryDirectory(prefix="sextant-bench-") as scratch:
            found, left = CAMPAIGNS[name](Path(scratch), quick=options.quick)
        print(f"{name}: {time.monotonic() - started:.0f} s", file=sys.stderr)
        figures |= found
        missing |= left
    if options.quick:
        missing |= {name: "only the long form is large enough" for name in LONG_FIGURES if name not in figures}
    publish("capture_faults", figures, missing, options.json)


if __name__ == "__main__":
    main()
