"""Benchmarks of several campaigns, each of which is measured in a folder of its own, alone where that is asked for.

What lives here: their command line. What does not: the campaigns.
"""

import argparse
import logging
import sys
import tempfile
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Protocol

from tests.benchmarks.figures import Figure, publish

Measured = tuple[dict[str, Figure], dict[str, str]]  # figures, and why others could not be taken


class Campaign(Protocol):
    """One kind of attack or fault, made in a folder of its own; `quick` takes a few seconds."""

    def __call__(self, folder: Path, *, quick: bool) -> Measured: ...


def run_campaigns(
    benchmark: str, description: str | None, campaigns: Mapping[str, Campaign], long_figures: Iterable[str] = ()
) -> None:
    """Measure those that the command line names, and print what they found; `long_figures` take the long form."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--quick", action="store_true", help="a few seconds for each campaign")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--only", nargs="+", choices=campaigns, default=list(campaigns), help="these campaigns")
    options = parser.parse_args()
    logging.disable()  # what the campaigns provoke in this process is not news
    figures: dict[str, Figure] = {}
    missing: dict[str, str] = {}
    for name in options.only:
        started = time.monotonic()
        with tempfile.TemporaryDirectory(prefix="sextant-bench-") as scratch:
            found, left = campaigns[name](Path(scratch), quick=options.quick)
        print(f"{name}: {time.monotonic() - started:.0f} s", file=sys.stderr)
        figures |= found
        missing |= left
    if options.quick:
        missing |= {name: "only the long form is large enough" for name in long_figures if name not in figures}
    publish(benchmark, figures, missing, options.json)
