"""What a job has left on the disk, read without following any link: one could lead to any file of this machine.

What lives here: opening and listing below a job's root. What does not: what the files are (publishing).
"""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

FOLDER = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW
FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK  # a pipe would wait for its writer


@contextmanager
def opened(root: Path, path: Path) -> Iterator[BinaryIO | None]:
    """A regular file below the root, None where it is absent, anything else, or behind a link; closed afterwards."""
    number = _open(root, path, FILE)
    if number is not None and not stat.S_ISREG(os.fstat(number).st_mode):
        os.close(number)
        number = None
    if number is None:
        yield None
        return
    with os.fdopen(number, "rb") as file:
        yield file


def regular_files(root: Path, folder: Path) -> list[Path]:
    """Every regular file below a folder of the root, relative to the folder; none where that is not a folder."""
    top = _open(root, folder, FOLDER)
    if top is None:
        return []
    try:
        return sorted(_walk(top))
    finally:
        os.close(top)


def name_of(file: BinaryIO) -> Path:
    """A name by which this process may open the very same file once more, whatever its path leads to by now."""
    return Path(f"/proc/self/fd/{file.fileno()}")


def _walk(top: int) -> Iterator[Path]:
    for parent, _, names, number in os.fwalk(".", dir_fd=top, follow_symlinks=False):
        for name in names:
            if stat.S_ISREG(os.stat(name, dir_fd=number, follow_symlinks=False).st_mode):
                yield Path(parent, name)


def _open(root: Path, path: Path, flags: int) -> int | None:
    *folders, last = path.relative_to(root).parts
    current = os.open(root, FOLDER)
    try:
        for name in folders:
            current = _step(current, name)
        return os.open(last, flags, dir_fd=current)
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.EISDIR, errno.ENXIO):
            return None
        raise
    finally:
        os.close(current)


def _step(current: int, name: str) -> int:
    following = os.open(name, FOLDER, dir_fd=current)
    os.close(current)
    return following
