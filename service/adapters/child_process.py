"""Finding and ending processes that an earlier run of this service started.

Identity is pid and start time, never pid alone.
"""

import os
import signal
import time
from collections.abc import Callable

import psutil

POLL_SECONDS = 0.05


def identity(pid: int) -> dict[str, float]:
    """What finds a living process again: its pid and its start time in epoch seconds."""
    return {"pid": pid, "started": psutil.Process(pid).create_time()}


def find(pid: int, started: float) -> psutil.Process | None:
    """The living process of an identity; None where it is gone, a zombie, or the pid is someone else's by now."""
    try:
        process = psutil.Process(pid)
        same = abs(process.create_time() - started) < 0.01
        return process if same and process.status() != psutil.STATUS_ZOMBIE else None
    except psutil.NoSuchProcess:
        return None


def signal_group(leader: int, number: signal.Signals) -> None:
    """Signal every process of a group; a group that is gone is left alone."""
    try:
        os.killpg(leader, number)
    except ProcessLookupError:
        return


def group_lives(leader: int) -> bool:
    """True while the group holds a process that is no zombie."""
    for process in psutil.process_iter(["status"]):
        try:
            if os.getpgid(process.pid) == leader and process.info["status"] != psutil.STATUS_ZOMBIE:
                return True
        except (ProcessLookupError, psutil.NoSuchProcess):
            continue
    return False


def end_group(leader: int, *, patience_seconds: float) -> None:
    """SIGTERM to a group, its time to finish, then SIGKILL to what is left."""
    signal_group(leader, signal.SIGTERM)
    if not wait_until(lambda: not group_lives(leader), timeout_seconds=patience_seconds):
        signal_group(leader, signal.SIGKILL)


def wait_until(condition: Callable[[], bool], *, timeout_seconds: float) -> bool:
    """True once the condition holds, False when the time is up."""
    deadline = time.monotonic() + timeout_seconds
    while not condition():
        if time.monotonic() >= deadline:
            return False
        time.sleep(POLL_SECONDS)
    return True


def tail(path: str, *, lines: int = 20, most_bytes: int = 16_384) -> str:
    """The last lines of a text file, "" where there is none."""
    try:
        with open(path, "rb") as file:  # noqa: PTH123 -- seeks from the end
            file.seek(0, os.SEEK_END)
            file.seek(max(0, file.tell() - most_bytes))
            return "\n".join(file.read().decode(errors="replace").splitlines()[-lines:])
    except FileNotFoundError:
        return ""
