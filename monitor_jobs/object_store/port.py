"""The door to object storage: addresses, and the operations that everything else is written against."""

import ipaddress
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol, Self

from monitor_jobs.contract.errors import BadInput, NotFound

BUCKET_PATTERN = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
# Amazon's names for what is no bucket. botocore sends a request for some of them to another host than the store's.
RESERVED_SUFFIXES = ("-s3alias", "--ol-s3", "--op-s3", "--x-s3", "--table-s3", ".mrap")
KEY_MAX_BYTES = 1024


class ObjectMissing(NotFound):
    """No object has that address."""


@dataclass(frozen=True, slots=True, order=True)
class S3Address:
    """One `s3://bucket/key`; as a prefix the key may be empty. Raises BadInput for anything else."""

    bucket: str
    key: str

    def __post_init__(self) -> None:
        if not BUCKET_PATTERN.fullmatch(self.bucket) or ".." in self.bucket or _is_ip_address(self.bucket):
            raise BadInput(
                f"{self.bucket[:80]!r} is no S3 bucket name: 3 to 63 of a-z, 0-9, dot and hyphen, and no IP address"
            )
        if self.bucket.endswith(RESERVED_SUFFIXES):
            raise BadInput(
                f"{self.bucket!r} is no S3 bucket name: Amazon keeps its ending for access points and others"
            )
        size_bytes = len(self.key.encode(errors="surrogatepass"))
        if size_bytes > KEY_MAX_BYTES or "\0" in self.key:
            raise BadInput(f"S3 key {self.key[:80]!r}... is longer than 1,024 bytes or holds a NUL")
        if _has_surrogates(self.key):
            raise BadInput(f"S3 key {self.key[:80]!r} is not UTF-8: half of a surrogate pair is no character")

    @classmethod
    def parse(cls, address: str) -> Self:
        """The address of an `s3://bucket/key` text. Raises BadInput for another scheme, no bucket, or a key with dots.

        A part `.` or `..` is kept by some servers and followed by others, and then leads into another bucket.
        """
        scheme, separator, rest = address.partition("://")
        if scheme != "s3" or not separator:
            raise BadInput(f"{address[:80]!r} is no S3 address: write s3://bucket/key")
        bucket, _, key = rest.partition("/")
        if {".", ".."} & set(key.split("/")):
            raise BadInput(f"{address[:80]!r} has a part '.' or '..', which S3 servers read differently: leave it out")
        return cls(bucket, key)

    def joined(self, *parts: str) -> "S3Address":
        """The address below this one."""
        return S3Address(self.bucket, "/".join(part for part in (self.key.rstrip("/"), *parts) if part))

    def __str__(self) -> str:
        return f"s3://{self.bucket}/{self.key}"


def _is_ip_address(name: str) -> bool:
    try:
        ipaddress.IPv4Address(name)
    except ValueError:
        return False
    return True


def _has_surrogates(text: str) -> bool:
    return any("\ud800" <= character <= "\udfff" for character in text)


@dataclass(frozen=True, slots=True)
class StoredObject:
    """What a listing tells of one object: its address, size and time of last change."""

    address: S3Address
    size_bytes: int
    modified_at: datetime


@dataclass(frozen=True, slots=True)
class Head:
    """What a store says of one object: its size, and the ETag that tells its contents apart, None where it has none.

    An ETag is compared, never computed: that of an encrypted object, or of one in parts, is no MD5 of its bytes.
    """

    size_bytes: int
    etag: str | None = None

    def agrees_with(self, other: "Head") -> bool:
        """True where both can be said of the same bytes."""
        return self.size_bytes == other.size_bytes and (None in (self.etag, other.etag) or self.etag == other.etag)

    def __str__(self) -> str:
        return f"{self.size_bytes} bytes" + (f" with ETag {self.etag}" if self.etag else "")


class ObjectStore(Protocol):
    """Object storage. Every method raises StoreUnavailable where the store does not do what was asked.

    A store that says that it did may still be wrong: whoever is about to remove the only other copy asks for the
    object's head, and compares. Both adapters pass the suite in tests/contract/test_object_store.py.
    """

    def put(self, address: S3Address, body: bytes) -> str | None:
        """Store a whole object, replacing any other at once; the bucket is made where it does not exist.

        The ETag by which the store then knows it; None where it told none.
        """
        ...

    def upload(self, path: Path, address: S3Address) -> str | None:
        """Store a whole file as an object, without holding it in memory; its ETag, as `put` tells it."""
        ...

    def take(self, path: Path, address: S3Address) -> str | None:
        """Store a whole file that is on the disk and never changes again: the object may be that file. As `upload`.

        Whoever gives it may remove it, and nothing else.
        """
        ...

    def get(self, address: S3Address) -> bytes:
        """The object's bytes. Raises ObjectMissing."""
        ...

    def download(self, address: S3Address, path: Path) -> None:
        """Write the object to a file whose folder exists, without holding it in memory. Raises ObjectMissing."""
        ...

    def head(self, address: S3Address) -> Head:
        """The object's size and ETag. Raises ObjectMissing."""
        ...

    def list(self, prefix: S3Address) -> Iterator[StoredObject]:
        """Every object whose key starts with the prefix's key, by key in UTF-8 order; none where the bucket is not."""
        ...

    def delete(self, address: S3Address) -> None:
        """Remove the object; nothing happens where there is none."""
        ...
