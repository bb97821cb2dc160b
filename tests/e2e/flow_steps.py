"""The calls of a client's flow, made one after another, each told as a line of JSON as soon as it has ended.

What lives here: recording; the standard library only, since it runs inside the clients' own environments. What does
not: any call (the flows), reading the lines (flow_command).
"""

import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TextIO, TypeVar

from tests.wait import wait_until

T = TypeVar("T")
OK = "ok"
LONGEST = 400  # characters of an error or an answer in one line


class StepFailed(Exception):
    """A call raised, or answered what it should not; what builds on it in the same part cannot be tried."""


@dataclass(frozen=True)
class Step:
    """One call: `outcome` is "ok" or what went wrong, `note` what it showed."""

    call: str
    outcome: str
    seconds: float
    note: str = ""

    @property
    def failed(self) -> bool:
        return self.outcome != OK


@dataclass
class Steps:
    """Makes calls and writes what came of each."""

    out: TextIO

    def __call__(
        self,
        call: str,
        function: Callable[[], T],
        *,
        holds: Callable[[T], object] = lambda _: True,
        note: Callable[[T], object] = lambda _: "",
    ) -> T:
        """The call's answer, once it `holds`. Raises StepFailed after writing why where it raised or does not hold."""
        started = time.monotonic()
        try:
            answer = function()
            outcome = OK if holds(answer) else f"unexpected answer: {short(answer)}"
            shown = short(note(answer))
        except Exception as error:  # noqa: BLE001 -- whatever a client raises is this call's outcome
            outcome, shown = f"{type(error).__name__}: {short(error)}", ""
        self._write(Step(call, outcome, round(time.monotonic() - started, 3), shown))
        if outcome != OK:
            raise StepFailed(call)
        return answer

    @contextmanager
    def part(self) -> Iterator[None]:
        """Calls that build on each other: the first that fails ends the part, not the flow."""
        try:
            yield
        except StepFailed:
            return

    def _write(self, step: Step) -> None:
        self.out.write(json.dumps(asdict(step)) + "\n")
        self.out.flush()


def steps_and_material() -> tuple[Steps, Path]:
    """What a flow is started with: where its steps go, and the folder of what it is given.

    Steps have a pipe of their own, since clients print on standard output as they like.
    """
    material, pipe = sys.argv[1:]
    return Steps(os.fdopen(int(pipe), "w")), Path(material)


def let_the_second_end() -> None:
    """Wait for the next second: captures carry whole ones, so a window that ends now holds those that are over."""
    second = int(time.time())
    wait_until(lambda: time.time() > second + 1, timeout_seconds=5, what="the next second")


def short(value: object) -> str:
    """The value in one line of bounded length."""
    line = " ".join(str(value).split())
    return line if len(line) <= LONGEST else f"{line[:LONGEST]}..."
