"""Every benchmark, or some: `python -m tests.benchmarks.all [--quick] [--only NAME ...] [--write docs/benchmarks.md]`.

What lives here: running them as processes of their own, and writing what they print as one page. What does not:
measuring.
"""

import argparse
import json
import re
import subprocess
import sys
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

BENCHMARKS = (
    "class_skew",
    "side_index",
    "skew_test",
    "data_quality",
    "model_quality",
    "saliency",
    "saliency_curves",
    "adversarial",
    "invoke",
    "gateway",
    "serving",
    "serving_soak",
    "capture_tax",
    "capture_faults",
    "dialect",
    "access",
    "cli",
    "demo",
)
INTRODUCTION = """# Benchmarks

Measured by `make bench`, each on the day and the processor that it says, with {packages}.

Ratios against another way of doing the same work are measured in the same run, in interleaved pairs, with the same
answer checked; a ratio is the end of its 95 % interval that is worse for us. A figure that could not be measured is
missing, with why.
"""


def main() -> int:
    """The exit code: 1 where a benchmark failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="at most a minute each")
    parser.add_argument(
        "--only", nargs="+", choices=BENCHMARKS, default=BENCHMARKS, help="leave the others as they are"
    )
    parser.add_argument("--write", type=Path, help="Markdown page to write")
    arguments = parser.parse_args()
    results = [run(name, ["--quick"] if arguments.quick else []) for name in arguments.only]
    before = arguments.write.read_text() if arguments.write is not None and arguments.write.exists() else ""
    page = page_of(results, before, datetime.now(UTC).date())
    print(page)
    if arguments.write is not None:
        arguments.write.write_text(page)
    return 0


def run(name: str, options: list[str]) -> dict[str, Any]:
    """The JSON object that one benchmark prints. Raises CalledProcessError where it fails."""
    print(f"measuring {name}", file=sys.stderr)
    command = [sys.executable, "-m", f"tests.benchmarks.{name}", "--json", *options]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return dict(json.loads(done.stdout))


def page_of(results: list[dict[str, Any]], before: str, today: date) -> str:
    """The page with these results; sections of other benchmarks stay as they were."""
    sections = sections_of(before) | {result["benchmark"]: section(result, today) for result in results}
    return "\n".join(
        [introduction(results[0]["machine"]), *(sections[name] for name in BENCHMARKS if name in sections)]
    )


def sections_of(page: str) -> dict[str, str]:
    """A page's sections by benchmark."""
    _, *sections = re.split(r"^(?=## )", page, flags=re.MULTILINE)
    return {text.partition("\n")[0].removeprefix("## "): text.rstrip("\n") + "\n" for text in sections}


def introduction(machine: dict[str, Any]) -> str:
    """The head of the page, with what all sections have in common."""
    packages = ", ".join(f"{name} {version}" for name, version in machine["packages"].items())
    return INTRODUCTION.format(packages=packages)


def place(machine: dict[str, Any]) -> str:
    """What one section was measured on."""
    return f"{machine['cpu']}, {machine['cores']} cores, {machine['memory_gib']} GiB"


def section(result: dict[str, Any], today: date) -> str:
    """One benchmark as a table of its figures."""
    rows = [
        f"| {name} | {figure['value']:.4g} {figure['unit']} | {figure.get('goal') or ''} | {figure.get('note') or ''} |"
        for name, figure in result["figures"].items()
    ]
    rows += [f"| {name} | missing | | {why} |" for name, why in result["missing"].items()]
    return "\n".join(
        [
            f"## {result['benchmark']}",
            "",
            f"{today}, {place(result['machine'])}",
            "",
            "| figure | value | goal | note |",
            "|---|---|---|---|",
            *rows,
            "",
        ]
    )


if __name__ == "__main__":
    sys.exit(main())
