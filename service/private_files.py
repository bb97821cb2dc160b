"""Files of secrets: whole or not there, on disk before they count, and for nobody else's eyes.

What lives here: how such a file is made, replaced and read. What does not: what is in one (first_key,
adapters.sealed_secrets).
"""

import fcntl
import os
import secrets
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from monitor_jobs.contract.errors import BadInput

FILE_MODE: Final = 0o600
FOLDER_MODE: Final = 0o700
OTHERS: Final = 0o077


def private_folder(folder: Path) -> Path:
    """The folder itself, made where there is none. Raises BadInput where others may enter it."""
    folder.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
    _require_private(folder, folder.stat(), FOLDER_MODE)
    return folder


def read_private(path: Path, *, most_bytes: int) -> bytes:
    """The first bytes of a file. Raises BadInput where others may read it, OSError where it is not there, or a link."""
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC), "rb") as file:
        _require_private(path, os.fstat(file.fileno()), FILE_MODE)
        return file.read(most_bytes)


def made_once(path: Path, make: Callable[[], bytes], *, most_bytes: int) -> bytes:
    """The first bytes of a file, which is made, with its folder, where there is none.

    Processes that start at once come to have the same. Raises BadInput where others may read it.
    """
    private_folder(path.parent)
    if not path.exists():
        _create_private(path, make())
    return read_private(path, most_bytes=most_bytes)


def replace_private(path: Path, content: bytes) -> None:
    """Write a file anew, whole or not at all."""
    with _written_beside(path, content) as written:
        written.rename(path)
    _sync_folder(path.parent)


@contextmanager
def only_one(folder: Path) -> Iterator[None]:
    """One process at a time, and one thread; the lock goes with whoever holds it."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _create_private(path: Path, content: bytes) -> None:
    """Write a new file, whole or not at all; nothing happens where another process was first."""
    with _written_beside(path, content) as written:
        try:
            os.link(written, path)  # and not a rename, which would replace what is there already
        except FileExistsError:
            return
    _sync_folder(path.parent)


@contextmanager
def _written_beside(path: Path, content: bytes) -> Iterator[Path]:
    unfinished = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, FILE_MODE)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        yield unfinished
    finally:
        unfinished.unlink(missing_ok=True)


def _require_private(path: Path, found: os.stat_result, mode: int) -> None:
    if stat.S_IMODE(found.st_mode) & OTHERS or found.st_uid not in (os.geteuid(), 0):
        raise BadInput(
            f"{path} is not this user's alone (mode {stat.S_IMODE(found.st_mode):o}, owner {found.st_uid}): "
            f"chmod {mode:o} and chown it, and if others may have read it, make its keys anew"
        )


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
