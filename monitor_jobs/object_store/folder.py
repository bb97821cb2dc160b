"""Object storage in a folder: every object is the plain file `{root}/store/{bucket}/{key}`.

What lives here: FolderStore, for any number of threads and processes of one machine at once.
What does not: objects in the making; they wait in `{root}/tmp`, on the same file system, for a rename to move them in.

An object counts as stored when its bytes and its name are on the disk. Readers need no lock, writers two: each file in
`{root}/tmp` is locked while its writer lives, and `{root}/tmp` itself is shared by those who need folders to stay, and
held alone by whoever removes empty ones.
"""

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from itertools import takewhile
from pathlib import Path
from typing import BinaryIO
from uuid import uuid4

from monitor_jobs.contract.errors import BadInput, StoreUnavailable
from monitor_jobs.object_store.port import Head, ObjectMissing, S3Address, StoredObject
from monitor_jobs.object_store.whole_file import whole_file

CHUNK_BYTES = 1024 * 1024
NAME_MAX_BYTES = 255
# rclone, which may serve the same folder by S3, makes objects beside the others, and hides these names as well.
OTHERS_ARRIVALS = ".rclone_temp_"
READ_AND_WRITE = 0o666


class FolderStore:
    """The object store that ships as the simple one.

    Keys that cannot be files are refused with BadInput: those with an empty, `.` or `..` part or one of more than 255
    bytes, those that lead through a symbolic link, and those of which one is the folder of another.
    """

    def __init__(self, root: Path) -> None:
        real_root = Path(os.path.realpath(root))
        self._store = real_root / "store"
        self._arrivals = real_root / "tmp"
        self._discard_abandoned_arrivals()

    def put(self, address: S3Address, body: bytes) -> None:
        """See ObjectStore."""
        with self._replacing(address) as file:
            file.write(body)

    def upload(self, path: Path, address: S3Address) -> None:
        """See ObjectStore."""
        with path.open("rb") as source, self._replacing(address) as file:
            shutil.copyfileobj(source, file, CHUNK_BYTES)

    def take(self, path: Path, address: S3Address) -> None:
        """See ObjectStore; a file of the same file system is given a second name, any other is copied."""
        target = self._path(address)
        try:
            with self._second_name(path) as arrived, self._failures_named("write", address):
                self._move_in(arrived, target, address)
        except OSError:  # another file system, or one without such names, or a file of another user
            self.upload(path, address)

    def get(self, address: S3Address) -> bytes:
        """See ObjectStore."""
        with self._reading(address) as path:
            return path.read_bytes()

    def download(self, address: S3Address, path: Path) -> None:
        """See ObjectStore."""
        with whole_file(path) as file:
            file.writelines(self._chunks(address))

    def head(self, address: S3Address) -> Head:
        """See ObjectStore; a file has no ETag."""
        with self._reading(address) as path:
            return Head(path.stat().st_size)

    def list(self, prefix: S3Address) -> Iterator[StoredObject]:
        """See ObjectStore; one folder at a time is held in memory."""
        folder_key, slash, name_start = prefix.key.rpartition("/")
        try:
            bucket = _contained(self._store / prefix.bucket)
            folder = self._path(S3Address(prefix.bucket, folder_key)) if slash else bucket
        except BadInput:
            return  # what can be no key begins no key
        with self._failures_named("list", prefix):
            for entry in _files_in_key_order(folder, name_start):
                found = _stored_object(entry, bucket)
                if found is not None:
                    yield found

    def delete(self, address: S3Address) -> None:
        """See ObjectStore; folders that become empty go too, lest they stand in the way of a key of their name."""
        path = self._path(address)
        with (
            self._failures_named("delete", address),
            suppress(FileNotFoundError, NotADirectoryError, IsADirectoryError),
        ):
            path.unlink()
            _sync_folder(path.parent)
            self._remove_empty_folders(path.parent, self._store / address.bucket)

    def _path(self, address: S3Address) -> Path:
        if flaw := _flaw(address.key):
            raise BadInput(f"{address} cannot be kept as a file: {flaw}; choose another key")
        return _contained(self._store / address.bucket / address.key)

    @contextmanager
    def _reading(self, address: S3Address) -> Iterator[Path]:
        path = self._path(address)
        with self._failures_named("read", address):
            try:
                if path.is_file():
                    yield path
                    return
            except FileNotFoundError:
                pass  # deleted between the two looks
            raise ObjectMissing(f"{address} does not exist")

    def _chunks(self, address: S3Address) -> Iterator[bytes]:
        with self._reading(address) as path, path.open("rb") as file:
            while chunk := file.read(CHUNK_BYTES):
                yield chunk

    @contextmanager
    def _replacing(self, address: S3Address) -> Iterator[BinaryIO]:
        """A new file, which becomes the object when the block ends well."""
        path = self._path(address)
        with self._failures_named("write", address), self._arrival() as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
            self._move_in(Path(file.name), path, address)

    def _move_in(self, arrived: Path, path: Path, address: S3Address) -> None:
        try:
            with self._locked(fcntl.LOCK_SH):
                _make_folder(path.parent)
                arrived.replace(path)
        except (FileExistsError, NotADirectoryError, IsADirectoryError) as error:
            raise BadInput(
                f"{address} cannot be kept as a file: one key is the folder of another; choose another key, "
                f"or remove {error.filename2 or error.filename}"
            ) from error
        _sync_folder(path.parent)

    @contextmanager
    def _arrival(self) -> Iterator[BinaryIO]:
        with self._locked(fcntl.LOCK_SH):  # nobody may take the file for abandoned before it is locked
            file = (self._arrivals / uuid4().hex).open("xb")
            fcntl.flock(file, fcntl.LOCK_EX)
        try:
            with file:
                yield file
        finally:
            Path(file.name).unlink(missing_ok=True)

    @contextmanager
    def _second_name(self, path: Path) -> Iterator[Path]:
        with self._locked(fcntl.LOCK_SH):  # nobody may take the name for abandoned
            name = self._arrivals / uuid4().hex
            os.link(path.resolve(), name)
            try:
                name.chmod(self._arrivals.stat().st_mode & READ_AND_WRITE)  # whoever may come here may read what does
                yield name
            finally:
                name.unlink(missing_ok=True)  # a rename leaves it where the object is that file already

    def _discard_abandoned_arrivals(self) -> None:
        if not os.access(self._arrivals, os.W_OK):
            return  # nothing was written yet, or not by us
        with self._locked(fcntl.LOCK_EX):
            for path in self._arrivals.iterdir():
                _discard_if_abandoned(path)

    def _remove_empty_folders(self, folder: Path, bucket: Path) -> None:
        with self._locked(fcntl.LOCK_EX), suppress(OSError):  # OSError: not empty; a folder that stays is in no listing
            while folder != bucket:
                folder.rmdir()
                folder = folder.parent

    @contextmanager
    def _locked(self, operation: int) -> Iterator[None]:
        self._arrivals.mkdir(parents=True, exist_ok=True)
        folder = os.open(self._arrivals, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.flock(folder, operation)
            yield
        finally:
            os.close(folder)

    @contextmanager
    def _failures_named(self, operation: str, address: S3Address) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise StoreUnavailable(
                f"cannot {operation} {address}: {error}; check that {self._store.parent} is mounted, has room, "
                "and belongs to the user that runs this"
            ) from error


def _contained(path: Path) -> Path:
    # a path below the store that is its own real path can lead nowhere else
    if os.path.realpath(path) != str(path):
        raise BadInput(f"{path} leads through a symbolic link, which the store never follows; remove the link")
    return path


def _flaw(key: str) -> str | None:
    parts = key.split("/")
    if not all(parts):
        return "it has an empty part (no key, two slashes in a row, or a slash at either end)"
    if {".", ".."} & set(parts):
        return "it has a part '.' or '..'"
    if any(len(part.encode()) > NAME_MAX_BYTES for part in parts):
        return f"it has a part of more than {NAME_MAX_BYTES} bytes"
    return None


def _files_in_key_order(folder: Path, name_start: str) -> Iterator[os.DirEntry[str]]:
    pending = [entry for entry in _entries_last_first(folder) if entry.name.startswith(name_start)]
    while pending:
        entry = pending.pop()
        if entry.is_dir(follow_symlinks=False):
            pending.extend(_entries_last_first(entry.path))
        elif entry.is_file(follow_symlinks=False) and not entry.name.startswith(OTHERS_ARRIVALS):
            yield entry


def _entries_last_first(folder: Path | str) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return sorted(entries, key=_place_in_key_order, reverse=True)
    except (FileNotFoundError, NotADirectoryError):
        return []  # removed since its name was read


def _place_in_key_order(entry: os.DirEntry[str]) -> str:
    # every key below the folder a begins with "a/", and "a.b" sorts before that; code points sort as their UTF-8 does
    return entry.name + "/" if entry.is_dir(follow_symlinks=False) else entry.name


def _stored_object(entry: os.DirEntry[str], bucket: Path) -> StoredObject | None:
    key = entry.path.removeprefix(f"{bucket}/")
    try:
        status = entry.stat(follow_symlinks=False)
        modified_at = datetime.fromtimestamp(status.st_mtime, UTC)
        return StoredObject(S3Address(bucket.name, key), status.st_size, modified_at)
    except (FileNotFoundError, UnicodeEncodeError, BadInput):
        return None  # removed since its name was read, or somebody else's file, whose name can be no key


def _make_folder(folder: Path) -> None:
    missing = list(takewhile(lambda each: not each.is_dir(), (folder, *folder.parents)))
    for each in reversed(missing):
        each.mkdir(exist_ok=True)
        _sync_folder(each.parent)


def _sync_folder(folder: Path) -> None:
    with suppress(FileNotFoundError):  # a racing delete took the last object, and the folder with it
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _discard_if_abandoned(path: Path) -> None:
    with suppress(OSError), path.open("rb") as file:  # OSError: its writer lives, or ended just now, or it is not ours
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        path.unlink()
