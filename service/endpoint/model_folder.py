"""Where a model's package lies while its process lives, and not for longer, however the process ends.

The kernel drops a flock with its process: a folder whose lock can be taken was left by one that was killed, and goes
when the next process makes its own.
"""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from service.endpoint.segment import take_flock

PREFIX: Final = "sextant-package-"  # releases without locks called theirs sextant-model-: those may be alive


@contextmanager
def model_folder(parent: Path | None = None) -> Iterator[Path]:
    """A new folder that nobody else reads, below the machine's folder for temporary files, or another.

    Raises OSError. Checked in tests/unit/test_model_folder.py.
    """
    parent = parent or Path(tempfile.gettempdir())
    for left in parent.glob(f"{PREFIX}*"):
        _remove_if_left(left)
    folder, descriptor = _made_below(parent)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(descriptor)


def _made_below(parent: Path) -> tuple[Path, int]:
    """A folder and the descriptor that holds its lock."""
    while True:
        folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=parent))
        with suppress(FileNotFoundError):  # whoever swept just then took it for left
            descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            if take_flock(descriptor, folder):
                return folder, descriptor
            os.close(descriptor)


def _remove_if_left(folder: Path) -> None:
    with suppress(OSError):  # somebody else's, or gone
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            if os.fstat(descriptor).st_uid == os.geteuid() and take_flock(descriptor, folder):
                shutil.rmtree(folder, ignore_errors=True)
        finally:
            os.close(descriptor)
