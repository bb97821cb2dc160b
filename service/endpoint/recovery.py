"""What the spool folder holds, and how files that a crash left in it are made whole, or set aside.

What lives here: listing, mending, quarantine. What does not: whose files they are (ownership), and when this is done
(uploader).
"""

import errno
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import orjson

from monitor_jobs.contract.errors import SextantError
from monitor_jobs.contract.manifest import Outcome, unstored
from monitor_jobs.contract.watermark import SECOND, floor_second
from monitor_jobs.contract.window import HOUR, floor_hour
from service.endpoint.segment import Files, SegmentName, State, parse_file_name, publish, sync_folder, write_whole

QUARANTINE = "quarantine"
PART = ".part"  # the suffix of a file that is being written
NOT_OF_THE_FILE = (errno.ENOENT, errno.EMFILE, errno.ENFILE, errno.ENOMEM)  # so why it is not read: gone, or our limits
_PART_NAME = re.compile(rf"(?P<producer>[0-9a-f]{{32}})-.*{re.escape(PART)}")


class UnreadableSegment(SextantError):
    """A segment's bytes cannot be read, or are no capture records."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One file of the spool."""

    path: Path
    name: SegmentName
    state: State

    @property
    def holds_records(self) -> bool:
        """False where it only tells of some that are lost."""
        return self.state in (State.OPEN, State.SEALED)


@dataclass(frozen=True, slots=True)
class Damaged:
    """The lines of a segment: those that are records, and those that are none."""

    records: list[bytes]
    damage: list[bytes]


@dataclass(frozen=True, slots=True)
class Mended:
    """What a segment holds now."""

    records: int
    size_bytes: int


def entries_in(folder: Path) -> list[Entry]:
    """Every segment, gap and manifest of the folder, the earliest opened first."""
    return sorted(_entries(folder), key=lambda entry: (entry.name.opened_at, entry.name.sequence))


def foreign_files(folder: Path) -> list[Path]:
    """Files that look like segments but have no name of ours."""
    suffixes = tuple(f".{state}" for state in (State.OPEN, State.SEALED))
    return [path for path in folder.iterdir() if path.name.endswith(suffixes) and not parse_file_name(path.name)]


def parts_in(folder: Path) -> dict[Path, str]:
    """Every file that was being written, or still is, and its producer."""
    matches = ((path, _PART_NAME.fullmatch(path.name)) for path in folder.iterdir())
    return {path: match["producer"] for path, match in matches if match}


def mend(path: Path, files: Files) -> Mended:
    """Cut what a crash left of an unfinished record, put the others on the disk, and count them.

    Only the end may be torn: text after the last newline, and one last line that is no record. Raises UnreadableSegment
    where any other line is none, or the file cannot be read; OSError where that may pass.
    """
    content = _content(path)
    *lines, tail = content.split(b"\n")
    whole_bytes = len(content) - len(tail)
    if lines and not _is_record(lines[-1]):
        whole_bytes -= len(lines.pop()) + 1
    if not all(map(_is_record, lines)):
        raise UnreadableSegment(f"{path.name} holds a line before its last that is no capture record")
    _keep(path, whole_bytes, files)
    return Mended(len(lines), whole_bytes)


def seems_to_hold(path: Path) -> int:
    """How many records a file that is not to be trusted seems to hold: its lines, at least one."""
    try:
        return max(1, path.read_bytes().count(b"\n"))
    except OSError:
        return 1


def is_readable(path: Path) -> bool:
    """True where every byte of the file can be read, or it is not the file that stands in the way."""
    try:
        path.read_bytes()
    except OSError as error:
        return error.errno in NOT_OF_THE_FILE
    return True


def set_aside(entry: Entry, records: int, files: Files) -> None:
    """Move a segment to the quarantine and leave its manifest, so that whoever reads its hour knows. Raises OSError."""
    name, (first, last) = entry.name, span_of(entry)
    manifest = unstored(name.producer, name.sequence, name.opened_at, Outcome.QUARANTINED, records=records)
    told = manifest.model_copy(update={"first_inference_time": first, "last_inference_time": last})
    put_file(entry.path.with_name(name.file(State.LOST)), told.to_json(), files)
    quarantine(entry.path, files)


def span_of(entry: Entry) -> tuple[datetime, datetime]:
    """The first and the last second that records of a segment may be of, in its hour. Raises OSError."""
    changed_at = datetime.fromtimestamp(entry.path.stat().st_mtime, UTC)
    first, hour_end = floor_second(entry.name.opened_at), floor_hour(entry.name.opened_at) + HOUR
    return first, min(max(floor_second(changed_at), first), hour_end - SECOND)


def quarantine(path: Path, files: Files) -> None:
    """Move a file to where nobody looks for captures. Raises OSError."""
    publish(path, _quarantine_beside(path, files) / path.name, files)


def damage_of(path: Path) -> Damaged:
    """What of a segment is no record: a power failure can tear a hole into what was not synced, with records after it.

    Raises OSError; UnreadableSegment where there is nothing to keep.
    """
    parted = Damaged([], [])
    for line in _content(path).split(b"\n")[:-1]:
        (parted.records if _is_record(line) else parted.damage).append(line + b"\n")
    if not parted.records:
        raise UnreadableSegment(f"{path.name} holds no capture record")
    return parted


def part(path: Path, damaged: Damaged, files: Files) -> None:
    """Leave only the records in a segment, and the rest in the quarantine. Raises OSError."""
    put_file(_quarantine_beside(path, files) / path.name, b"".join(damaged.damage), files)
    put_file(path, b"".join(damaged.records), files)


def put_file(path: Path, content: bytes, files: Files) -> None:
    """Put a file into the spool, whole or not at all; what a failure leaves of it ends in PART. Raises OSError.

    After such a failure its name may be there, and then with all of it.
    """
    beside = path.with_suffix(PART)
    descriptor = files.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        write_whole(descriptor, content, files)
        files.fsync(descriptor)
    finally:
        os.close(descriptor)
    publish(beside, path, files)


def _entries(folder: Path) -> Iterator[Entry]:
    for path in folder.iterdir():
        parsed = parse_file_name(path.name)
        if parsed is not None:
            yield Entry(path, *parsed)


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except IsADirectoryError as error:  # any other failure may pass
        raise UnreadableSegment(f"{path.name} cannot be read: {error}") from error


def _quarantine_beside(path: Path, files: Files) -> Path:
    folder = path.parent / QUARANTINE
    folder.mkdir(exist_ok=True)
    sync_folder(path.parent, files)
    return folder


def _keep(path: Path, size_bytes: int, files: Files) -> None:
    descriptor = files.open(path, os.O_WRONLY | os.O_CLOEXEC, 0o600)
    try:
        if os.fstat(descriptor).st_size > size_bytes:
            files.ftruncate(descriptor, size_bytes)
        files.fsync(descriptor)  # its producer may have died before it came to that
    finally:
        os.close(descriptor)


def _is_record(line: bytes) -> bool:
    try:
        record = orjson.loads(line)
    except orjson.JSONDecodeError:
        return False
    return isinstance(record, dict) and "captureData" in record
