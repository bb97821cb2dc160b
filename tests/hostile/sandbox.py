"""A folder in which something hostile is let loose, and what it looked like before and after.

What lives here: the canary, and the picture of a whole tree. What does not: what is let loose.
"""

import hashlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path

CANARY, PLANTED = "canary", "planted"  # in a sandbox: one is there, the other must not come
Picture = dict[str, tuple[str, ...]]


def make_sandbox(folder: Path) -> Path:
    """The folder with a canary in it, a folder beside that, and an empty `packages`."""
    for name in ("packages", "neighbour"):
        (folder / name).mkdir(parents=True)
    (folder / CANARY).write_text("alive")
    (folder / "neighbour" / "file").write_text("untouched")
    (folder / "neighbour" / "link").symlink_to("file")
    return folder


def picture(folder: Path, leave_out: str = "") -> Picture:
    """Every path below a folder with its kind, mode, and content or target; nothing of those below `leave_out`."""
    found = ((str(path.relative_to(folder)), path) for path in _paths(folder))
    return {name: _seen(path) for name, path in found if not leave_out or not f"{name}/".startswith(f"{leave_out}/")}


def _paths(folder: Path) -> Iterator[Path]:
    for parent, folders, files in os.walk(folder):
        yield from (Path(parent, name) for name in (*folders, *files))


def _seen(path: Path) -> tuple[str, ...]:
    status = path.lstat()
    mode = oct(status.st_mode)
    if stat.S_ISLNK(status.st_mode):
        return mode, str(path.readlink())
    if stat.S_ISREG(status.st_mode):
        return mode, hashlib.sha256(path.read_bytes()).hexdigest(), str(status.st_nlink)
    return (mode,)
