"""Where captured tensors are read: below an address of a store, or in a folder that was staged from one.

What lives here: listing and reading by path. What does not: what the paths mean (contract.tensor_files, trial).
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from monitor_jobs.contract.errors import BadInput
from monitor_jobs.object_store import ObjectMissing, ObjectStore, S3Address


class Source(Protocol):
    """Objects by their path below one place."""

    def paths(self, below: str) -> Iterator[str]:
        """Every path that begins so, in order."""
        ...

    def read(self, path: str) -> bytes:
        """The object's bytes. Raises ObjectMissing."""
        ...

    def at(self, path: str) -> "Source":
        """The source below a folder of this one."""
        ...

    def parent(self) -> "Source":
        """The source in which this one is a folder."""
        ...


class StoreSource:
    """Below an address of an object store."""

    def __init__(self, store: ObjectStore, address: S3Address) -> None:
        self._store = store
        self._address = address

    def paths(self, below: str) -> Iterator[str]:
        """See Source."""
        start = len(self._address.key.rstrip("/")) + 1 if self._address.key else 0
        prefix = S3Address(self._address.bucket, self._address.joined("x").key[:-1] + below)
        return (found.address.key[start:] for found in self._store.list(prefix))

    def read(self, path: str) -> bytes:
        """See Source."""
        return self._store.get(self._address.joined(path))

    def at(self, path: str) -> "StoreSource":
        """See Source."""
        return StoreSource(self._store, self._address.joined(path))

    def parent(self) -> "StoreSource":
        """See Source."""
        return StoreSource(self._store, S3Address(self._address.bucket, self._address.key.rpartition("/")[0]))

    def __str__(self) -> str:
        return str(self._address)


class FolderSource:
    """Below a local folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def paths(self, below: str) -> Iterator[str]:
        """See Source."""
        found = (path for path in (self._folder / below.rpartition("/")[0]).rglob("*") if path.is_file())
        names = (path.relative_to(self._folder).as_posix() for path in found)
        return iter(sorted(name for name in names if name.startswith(below)))

    def read(self, path: str) -> bytes:
        """See Source."""
        try:
            return (self._folder / path).read_bytes()
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError) as error:
            raise ObjectMissing(f"{self._folder / path} is not there") from error

    def at(self, path: str) -> "FolderSource":
        """See Source."""
        return FolderSource(self._folder / path)

    def parent(self) -> "FolderSource":
        """See Source."""
        return FolderSource(self._folder.parent)

    def __str__(self) -> str:
        return str(self._folder)


def open_source(path: str | Path, store: ObjectStore | None = None) -> Source:
    """The source of an s3:// address, or of a local folder; without a store boto3 finds its own way to S3.

    Raises BadInput where it is neither.
    """
    if isinstance(path, str) and path.startswith("s3://"):
        return StoreSource(store or _own_store(), S3Address.parse(path.rstrip("/")))
    folder = Path(path)
    if not folder.is_dir():
        raise BadInput(f"{path} is no folder: name one, or an address s3://bucket/prefix")
    return FolderSource(folder)


def _own_store() -> ObjectStore:
    from monitor_jobs.object_store.s3 import AMAZON_DEFAULT_REGION, connect

    return connect(None, AMAZON_DEFAULT_REGION)
