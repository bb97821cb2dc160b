"""A disk that notes what a spool does to it, and every state that a power failure may leave it in.

What lives here: the record, and the states. What does not: what is done to the disk (power_life), how many states are
tried (tests.benchmarks.faults.power_cut).

What a cut may leave, after ext4 and a little harsher than it:
- of a file, what was last synced, and any of what was done to it since, up to some moment: cut short anywhere beyond
  what was synced, or with blocks of zeros there;
- of names, those that were there when their folder was last synced, and any of what became of them since: each file for
  itself, or all up to one moment, as a journal has it. A rename is one step: never both names, never neither.
"""

import os
import random
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.servers.failing_disk import is_record

BLOCK_BYTES = 4096


@dataclass(frozen=True, slots=True)
class Wrote:
    file: int
    offset: int
    content: bytes


@dataclass(frozen=True, slots=True)
class Truncated:
    file: int
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Synced:
    file: int


@dataclass(frozen=True, slots=True)
class Named:
    """A file has a name, a new one, or none any more."""

    file: int
    path: Path | None


@dataclass(frozen=True, slots=True)
class FolderSynced:
    folder: Path
    folders: frozenset[Path]  # in it


Event = Wrote | Truncated | Synced | Named | FolderSynced


class RecordedDisk:
    """The module `os` for a spool; `note` hears each event, one at a time, when it has happened."""

    def __init__(self, note: Callable[[Event], None]) -> None:
        self._hear = note
        self._unsynced: set[int] = set()
        self._files: dict[int, int] = {}  # by inode
        self._paths: dict[int, Path] = {}  # by file: another path is another file, which has got the inode of the first
        self._count = 0
        self._half_next = False
        self._lock = threading.RLock()

    def take_half_of_the_next_record(self) -> None:
        """The disk is full for a moment."""
        self._half_next = True

    def know(self, folder: Path) -> None:
        """What lies in a folder is on the disk already."""
        with self._lock:
            for path in sorted(folder.iterdir()):
                self._note(Synced(self._known(path)))
            self.sync_folder(folder)
            self.sync_folder(folder.parent)

    def has_all_of(self, path: Path) -> bool:
        """Whether all that was written to a file is on the disk."""
        with self._lock:
            return self._known(path) not in self._unsynced

    def open(self, path: Path, flags: int, mode: int) -> int:
        with self._lock:
            descriptor = os.open(path, flags, mode)
            file = self._known(path)
            if flags & os.O_TRUNC:
                self._note(Truncated(file, 0))
            return descriptor

    def write(self, descriptor: int, content: bytes) -> int:
        with self._lock:
            half = self._half_next and is_record(content)
            taken = content[: len(content) // 2] if half else content
            self._half_next &= not half
            written = os.write(descriptor, taken)
            offset = os.lseek(descriptor, 0, os.SEEK_CUR) - written
            self._note(Wrote(self._files[os.fstat(descriptor).st_ino], offset, taken[:written]))
            return written

    def ftruncate(self, descriptor: int, size_bytes: int) -> None:
        with self._lock:
            os.ftruncate(descriptor, size_bytes)
            self._note(Truncated(self._files[os.fstat(descriptor).st_ino], size_bytes))

    def fsync(self, descriptor: int) -> None:
        with self._lock:
            path = Path(f"/proc/self/fd/{descriptor}").readlink()
            if path.is_dir():
                self.sync_folder(path)
            else:
                self._note(Synced(self._known(path)))

    fdatasync = fsync

    def rename(self, source: Path, target: Path) -> None:
        with self._lock:
            file = self._known(source)
            os.rename(source, target)  # noqa: PTH104  the call that is recorded
            self._paths[file] = target
            self._note(Named(file, target))

    def unlink(self, path: Path) -> None:
        with self._lock:
            file, inode = self._known(path), path.stat().st_ino
            path.unlink()
            del self._files[inode]
            self._note(Named(file, None))

    def sync_folder(self, folder: Path) -> None:
        for path in folder.iterdir():
            if path.is_file() and folder.name == "spool":
                self._known(path)
        self._note(FolderSynced(folder, frozenset(path for path in folder.iterdir() if path.is_dir())))

    def _note(self, event: Event) -> None:
        if isinstance(event, Wrote | Truncated):
            self._unsynced.add(event.file)
        elif isinstance(event, Synced):
            self._unsynced.discard(event.file)
        self._hear(event)

    def _known(self, path: Path) -> int:
        """The number of a file; what was done to it without this door is noted now, as not synced."""
        inode = path.stat().st_ino
        if inode not in self._files or self._paths[self._files[inode]] != path:
            self._files[inode] = self._count
            self._paths[self._count] = path
            self._count += 1
            self._note(Named(self._files[inode], path))
            if content := path.read_bytes():
                self._note(Wrote(self._files[inode], 0, content))
        return self._files[inode]


class LyingDisk(RecordedDisk):
    """A disk that says it has synced, and has not: what no spool can stand."""

    def fsync(self, descriptor: int) -> None:
        if Path(f"/proc/self/fd/{descriptor}").readlink().is_dir():
            super().fsync(descriptor)

    fdatasync = fsync


class NamelessDisk(RecordedDisk):
    """A disk that does not sync the folders it is asked to."""

    def sync_folder(self, folder: Path) -> None:
        if folder.name != "spool":
            super().sync_folder(folder)


@dataclass
class _File:
    """What of a file is on the disk for sure, and what has been done since."""

    synced: bytes = b""
    since: list[Wrote | Truncated] = field(default_factory=list)
    names: list[tuple[int, Path | None]] = field(default_factory=lambda: [(-1, None)])  # and when it got them
    safe: int = 0  # the index of the last name that is on the disk
    replaces: dict[int, int] = field(default_factory=dict)  # with that name, that file

    def settle(self, folder: Path) -> None:
        """Its folder is synced: so is every name that this one had, or lost, there."""
        for index in range(len(self.names) - 1, self.safe, -1):
            paths = self.names[index][1], self.names[index - 1][1]
            if any(path is not None and path.parent == folder for path in paths):
                self.safe = index
                return

    def content(self, events: list[Wrote | Truncated]) -> bytes:
        content = bytearray(self.synced)
        for event in events:
            if isinstance(event, Truncated):
                del content[event.size_bytes :]
            else:
                content[event.offset : event.offset + len(event.content)] = event.content
        return bytes(content)


class Disk:
    """What a disk holds after some events."""

    def __init__(self, events: list[Event]) -> None:
        self._files: dict[int, _File] = {}
        self._folders: set[Path] = set()
        for step, event in enumerate(events):
            self._apply(step, event)
        self._steps = len(events)

    def after_a_cut(self, generator: random.Random) -> dict[Path, bytes]:
        """One state that a power failure may leave: the content of every file that has a name then."""
        chosen = self._chosen_names(generator)
        gone = {
            replaced
            for file, index in chosen.items()
            for at, replaced in self._files[file].replaces.items()
            if index >= at
        }
        return {
            path: _left_of(self._files[file], generator)
            for file, index in chosen.items()
            if (path := self._files[file].names[index][1]) and file not in gone and path.parent in self._folders
        }

    def _chosen_names(self, generator: random.Random) -> dict[int, int]:
        moment = generator.randrange(self._steps + 1) if generator.random() < 0.5 else None
        chosen = {}
        for number, file in self._files.items():
            if moment is None:
                chosen[number] = generator.randrange(file.safe, len(file.names))
            else:
                had = (index for index, (step, _) in enumerate(file.names) if step < moment)
                chosen[number] = max(file.safe, *had)
        return chosen

    def _apply(self, step: int, event: Event) -> None:
        if isinstance(event, FolderSynced):
            self._folders |= event.folders
            for file in self._files.values():
                file.settle(event.folder)
            return
        file = self._files.setdefault(event.file, _File())
        if isinstance(event, Named):
            self._rename(step, event, file)
        elif isinstance(event, Synced):
            file.synced, file.since = file.content(file.since), []
        else:
            file.since.append(event)

    def _rename(self, step: int, event: Named, file: _File) -> None:
        for number, other in self._files.items():
            if event.path is not None and other is not file and other.names[-1][1] == event.path:
                file.replaces[len(file.names)] = number
        file.names.append((step, event.path))


def _left_of(file: _File, generator: random.Random) -> bytes:
    """What a cut leaves of a file's content."""
    done = file.since[: generator.randrange(len(file.since) + 1)]
    content = file.content(done)
    kept = min([len(file.synced), *(event.size_bytes for event in done if isinstance(event, Truncated))])
    harm = generator.choice(("none", "short", "zeros"))
    if harm == "short":
        return content[: generator.randint(kept, len(content))]
    if harm == "zeros":
        return _with_zeros(content, kept, generator)
    return content


def _with_zeros(content: bytes, kept: int, generator: random.Random) -> bytes:
    torn = bytearray(content)
    for start, end in _blocks(kept, len(content)):
        if generator.random() < 0.5:
            torn[start:end] = bytes(end - start)
    return bytes(torn)


def _blocks(start: int, end: int) -> Iterator[tuple[int, int]]:
    while start < end:
        block_end = min(end, (start // BLOCK_BYTES + 1) * BLOCK_BYTES)
        yield start, block_end
        start = block_end
