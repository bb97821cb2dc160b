"""The audit log on disk: `{data}/audit/YYYY-MM.jsonl`, one chain over all files, restarts and processes.

What lives here: appending under a lock, what is done where a writer died half way, reading it all again. What does
not: what a line says and how lines hang together (core.audit), which calls leave one (control, processes).

Each line is one `write` to the end of a file of mode 0600, synced before `record` returns. The head, a file beside,
holds the last line whole and is written first: what a writer that died did not write is written from there by the next
one, and an end that was cut off shows. What stands where no line should is moved to a file of its own, and named in
the log. Whoever may write this folder can write all of it anew: keep a head that `sextant audit verify` printed
elsewhere, and the lines up to it are beyond them.
"""

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Final

from monitor_jobs.contract.errors import BadInput, NotFound, SextantError
from service.core.audit import START, Break, Entry, Head, first_break, line_after
from service.private_files import FILE_MODE, only_one, private_folder, replace_private

FOLDER: Final = "audit"
HEAD_FILE: Final = "head.json"
FILES: Final = "[0-9][0-9][0-9][0-9]-[0-9][0-9].jsonl"
MENDED, MISSING, HEAD_LOST = "audit:LineMended", "audit:LinesMissing", "audit:HeadLost"
READ_BYTES: Final = 1 << 20


class AuditUnwritable(SextantError):
    """The audit log cannot be added to: what was to be recorded is not."""


@dataclass(frozen=True, slots=True)
class Tail:
    """The end of the log as its last writer meant it: the head, and the last line, which ends at a byte of a file."""

    sequence: int = START.sequence
    sha256: str = START.sha256
    file: str = ""
    end: int = 0
    line: str = ""

    @property
    def head(self) -> Head:
        """The chain's head."""
        return Head(self.sequence, self.sha256)

    @property
    def start(self) -> int:
        """Where the last line begins."""
        return self.end - len(self.line)


