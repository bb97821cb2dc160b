"""Packs and unpacks model.tar.gz, and reads a package's model card.

What lives here: files and folders. What does not: the package's layout and the card's fields
(contract.model_package), the tar format (tar_stream), loading a model (torch_model, service.endpoint). Never imports
torch. An archive comes from outside: nothing is written before its name is checked, links do not exist, and a package
is either whole or absent.
"""

import gzip
import shutil
import tarfile
import uuid
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import BinaryIO, Final, cast

from pydantic import ValidationError

from monitor_jobs.contract.errors import Conflict, ModelUnsuitable
from monitor_jobs.contract.model_package import MODEL_CARD_PATH, ModelCard
from monitor_jobs.tar_stream import CHUNK_BYTES, TarMember, quoted, read_members

NAME_MAX_BYTES: Final = 255
PATH_MAX_BYTES: Final = 1024
PATH_MAX_PARTS: Final = 32
CARD_MAX_BYTES: Final = 4 << 20
# tar pads with zeros, so tiny archives shrink a lot: a mebibyte harms nobody, whatever its ratio.
RATIO_FLOOR_BYTES: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class ArchiveLimits:
    """How large a package may become: files and folders, bytes once unpacked, bytes per byte of the archive."""

    members: int = 10_000
    total_bytes: int = 2 << 30
    ratio: int = 200

    def unpacked_bytes(self, archive_bytes: int) -> int:
        """How many bytes an archive of that size may unpack to, tar's own headers included."""
        return min(self.total_bytes, max(RATIO_FLOOR_BYTES, self.ratio * archive_bytes))


DEFAULT_LIMITS: Final = ArchiveLimits()


def unpack(archive: Path, into: Path, *, limits: ArchiveLimits = DEFAULT_LIMITS) -> None:
    """Unpack a model.tar.gz to the new folder `into`, which appears whole or not at all.

    Raises ModelUnsuitable with the member and the reason: a link, device or pipe, a name that leads out of the
    folder, two members of one name, more than the limits allow, a damaged archive. Raises Conflict where `into`
    exists.
    """
    if into.exists():
        raise Conflict(f"{into} exists already: unpack to a new folder")
    unfinished = into.with_name(f".{into.name}.{uuid.uuid4().hex}.part")
    unfinished.mkdir(parents=True)
    try:
        _unpack_members(archive, unfinished, limits)
        unfinished.rename(into)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def pack(folder: Path, archive: Path) -> None:
    """Write a folder as model.tar.gz; the same content always gives the same bytes.

    Raises ModelUnsuitable where the folder holds anything but regular files and folders.
    """
    with (
        archive.open("wb") as file,
        gzip.GzipFile(filename="", mode="wb", fileobj=file, mtime=0) as compressed,
        tarfile.open(fileobj=compressed, mode="w|", format=tarfile.PAX_FORMAT) as tar,
    ):
        for path in sorted(folder.rglob("*")):
            _pack_member(tar, path, path.relative_to(folder).as_posix())


def read_model_card(folder: Path) -> ModelCard:
    """The card of an unpacked package; an empty one where it has none. Raises ModelUnsuitable for an unreadable one."""
    path = folder / MODEL_CARD_PATH
    return parse_model_card(path.read_bytes()) if path.is_file() else ModelCard()


def read_model_card_from_archive(archive: Path) -> ModelCard:
    """The card of a packed package, read without unpacking; an empty one where it has none.

    Raises ModelUnsuitable where the card, or the archive up to it, cannot be read.
    """
    for path, member, content in _checked_members(archive, DEFAULT_LIMITS):
        if path == PurePosixPath(MODEL_CARD_PATH) and not member.is_folder:
            if member.size_bytes > CARD_MAX_BYTES:
                raise ModelUnsuitable(f"{MODEL_CARD_PATH} has {member.size_bytes} bytes: at most {CARD_MAX_BYTES}")
            return parse_model_card(b"".join(content))
    return ModelCard()


def read_early_file(archive: Path, wanted: str, *, within_bytes: int) -> bytes | None:
    """A file of a packed package that begins within so many bytes of the unpacked archive and is no longer than they.

    None where there is no such file, or the archive up to it cannot be read: who unpacks it all is told why. It costs
    as little as it asks for, whatever lies behind.
    """
    left = within_bytes
    try:
        for path, member, content in _checked_members(archive, DEFAULT_LIMITS):
            left -= member.size_bytes
            if left < 0:
                return None
            if path == PurePosixPath(wanted) and not member.is_folder:
                return b"".join(content)
    except ModelUnsuitable:
        return None
    return None


def parse_model_card(text: bytes) -> ModelCard:
    """The card of a JSON text. Raises ModelUnsuitable with the line and column, or the field, that is wrong."""
    try:
        return ModelCard.model_validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        field_path = ".".join(str(part) for part in first["loc"])
        where = f" at {field_path}" if field_path else ""
        raise ModelUnsuitable(f"{MODEL_CARD_PATH} cannot be read{where}: {first['msg']}") from error


