"""Faults that the operating system makes, made for real and taken away again: disks that are full, read-only or broken,
memory that ends.

What lives here: context managers that leave nothing behind, however their block ends. What does not: who suffers them
(tests.servers.fault_endpoints). Most need root; where the system does not lend what one needs, it raises Unobtainable.
"""

import os
import shutil
import subprocess
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from tests.wait import wait_until

PATIENCE = 30
CGROUPS = Path("/sys/fs/cgroup")
FAKETIME = next(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"), None)
CHUNK_BYTES = 2**16


class Unobtainable(Exception):
    """This machine, or this user, cannot have the fault; the text says why."""


@dataclass(frozen=True)
class Disk:
    """A small file system of its own; `device` is None where it is a tmpfs, which has none."""

    folder: Path
    kind: str
    device: str | None

    def fail(self) -> None:
        """Let the kernel find an error in it: every write fails with EROFS until it is checked and mounted again."""
        if self.device is None:
            raise Unobtainable("a tmpfs has no errors: lend this machine a loop device")
        (Path("/sys/fs/ext4") / self.device / "trigger_fs_error").write_text("a test asked for it")


@contextmanager
def small_disk(folder: Path, size_bytes: int) -> Iterator[Disk]:
    """A new ext4 of that size mounted on the folder, or a tmpfs where no loop device is to be had."""
    image = disk_image(folder)
    with image.open("wb") as file:
        file.truncate(size_bytes)
    _run("mkfs.ext4", "-q", "-F", "-m", "0", image)  # -m 0: root gets no more of it than others
    with mounted_image(image, folder) as disk:
        yield disk


def disk_image(folder: Path) -> Path:
    """The file that holds the disk mounted on the folder."""
    return folder.with_suffix(".ext4")


def copied_image(image: Path) -> Path:
    """A copy of the image of a disk that broke, to be mounted beside it.

    The disk itself may live on after its unmounting, broken as it is, in the mounts of some process that copied them
    before; whoever mounts its image again gets that one.
    """
    os.sync()
    return shutil.copyfile(image, image.with_suffix(".copy.ext4"))


@contextmanager
def mounted_image(image: Path, folder: Path) -> Iterator[Disk]:
    """An ext4 image mounted on the folder, checked before; where that cannot be, an empty tmpfs of its size."""
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run(["e2fsck", "-fp", str(image)], capture_output=True, check=False)
    try:
        _run("mount", "-o", "loop,errors=remount-ro", image, folder)
    except Unobtainable:
        _run("mount", "-t", "tmpfs", "-o", f"size={image.stat().st_size}", "tmpfs", folder)
    try:
        yield _disk_at(folder)
    finally:
        _unmount(folder)


@contextmanager
def crowded(folder: Path) -> Iterator[None]:
    """A file of somebody else's that takes all the room there is."""
    path = folder / "somebody-else"
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        for size_bytes in (CHUNK_BYTES, 512):
            with suppress(OSError):
                while True:
                    os.write(descriptor, b"\1" * size_bytes)
        yield
    finally:
        os.close(descriptor)
        path.unlink()


@contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """The folder as a read-only mount: nothing in it can be made, renamed or removed by its name.

    A file system with files open for writing cannot be remounted read-only as a whole (EBUSY). So a read-only mount of
    the same files comes to lie upon it, from one instant to the next.
    """
    aside = folder.with_suffix(".read-only")
    aside.mkdir()
    _run("mount", "--bind", folder, aside)
    try:
        _run("mount", "-o", "remount,bind,ro", aside)
        _run("mount", "--bind", aside, folder)
        try:
            yield
        finally:
            _unmount(folder)
    finally:
        _unmount(aside)
        aside.rmdir()


@dataclass(frozen=True)
class MemoryLimit:
    """A memory cgroup, version 1 or 2."""

    folder: Path

    def hold(self, process_id: int) -> None:
        """Count what the process allocates from now on."""
        (self.folder / "cgroup.procs").write_text(str(process_id))

    @property
    def kills(self) -> int:
        """How many processes the kernel has killed in it for want of memory."""
        events = next(path for name in ("memory.events", "memory.oom_control") if (path := self.folder / name).exists())
        return int(dict(line.split() for line in events.read_text().splitlines())["oom_kill"])


@contextmanager
def memory_limit(limit_bytes: int) -> Iterator[MemoryLimit]:
    """A memory cgroup of its own below that of this process."""
    parent, limit_file = _memory_cgroup()
    folder = parent / f"sextant-{uuid.uuid4().hex[:8]}"
    try:
        folder.mkdir()
    except OSError as error:
        raise Unobtainable(f"no memory cgroup can be made: {error}") from error
    try:
        _write_limit(folder / limit_file, limit_bytes)
        yield MemoryLimit(folder)
    finally:
        wait_until(lambda: _is_removed(folder), timeout_seconds=PATIENCE, what=f"an empty cgroup {folder}")


def fake_clock(offset_file: Path) -> dict[str, str]:
    """The environment of a program whose clock is off by what the file says, such as +3600; intervals stay right."""
    if FAKETIME is None:
        raise Unobtainable("libfaketime is not installed: apt-get install libfaketime")
    return {
        "LD_PRELOAD": str(FAKETIME),
        "FAKETIME_TIMESTAMP_FILE": str(offset_file),
        "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "NO_FAKE_STAT": "1",
    }


def _memory_cgroup() -> tuple[Path, str]:
    lines = [line.split(":", 2) for line in Path("/proc/self/cgroup").read_text().splitlines()]
    for _, controllers, path in lines:
        if "memory" in controllers.split(","):
            return CGROUPS / "memory" / path.lstrip("/"), "memory.limit_in_bytes"
    unified = CGROUPS / lines[-1][2].lstrip("/")
    control = unified / "cgroup.subtree_control"
    if control.exists() and "memory" in control.read_text().split():
        return unified, "memory.max"
    raise Unobtainable("no memory cgroup is to be had: this process may not divide its own")


def _write_limit(path: Path, limit_bytes: int) -> None:
    try:
        path.write_text(str(limit_bytes))
    except OSError as error:
        raise Unobtainable(f"no memory limit can be set: {error}") from error


def _is_removed(folder: Path) -> bool:
    try:
        folder.rmdir()
    except OSError:
        return False  # the kernel has not yet buried the last process
    return True


def _disk_at(folder: Path) -> Disk:
    mounts = [line.split() for line in Path("/proc/mounts").read_text().splitlines()]
    place = str(folder).replace(" ", r"\040")
    source, _, kind = next(mount[:3] for mount in reversed(mounts) if mount[1] == place)
    return Disk(folder, kind, Path(source).name if source.startswith("/dev/") else None)


def _unmount(folder: Path) -> None:
    # whoever ends closes its last file there in a moment
    try:
        wait_until(lambda: _is_unmounted(folder), timeout_seconds=PATIENCE, what=f"the last file on {folder} closed")
    except BaseException:
        _run("umount", "--lazy", folder)
        raise


def _is_unmounted(folder: Path) -> bool:
    return not subprocess.run(["umount", str(folder)], capture_output=True, check=False).returncode


def _run(*command: str | Path) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        raise Unobtainable(f"{command[0]} is not installed") from error
    if done.returncode:
        raise Unobtainable(f"{' '.join(map(str, command))}: {done.stderr.strip()}")
