"""What the `sextant` command costs before it does anything: CPU seconds of `sextant --help`, beside an empty Python."""

import argparse
import os
import statistics
import subprocess
import sys

from tests.benchmarks.figures import Figure, publish

QUICK_RUNS, FULL_RUNS = 5, 30
GOAL_SECONDS = 0.2
HELP = [sys.executable, "-m", "service", "--help"]
EMPTY = [sys.executable, "-c", "pass"]


def cpu_seconds(command: list[str]) -> float:
    """CPU time of one child, user and system. Raises AssertionError where it failed."""
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    assert child.returncode == 0, f"{command} ended with {child.returncode}"
    return used.ru_utime + used.ru_stime


def measure(runs: int) -> dict[str, Figure]:
    """Both commands in turn; the first of each warms the file cache and is not counted."""
    pairs = [(cpu_seconds(HELP), cpu_seconds(EMPTY)) for _ in range(runs + 1)][1:]
    help_seconds, empty_seconds = zip(*pairs, strict=True)
    worst = f"worst {max(help_seconds):.3f} s of {runs} runs; python -c pass in turn"
    note = f"median of user and system time; {worst}: {statistics.median(empty_seconds):.3f} s"
    return {
        "help_cpu_s": Figure(statistics.median(help_seconds), "s", f"<= {GOAL_SECONDS}", note),
        "help_cpu_worst_s": Figure(max(help_seconds), "s", "none", f"of {runs} runs"),
        "empty_python_cpu_s": Figure(statistics.median(empty_seconds), "s", "none", "python -c pass"),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help=f"{QUICK_RUNS} runs instead of {FULL_RUNS}")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    publish("cli", measure(QUICK_RUNS if options.quick else FULL_RUNS), {}, options.json)


if __name__ == "__main__":
    main()
