"""Who may do what, tried: changed signatures, every role at every operation, hostile packages, and what leaks.

`python -m tests.benchmarks.access [--quick] [--json] [--only NAME ...]`. What lives here: the campaigns' names. What
does not: the campaigns (tests.benchmarks.access_campaigns).
"""

import argparse
import logging
import sys
import tempfile
import time
from pathlib import Path
from typing import Protocol

from tests.benchmarks.access_campaigns import canaries, limits, matrix, packages, pii, signatures
from tests.benchmarks.figures import Figure, publish

Measured = tuple[dict[str, Figure], dict[str, str]]  # figures, and why others could not be taken


class Campaign(Protocol):
    """One kind of attack, made in a folder of its own; `quick` takes a few seconds."""

    def __call__(self, folder: Path, *, quick: bool) -> Measured: ...


CAMPAIGNS: dict[str, Campaign] = {
    "packages": packages.measured,
    "signatures": signatures.measured,
    "limits": limits.measured,
    "matrix": matrix.measured,
    "canaries": canaries.measured,
    "pii": pii.measured,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a few seconds for each campaign")
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
    publish("access", figures, missing, options.json)


if __name__ == "__main__":
    main()
