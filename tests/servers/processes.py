"""Child processes of the tests, and the loopback ports they listen on.

What does not live here: what any one server needs to start (its own file).
"""

import socket
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

STOP_SECONDS = 10
COMMAND_SECONDS = 60


def free_ports(count: int) -> list[int]:
    """So many different TCP ports that nothing listens on at this moment."""
    with ExitStack() as held:
        sockets = [held.enter_context(closing(socket.socket())) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


def accepts(port: int) -> bool:
    """Whether something on loopback takes connections at the port."""
    with closing(socket.socket()) as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@dataclass
class Processes:
    """Programs started in one folder, with their output in `{name}.out`; they end when the test run does, or dies."""

    folder: Path
    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def start(self, name: str, *command: str | Path) -> None:
        """Start a program that stays."""
        # the kernel ends the child should the test run itself be killed
        dies_with_parent = ("setpriv", "--pdeathsig", "KILL", "--")
        with (self.folder / f"{name}.out").open("wb") as out:
            self.running[name] = subprocess.Popen([*dies_with_parent, *command], stdout=out, stderr=out)

    def run(self, *command: str | Path) -> str:
        """What a program printed. Raises AssertionError with its error output where it failed."""
        done = subprocess.run(command, capture_output=True, text=True, timeout=COMMAND_SECONDS, check=False)
        assert done.returncode == 0, f"{command} ended with {done.returncode}:\n{done.stderr}\n{self.output()}"
        return done.stdout

    def serving(self, port: int) -> bool:
        """Whether the port takes connections. Raises AssertionError where a program has ended instead."""
        ended = {name: child.returncode for name, child in self.running.items() if child.poll() is not None}
        assert not ended, f"ended early: {ended}\n{self.output()}"
        return accepts(port)

    def output(self) -> str:
        """The last lines that each program wrote."""
        tails = ((path.name, path.read_text(errors="replace")[-2000:]) for path in sorted(self.folder.glob("*.out")))
        return "\n".join(f"--- {name}\n{tail}" for name, tail in tails)

    def stop(self) -> None:
        """End every program, the last one started first."""
        for child in reversed(self.running.values()):
            _end(child)
        self.running.clear()


@contextmanager
def processes(folder: Path) -> Iterator[Processes]:
    """Processes that have ended when the block is left."""
    started = Processes(folder)
    try:
        yield started
    finally:
        started.stop()


def _end(child: "subprocess.Popen[bytes]") -> None:
    child.terminate()
    try:
        child.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()
