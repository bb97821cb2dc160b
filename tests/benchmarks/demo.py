"""How long the story of `sextant demo` takes, from the command to its end, in a folder of its own."""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time

from tests.benchmarks.figures import Figure, publish

GOAL_SECONDS = 60
LIMIT_SECONDS = 600
EXPECTED = ("Completed", "CompletedWithViolations")


def measure() -> Figure:
    """Wall time of one demo. Raises AssertionError where its story is not the one that is told."""
    command = [sys.executable, "-m", "service", "demo", "--json"]
    with tempfile.TemporaryDirectory(prefix="sextant-bench-") as folder:
        started = time.perf_counter()
        done = subprocess.run(
            command, cwd=folder, env={**os.environ, "SEXTANT_PORT": "0"}, capture_output=True, text=True,
            timeout=LIMIT_SECONDS, check=False,
        )  # fmt: skip
        seconds = time.perf_counter() - started
    assert done.returncode == 0, done.stderr
    outcome = json.loads(done.stdout)
    assert (outcome["clean"], outcome["attacked"]) == EXPECTED, outcome
    return Figure(seconds, "s", f"<= {GOAL_SECONDS}", "start, two windows of 400 records, stop; dependencies installed")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="the same: one story is told")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    publish("demo", {"story_s": measure()}, {}, options.json)


if __name__ == "__main__":
    main()
