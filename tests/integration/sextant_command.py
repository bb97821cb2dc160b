"""The `sextant` command as tests run it: one real `sextant up`, and commands beside it, each a process of its own."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.aws_clients import ENVIRONMENT
from tests.wait import wait_until

COMMAND_SECONDS = 60
FAST = {"SEXTANT_PORT": "0", "SEXTANT_FLUSH_INTERVAL_SECONDS": "1", "SEXTANT_TICK_SECONDS": "0.3"}
Done = subprocess.CompletedProcess[str]


@dataclass(frozen=True)
class Sextant:
    """The command with one data folder's settings."""

    folder: Path
    url: str = ""

    @property
    def environment(self) -> dict[str, str]:
        own = {name: value for name, value in os.environ.items() if not name.startswith("SEXTANT_")}
        return {**own, **FAST, **ENVIRONMENT, "SEXTANT_DATA": str(self.folder), "OMP_NUM_THREADS": "1"}

    def run(self, *arguments: str | Path, stdin: str = "", **variables: str) -> Done:
        """What the command did, whatever that was."""
        command = [sys.executable, "-m", "service", *map(str, arguments)]
        environment = {**self.environment, **variables}
        done = subprocess.run(
            command, input=stdin, env=environment, capture_output=True, text=True, timeout=COMMAND_SECONDS, check=False
        )
        assert "Traceback" not in done.stderr, done.stderr
        return done

    def json(self, *arguments: str | Path) -> Any:
        """What the command printed with --json. Raises AssertionError where it failed."""
        done = self.run(*arguments, "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)


@contextmanager
def sextant_up(folder: Path, variables: Mapping[str, str] | None = None, *options: str) -> Iterator[Sextant]:
    """The command beside a running `sextant up` with these options, which has ended when the block is left."""
    data = folder / "data"
    environment = {**Sextant(data).environment, **(variables or {})}
    command = [sys.executable, "-m", "service", "up", *options]
    with (folder / "up.log").open("wb") as log, (folder / "up.out").open("wb") as out:
        up = subprocess.Popen(command, env=environment, stdout=out, stderr=log)
    try:
        url = wait_until(lambda: _written_url(data, up, folder), timeout_seconds=30, what="the address of `sextant up`")
        yield Sextant(data, url)
    finally:
        up.send_signal(signal.SIGTERM)
        up.wait(COMMAND_SECONDS)


def _written_url(data: Path, up: "subprocess.Popen[bytes]", folder: Path) -> str:
    assert up.poll() is None, (folder / "up.log").read_text()
    path = data / "control.json"
    try:
        return str(json.loads(path.read_text())["url"])
    except (OSError, ValueError):
        return ""
