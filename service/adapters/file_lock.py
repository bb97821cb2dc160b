"""One at a time, among the processes of a machine: a file's flock, which the kernel drops with its process."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from monitor_jobs.contract.errors import Conflict

ERASING = "erasing.lock"


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """While the block runs no other process is in one of the same file. Raises Conflict where one is."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        _lock(descriptor, path)
        yield
    finally:
        os.close(descriptor)


def _lock(descriptor: int, path: Path) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise Conflict(f"another process holds {path}: try again in a moment") from error