class AuditLog:
    """The log of one data folder, for any number of threads and processes at once."""

    def __init__(self, data: Path, clock: Callable[[], datetime]) -> None:
        self._folder = data.absolute() / FOLDER
        self._clock = clock

    def record(self, *entries: Entry) -> None:
        """Append a line for each entry; all are on the disk when this returns. Raises AuditUnwritable."""
        try:
            with only_one(private_folder(self._folder)):
                tail, mending = self._mended(_read_tail(self._folder))
                for entry in (*mending, *entries):
                    tail = self._append(tail, entry)
        except (OSError, BadInput) as error:
            raise AuditUnwritable(f"cannot write the audit log in {self._folder}: {error}; mend that first") from error

    def _append(self, tail: Tail, entry: Entry) -> Tail:
        line, head = line_after(tail.head, entry)
        # Never back to an earlier file, whatever the clock says.
        file = max(tail.file, f"{entry.at.astimezone(UTC):%Y-%m}.jsonl")
        start = tail.end if file == tail.file else _size(self._folder / file)
        after = Tail(head.sequence, head.sha256, file, start + len(line), line.decode())
        replace_private(self._folder / HEAD_FILE, json.dumps(asdict(after)).encode())
        _write(self._folder / file, line)
        return after

    def _mended(self, tail: Tail) -> tuple[Tail, list[Entry]]:
        """The tail where the file ends as it says, and what the log is to say of it where it did not."""
        if not tail.file:
            found = _tail_of_files(self._folder)
            return found, [self._said(HEAD_LOST, found, "")] if found.file else []
        path, size = self._folder / tail.file, _size(self._folder / tail.file)
        if size == tail.end:
            return tail, []
        if size < tail.start:
            whole = _whole_lines(path, size)
            aside = _moved_aside(path, whole) if size > whole else ""
            return replace(tail, end=whole), [self._said(MISSING, tail, aside)]
        expected = tail.end if size > tail.end else tail.start
        aside = _moved_aside(path, expected) if size > expected else ""
        if size < tail.end:
            _write(path, tail.line.encode())
        return tail, [self._said(MENDED, tail, aside)]

    def _said(self, operation: str, tail: Tail, aside: str) -> Entry:
        kept = {"KeptAsideName": aside} if aside else {}
        return Entry(self._clock(), operation, 200, resource={"FileName": tail.file, **kept})


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a look at the whole log found: how many lines are whole, the head, the first break, what was set aside."""

    lines: int
    head: Head
    broken: Break | None
    set_aside: tuple[str, ...]


def verified(data: Path) -> Verdict:
    """Whether every line is as it was written and none is missing. Raises NotFound where nothing was recorded yet."""
    folder, tail, ends = _snapshot(data)
    count = 0

    def lines() -> Iterator[tuple[str, bytes]]:
        nonlocal count
        for place, line in _lines(folder, ends):
            yield place, line
            count += 1

    broken = first_break(lines(), tail.head if tail.file else None)
    if broken is None and count and not tail.file:
        broken = Break(HEAD_FILE, "is gone: whether lines are missing at the end cannot be told")
    return Verdict(count, tail.head, broken, tuple(sorted(path.name for path in folder.glob("*.aside"))))


def recorded(data: Path) -> Iterator[dict[str, Any]]:
    """The lines of the log, the oldest first, as far as they can be read. Raises NotFound like `verified`."""
    folder, _, ends = _snapshot(data)
    for _, line in _lines(folder, ends):
        try:
            yield json.loads(line)
        except ValueError:
            continue  # `verified` says which


def _snapshot(data: Path) -> tuple[Path, Tail, dict[str, int]]:
    """The folder, its tail, and how far each file goes: writers may go on while the rest is read."""
    folder = data.absolute() / FOLDER
    if not folder.is_dir():
        raise NotFound(f"no audit log in {folder}: nothing that changes anything was asked for yet")
    with only_one(folder):
        return folder, _read_tail(folder), {path.name: _size(path) for path in sorted(folder.glob(FILES))}


def _lines(folder: Path, ends: dict[str, int]) -> Iterator[tuple[str, bytes]]:
    for name, end in ends.items():
        with (folder / name).open("rb") as file:
            number = 0
            while (left := end - file.tell()) > 0 and (line := file.readline(min(left, READ_BYTES))):
                number += 1
                yield f"{name} line {number}", line


def _read_tail(folder: Path) -> Tail:
    try:
        tail = Tail(**json.loads((folder / HEAD_FILE).read_bytes()))
    except (FileNotFoundError, ValueError, TypeError):
        return Tail()
    kinds = [type(value) for value in asdict(tail).values()]
    return tail if kinds == [int, str, str, int, str] and fnmatchcase(tail.file, FILES) else Tail()


def _tail_of_files(folder: Path) -> Tail:
    """The tail as the last whole line tells it, where the head is gone; whether there were more cannot be told."""
    for path in sorted(folder.glob(FILES), reverse=True):
        end, last = 0, b""
        with path.open("rb") as file:
            for line in file:
                end, last = end + len(line), line
        try:
            members = json.loads(last)
            return Tail(members["sequence"], members["sha256"], path.name, end, last.decode())
        except (ValueError, TypeError, KeyError):
            continue
    return Tail()


def _whole_lines(path: Path, size: int) -> int:
    """How many bytes of a file are whole lines."""
    return path.read_bytes().rfind(b"\n") + 1 if size else 0


def _write(path: Path, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, FILE_MODE)
    try:
        written = os.write(descriptor, content)
        if written != len(content):
            raise OSError(f"{written} of {len(content)} bytes were taken")
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _moved_aside(path: Path, start: int) -> str:
    """Move what stands behind a byte to a file of its own, whose name is returned."""
    with path.open("r+b") as file:
        file.seek(start)
        content = file.read()
        aside = path.with_name(f"{path.stem}-{start}-{len(content)}.aside")
        aside.unlink(missing_ok=True)  # the same bytes, set aside by a writer that died then
        _write(aside, content)
        file.truncate(start)
        os.fsync(file.fileno())
    return aside.name


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0