@dataclass(slots=True)
class _BoundedStream:
    """A stream that refuses to give more than `left` bytes: the last defence against archives that grow."""

    source: gzip.GzipFile
    left: int

    def read(self, size: int) -> bytes:
        if size > self.left:
            raise ModelUnsuitable(
                "the archive unpacks to more than a package may hold: remove what the model needs not"
            )
        self.left -= size
        try:
            return self.source.read(size)
        except (gzip.BadGzipFile, zlib.error, EOFError) as error:
            raise ModelUnsuitable(f"the archive is no whole gzip file ({error}): pack it with tar -czf") from error


@dataclass(slots=True)
class _Seen:
    """The names met so far; raises ModelUnsuitable for the second of its kind."""

    limits: ArchiveLimits
    files: set[PurePosixPath] = field(default_factory=set)
    folders: set[PurePosixPath] = field(default_factory=set)

    def add(self, path: PurePosixPath, member: TarMember) -> None:
        if path in self.files or (path in self.folders and not member.is_folder):
            raise ModelUnsuitable(f"{member.shown} comes twice: which one is meant cannot be known")
        above = path.parents
        blocked = next((parent for parent in above if parent in self.files), None)
        if blocked is not None:
            raise ModelUnsuitable(f"{member.shown} lies below {quoted(str(blocked))}, which is a file")
        (self.folders if member.is_folder else self.files).add(path)
        self.folders.update(above)
        # `folders` holds the package's own folder too, which is no member.
        if len(self.files) + len(self.folders) - 1 > self.limits.members:
            raise ModelUnsuitable(f"the archive holds more than {self.limits.members} files and folders")


def _unpack_members(archive: Path, folder: Path, limits: ArchiveLimits) -> None:
    for path, member, content in _checked_members(archive, limits):
        target = folder / path
        if member.is_folder:
            target.mkdir(parents=True, exist_ok=True)
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("xb") as file:
            file.writelines(content)


def _checked_members(
    archive: Path, limits: ArchiveLimits
) -> Iterator[tuple[PurePosixPath, TarMember, Iterator[bytes]]]:
    allowed = limits.unpacked_bytes(archive.stat().st_size)
    with gzip.open(archive) as source:
        stream = _BoundedStream(source, allowed)
        seen = _Seen(limits)
        for member, content in read_members(cast("BinaryIO", stream)):
            if member.size_bytes > stream.left:
                raise ModelUnsuitable(
                    f"{member.shown} claims {member.size_bytes} bytes: this archive may unpack to {allowed} in all"
                )
            path = _contained(member)
            seen.add(path, member)
            yield path, member, content
        _read_to_end(stream)


def _contained(member: TarMember) -> PurePosixPath:
    """Where a member goes below the package's folder."""
    # `tar -C folder .` names that folder "./"; the SageMaker SDK names it '', which tarfile writes as "/".
    if member.is_folder and member.name in ("", "/", ".", "./"):
        return PurePosixPath()
    name = member.name.rstrip("/") if member.is_folder else member.name
    while name.startswith("./"):
        name = name[2:]
    reason = _why_not_contained(name)
    if reason:
        raise ModelUnsuitable(f"{member.shown} {reason}")
    return PurePosixPath(name)


def _why_not_contained(name: str) -> str:
    parts = name.split("/")
    if name.startswith("/") or not name:
        return "is no path below the package's folder"
    if any(part in ("", ".", "..") for part in parts):
        return "leads out of, or in a detour through, the package's folder"
    if "\\" in name or not name.isprintable():
        return "holds a backslash or a control character: rename the file"
    if len(parts) > PATH_MAX_PARTS or len(name.encode()) > PATH_MAX_BYTES:
        return f"is deeper than {PATH_MAX_PARTS} folders or longer than {PATH_MAX_BYTES} bytes: rename the file"
    if any(len(part.encode()) > NAME_MAX_BYTES for part in parts):
        return f"has a part longer than {NAME_MAX_BYTES} bytes: rename the file"
    return ""


def _read_to_end(stream: _BoundedStream) -> None:
    """gzip checks its sums only where the last byte is read."""
    while stream.read(min(CHUNK_BYTES, stream.left)):
        pass


def _pack_member(tar: tarfile.TarFile, path: Path, name: str) -> None:
    member = tarfile.TarInfo(name)
    if path.is_symlink() or not (path.is_dir() or path.is_file()):
        raise ModelUnsuitable(f"{name!r} is neither a regular file nor a folder: replace it by a copy")
    if path.is_dir():
        member.type, member.mode = tarfile.DIRTYPE, 0o755
        tar.addfile(member)
        return
    member.size = path.stat().st_size
    with path.open("rb") as file:
        tar.addfile(member, file)
