"""One segment of the spool: its name, from which its address follows, and the open file that records are appended to.

What lives here: names and single files. What does not: who owns a segment (ownership), what a crash left (recovery),
when one is sealed (writer), where it goes (uploader).
"""

import errno
import fcntl
import os
import re
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Protocol, Self

from monitor_jobs.capture_io import Contents, Tally

_NAME = re.compile(
    r"(?P<producer>[0-9a-f]{32})-(?P<sequence>\d{8})-(?P<second>\d{8}T\d{6})(?P<milliseconds>\d{3})Z"
    r"-(?P<uuid>[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\.(?P<state>open|sealed|gap|lost)"
)


class Files(Protocol):
    """The system calls that the spool makes to change files; the module `os` is the real one."""

    def open(self, path: Path, flags: int, mode: int, /) -> int:
        """See os.open."""
        ...

    def write(self, fd: int, data: bytes, /) -> int:
        """See os.write."""
        ...

    def ftruncate(self, fd: int, length: int, /) -> None:
        """See os.ftruncate."""
        ...

    def fdatasync(self, fd: int, /) -> None:
        """See os.fdatasync."""
        ...

    def fsync(self, fd: int, /) -> None:
        """See os.fsync."""
        ...

    def rename(self, src: Path, dst: Path, /) -> None:
        """See os.rename."""
        ...

    def unlink(self, path: Path, /) -> None:
        """See os.unlink."""
        ...


class State(StrEnum):
    """What a file of the spool is; its suffix."""

    OPEN = "open"
    SEALED = "sealed"
    GAP = "gap"  # a marker of records that were dropped, with a number of its own
    LOST = "lost"  # the manifest of a segment that was set aside


@dataclass(frozen=True, slots=True)
class SegmentName:
    """`{producer}-{sequence}-{opening time}-{uuid4}`; the opening time is that of the first record, in ms."""

    producer: str
    sequence: int
    opened_at: datetime
    uuid: uuid.UUID

    @classmethod
    def new(cls, producer: str, sequence: int, opened_at: datetime) -> Self:
        """A name that no other segment has."""
        milliseconds = opened_at.microsecond // 1000 * 1000
        return cls(producer, sequence, opened_at.astimezone(UTC).replace(microsecond=milliseconds), uuid.uuid4())

    def file(self, state: State) -> str:
        """The file name in that state."""
        milliseconds = self.opened_at.microsecond // 1000
        return (
            f"{self.producer}-{self.sequence:08d}-{self.opened_at:%Y%m%dT%H%M%S}{milliseconds:03d}Z-{self.uuid}.{state}"
        )


def parse_file_name(file_name: str) -> tuple[SegmentName, State] | None:
    """The segment and state that a file name tells; None where it is no name of ours."""
    match = _NAME.fullmatch(file_name)
    if match is None:
        return None
    try:
        second = datetime.strptime(match["second"], "%Y%m%dT%H%M%S").replace(tzinfo=UTC)
    except ValueError:
        return None
    opened_at = second.replace(microsecond=int(match["milliseconds"]) * 1000)
    name = SegmentName(match["producer"], int(match["sequence"]), opened_at, uuid.UUID(match["uuid"]))
    return name, State(match["state"])


class OpenSegment:
    """A file that is appended to under flock. Every method may raise OSError.

    After a failed append the file ends where it did before; where even that could not be had it is `torn`. One
    that failed to reach the disk is `doubtful`: the kernel reports that once, and then forgets the pages. Neither is
    written again: seal it, and open another. A sealed one that had nothing in it is `discarded`: no file has its name
    any more. One thread may sync while another appends.
    """

    def __init__(self, folder: Path, name: SegmentName, files: Files) -> None:
        self.name = name
        self.size_bytes = 0
        self.torn = False
        self.doubtful = False
        self.discarded = False
        self._path = folder / name.file(State.OPEN)
        self._files = files
        self._tally = Tally()
        self._uncounted: list[tuple[bytes, tuple[bytes, ...]]] = []
        self._unsynced = False
        self._named = False  # on the disk; without its name a file's content is not to be found there
        self._fd = files.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(self._fd)
            raise

    def append(self, *lines: bytes) -> None:
        """Write records whole, in one system call, or leave the file as it was and raise OSError."""
        content = b"".join(lines)  # of one it is that one
        try:
            write_whole(self._fd, content, self._files)
        except OSError:
            self._roll_back()
            raise
        self.size_bytes += len(content)
        self._unsynced = True
        self._uncounted.append((content, lines))

    def count(self) -> None:
        """Take the digest of what was appended, while it is still in the processor's cache and nobody waits for it."""
        for content, lines in self._uncounted:
            self._tally.add(content, lines)
        self._uncounted.clear()

    def contents(self) -> Contents:
        """What was appended to a segment that is written no more."""
        self.count()
        return self._tally.contents()

    def sync(self) -> None:
        """Put what was appended so far on the disk."""
        with self._doubted():
            if self._unsynced:
                self._unsynced = False  # first: what is appended meanwhile waits for the next time
                self._files.fdatasync(self._fd)
            if not self._named:
                sync_folder(self._path.parent, self._files)
                self._named = True

    def seal(self) -> None:
        """Put the file on the disk under its sealed name and close it; an empty one is removed.

        A torn one keeps its name, and whoever mends it seals it. Where the disk refuses to sync, the file is sealed
        with what the kernel still holds of it, and the refusal raised.
        """
        try:
            if self.torn:
                self.sync()  # its whole records are waited for
            elif self.size_bytes:
                self._publish()
            else:
                self._files.unlink(self._path)
                self.discarded = True
        finally:
            os.close(self._fd)

    def _publish(self) -> None:
        try:
            with self._doubted():
                self._files.fsync(self._fd)
        finally:
            publish(self._path, self._path.with_name(self.name.file(State.SEALED)), self._files)

    @contextmanager
    def _doubted(self) -> Iterator[None]:
        try:
            yield
        except OSError:
            self.doubtful = True
            raise

    def _roll_back(self) -> None:
        try:
            self._files.ftruncate(self._fd, self.size_bytes)
        except OSError:
            self.torn = True


def write_whole(descriptor: int, content: bytes, files: Files) -> None:
    """Write in one system call. Raises OSError where it fails, or takes only a part: how a full disk says so first."""
    written = files.write(descriptor, content)
    if written < len(content):
        raise OSError(errno.ENOSPC, f"{written} of {len(content)} bytes written")


def publish(path: Path, final: Path, files: Files) -> None:
    """Rename within one folder, and put the new name on the disk. Raises OSError."""
    files.rename(path, final)
    sync_folder(final.parent, files)


def sync_folder(folder: Path, files: Files) -> None:
    """Put the names of a folder on the disk. Raises OSError."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        files.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def held(path: Path) -> Iterator[bool]:
    """True while this process alone holds the file's flock; False where another does, or the file is gone."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        yield False
        return
    try:
        yield take_flock(descriptor, path)
    finally:
        os.close(descriptor)


def take_flock(descriptor: int, path: Path) -> bool:
    """True where the flock could be taken, and the file still has that path: its last holder may have moved it."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return path.stat().st_ino == os.fstat(descriptor).st_ino
    except (BlockingIOError, FileNotFoundError):
        return False
