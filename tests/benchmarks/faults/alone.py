"""One fault campaign by itself: `python -m tests.benchmarks.faults.NAME [--quick] [--json]`."""

import argparse
import tempfile
from pathlib import Path
from typing import Protocol

from tests.benchmarks.figures import Figure, publish


class Measure(Protocol):
    """A campaign: its figures, and whatever it leaves in the folder."""

    def __call__(self, folder: Path, *, quick: bool) -> dict[str, Figure]: ...


def run_faults(name: str, measure: Measure) -> None:
    """Take the campaign's figures in a folder that is removed afterwards, and print them."""
    parser = argparse.ArgumentParser(description=f"the fault campaign {name}")
    parser.add_argument("--quick", action="store_true", help="a few faults instead of all")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="sextant-bench-") as scratch:
        figures = measure(Path(scratch), quick=options.quick)
    publish(name, figures, {}, options.json)
