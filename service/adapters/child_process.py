"""Finding and ending processes that this service started, be it in an earlier run.

What lives here: identity, and the end of whole sessions. What does not: what is started (process_host, process_runner).
Identity is pid, start and boot: never the pid alone, which comes back, nor the wall clock, which people set. Each
process that is started leads a session of its own, and so takes with it what it forked, other process groups included.
"""

import os
import signal
import time
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

from service.core.ports import Handle

POLL_SECONDS = 0.05
KILL_SECONDS = 5.0  # SIGKILL cannot be ignored, but a process in the kernel's hands takes its time
PROC = Path("/proc")


class _Stat(NamedTuple):
    parent: int
    session: int
    started_ticks: int
    lives: bool


def identity(pid: int) -> Handle:
    """What finds a process again, as JSON: its pid, its start in clock ticks since boot, and the boot's id.

    Raises ProcessLookupError where it is gone and reaped.
    """
    stat = _stat(pid)
    if stat is None:
        raise ProcessLookupError(f"process {pid} is gone")
    return _handle(pid, stat)


def lives(handle: Handle) -> bool:
    """False where the process is gone, a zombie, or its pid someone else's by now."""
    stat = _stat(handle["pid"])
    return stat is not None and stat.lives and _is_same(stat, handle)


def leaders_of_others() -> list[Handle]:
    """The living leaders of a session, this process's own children excepted."""
    found = ((pid, stat) for pid, stat in _processes() if pid == stat.session and stat.lives)
    return [_handle(pid, stat) for pid, stat in found if stat.parent != os.getpid()]


def command_line(pid: int) -> list[str]:
    """The arguments that a process was started with; none where it is gone, or is not for us to look at."""
    try:
        return (PROC / str(pid) / "cmdline").read_text(errors="replace").split("\0")
    except OSError:
        return []


def end_session(handle: Handle, *, patience_seconds: float) -> None:
    """SIGTERM to every process of the session, the leader alive or not; their time to finish; SIGKILL to what is left.

    Proven by tests/integration/test_process_runner.py.
    """
    _signal(handle, signal.SIGTERM)
    if not wait_until(lambda: not _members(handle), timeout_seconds=patience_seconds):
        # Again and again: one of them may fork while the others are signalled.
        wait_until(lambda: not _signal(handle, signal.SIGKILL), timeout_seconds=KILL_SECONDS)


def wait_until(condition: Callable[[], bool], *, timeout_seconds: float) -> bool:
    """True once the condition holds, False when the time is up."""
    deadline = time.monotonic() + timeout_seconds
    while not condition():
        if time.monotonic() >= deadline:
            return False
        time.sleep(POLL_SECONDS)
    return True


def tail(path: Path, *, lines: int, most_bytes: int) -> str:
    """The last lines of a text file, "" where there is none."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - most_bytes))
            return "\n".join(file.read().decode(errors="replace").splitlines()[-lines:])
    except FileNotFoundError:
        return ""


def _signal(handle: Handle, number: signal.Signals) -> list[int]:
    members = _members(handle)
    for pid in members:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            continue
    return members


def _members(handle: Handle) -> list[int]:
    leader = _stat(handle["pid"])
    if handle["boot"] != _boot_id() or (leader is not None and not _is_same(leader, handle)):
        return []  # the kernel gives a number away only when no session of that number is left
    return [pid for pid, stat in _processes() if stat.session == handle["pid"] and stat.lives]


def _processes() -> Iterator[tuple[int, _Stat]]:
    for entry in PROC.iterdir():
        if entry.name.isdigit() and (stat := _stat(int(entry.name))) is not None:
            yield int(entry.name), stat


def _handle(pid: int, stat: _Stat) -> Handle:
    return {"pid": pid, "started": stat.started_ticks, "boot": _boot_id()}


def _is_same(stat: _Stat, handle: Handle) -> bool:
    return (stat.started_ticks, _boot_id()) == (handle["started"], handle["boot"])


def _stat(pid: int) -> _Stat | None:
    try:
        text = (PROC / str(pid) / "stat").read_text(errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return None
    fields = text.rpartition(")")[2].split()  # the program's name, in brackets, may hold spaces and brackets
    # A leader is a zombie as soon as its first thread has ended, and holds its files until the last one has.
    alive = fields[0] not in "ZX" or int(fields[17]) > 1
    return _Stat(parent=int(fields[1]), session=int(fields[3]), started_ticks=int(fields[19]), lives=alive)


@cache
def _boot_id() -> str:
    return (PROC / "sys/kernel/random/boot_id").read_text().strip()
