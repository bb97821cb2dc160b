"""A flow as a command: the installation started, the flow run as a child with nothing but the environment block, every
call printed with its outcome.

What lives here: options, the child, the printing, the exit code. What does not: the calls (the flows' own modules).
"""

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TextIO

from tests.e2e.client_environment import STORES, Installation
from tests.e2e.flow_steps import Step
from tests.e2e.sdk_environment import ROOT

LAST_SECONDS = 30  # from a flow's last step to its end


@dataclass(frozen=True)
class Flow:
    """A module that makes calls and writes them as steps, the interpreter it needs, and what it is given."""

    name: str
    module: str
    python: Callable[[], Path]
    write_material: Callable[[Path], None]


@dataclass(frozen=True)
class Outcome:
    """What came of a flow."""

    steps: list[Step]
    exit_code: int
    printed: str

    @property
    def failed(self) -> list[Step]:
        return [step for step in self.steps if step.failed]

    @property
    def ended(self) -> bool:
        """Whether the flow came to its end."""
        return bool(self.steps) and not self.exit_code

    @property
    def succeeded(self) -> bool:
        """Whether the flow came to its end, and every call was answered as it should."""
        return self.ended and not self.failed


def main(flow: Flow) -> int:
    """The exit code of the command: 1 where a call failed."""
    parser = argparse.ArgumentParser(prog=f"python -m tests.e2e.{flow.name}")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--store", choices=STORES, default="ceph", help="where objects are kept (default: ceph)")
    arguments = parser.parse_args()
    store = STORES[arguments.store]
    with TemporaryDirectory(prefix="flow-") as folder, store(Path(folder)) as installed:
        outcome = run(flow, installed, tell=ignore if arguments.json else print_step)
    if arguments.json:
        calls = [asdict(step) for step in outcome.steps]
        print(json.dumps({"flow": flow.name, "store": arguments.store, "failed": len(outcome.failed), "calls": calls}))
    if not outcome.succeeded:
        print(f"{outcome.printed[-3000:]}\n{len(outcome.failed)} of {len(outcome.steps)} calls failed", file=sys.stderr)
    return int(not outcome.succeeded)


def run(flow: Flow, installed: Installation, *, tell: Callable[[Step], None]) -> Outcome:
    """The flow's steps, each told as soon as it has ended."""
    material, printed = installed.folder / flow.name, installed.folder / f"{flow.name}.out"
    material.mkdir()
    flow.write_material(material)
    command = [flow.python(), "-m", flow.module, material]
    with _child(command, installed.client_environment, printed) as (child, lines):
        steps = []
        for line in lines:
            steps.append(Step(**json.loads(line)))
            tell(steps[-1])
        code = child.wait(LAST_SECONDS)
    return Outcome(steps, code, printed.read_text(errors="replace"))


def print_step(step: Step) -> None:
    """One line of the table."""
    note = f"  {step.note}" if step.note else ""
    print(f"{'ok    ' if not step.failed else 'FAILED'} {step.seconds:7.2f} s  {step.call}{note}", flush=True)
    if step.failed:
        print(f"                   {step.outcome}", flush=True)


def ignore(_step: Step) -> None:
    """Tell nobody."""


@contextmanager
def _child(
    command: list[str | Path], environment: Mapping[str, str], printed: Path
) -> Iterator[tuple["subprocess.Popen[bytes]", TextIO]]:
    reading, writing = os.pipe()
    with printed.open("w") as sink, os.fdopen(reading) as lines:
        child = subprocess.Popen(
            [*command, str(writing)],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=sink,
            pass_fds=[writing],
        )
        os.close(writing)
        try:
            yield child, lines
        finally:
            child.kill()
            child.wait()
