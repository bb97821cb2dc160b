"""One at a time, among the processes of a machine: a file's flock, which the kernel drops with its process."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from monitor_jobs.contract.errors import Conflict

ERASING: Final = "erasing.lock"
LOOK_SECONDS: Final = 0.1


@contextmanager
def locked(path: Path, *, patience_seconds: float = 0) -> Iterator[None]:
    """While the block runs no other process is in one of the same file. Raises Conflict where one is for so long."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    deadline = time.monotonic() + patience_seconds
    try:
        while not _is_ours(descriptor):
            if time.monotonic() >= deadline:
                raise Conflict(f"another process has held {path} for {patience_seconds:.0f} s: try again later")
            time.sleep(LOOK_SECONDS)
        yield
    finally:
        os.close(descriptor)


def _is_ours(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
