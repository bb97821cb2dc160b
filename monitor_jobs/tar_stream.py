"""Reads the members of a tar stream: regular files and folders, everything else is refused by name.

What lives here: the tar format (POSIX ustar, pax `path` and `size`, GNU long names). What does not: where members go,
and how many may (model_archive). The standard library's reader is not used on archives that others made: on the
Python releases that we support its link checks can be escaped (CVE-2025-4517) and its pax parser can be made to hang
(CVE-2024-6232, CVE-2025-8194). Hostile archives are in tests/hostile/archives.py.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, Final

from monitor_jobs.contract.errors import ModelUnsuitable

BLOCK: Final = 512
CHUNK_BYTES: Final = 1 << 20
METADATA_MAX_BYTES: Final = 64 * 1024
METADATA_TOTAL_BYTES: Final = 8 << 20  # ten thousand members with 800 bytes each
EXTENSIONS_MAX: Final = 4  # in front of one member
SHOWN_CHARACTERS: Final = 256

_FILE_TYPES: Final = (b"0", b"\0", b"7")
_FOLDER_TYPE: Final = b"5"
_PAX_TYPE, _PAX_GLOBAL_TYPE, _LONG_NAME_TYPE = b"x", b"g", b"L"
_REFUSED_TYPES: Final = {
    b"1": "a hard link",
    b"2": "a symbolic link",
    b"3": "a character device",
    b"4": "a block device",
    b"6": "a named pipe",
    b"K": "a link with a long name",
    b"S": "a sparse file",
}


@dataclass(frozen=True, slots=True)
class TarMember:
    """One regular file or folder as the archive names it; the name is not checked yet."""

    name: str
    is_folder: bool
    size_bytes: int

    @property
    def shown(self) -> str:
        """The name as sentences quote it."""
        return quoted(self.name)


@dataclass(slots=True)
class _Override:
    """What extension headers say about the next member, and how many they were."""

    extensions: int = 0
    name: bytes | None = None
    size_bytes: int | None = None


def read_members(stream: BinaryIO) -> Iterator[tuple[TarMember, Iterator[bytes]]]:
    """Each member and its content in chunks of at most 1 MiB; content that the caller leaves is skipped.

    Raises ModelUnsuitable for any member that is neither file nor folder, and where the archive is damaged or cut
    short.
    """
    override, metadata_left = _Override(), METADATA_TOTAL_BYTES
    while (header := _next_header(stream)) is not None:
        kind, size = header[156:157], _number(header[124:136], "size")
        if kind in (_PAX_TYPE, _PAX_GLOBAL_TYPE, _LONG_NAME_TYPE):
            _read_extension(kind, _read_metadata(stream, size, metadata_left), override)
            metadata_left -= size
            continue
        member = _member(header, kind, size, override)
        override = _Override()
        content = _content(stream, member)
        yield member, content
        for _ in content:
            pass


def quoted(name: str | bytes) -> str:
    """A name as sentences quote it: at most 256 characters of it, and none that a terminal would act on."""
    return repr(name[:SHOWN_CHARACTERS])


def _next_header(stream: BinaryIO) -> bytes | None:
    block = _read_exactly(stream, BLOCK, "a member's header")
    if block == bytes(BLOCK):
        return None
    # The checksum counts its own eight bytes as spaces.
    expected = sum(block[:148]) + 8 * ord(" ") + sum(block[156:])
    if _number(block[148:156], "checksum") != expected:
        raise ModelUnsuitable("the archive is damaged: a member's header has a wrong checksum; pack it again")
    return block


def _member(header: bytes, kind: bytes, size: int, override: _Override) -> TarMember:
    name = _text(override.name if override.name is not None else _ustar_name(header))
    if kind in _REFUSED_TYPES:
        raise ModelUnsuitable(
            f"{quoted(name)} is {_REFUSED_TYPES[kind]}: a package holds regular files and folders only"
        )
    if kind != _FOLDER_TYPE and kind not in _FILE_TYPES:
        raise ModelUnsuitable(
            f"{quoted(name)} has the unknown type {kind!r}: a package holds regular files and folders only"
        )
    # Archives older than POSIX mark a folder by its trailing slash alone.
    is_folder = kind == _FOLDER_TYPE or name.endswith("/")
    size = override.size_bytes if override.size_bytes is not None else size
    if is_folder and size:
        raise ModelUnsuitable(f"{quoted(name)} is a folder that claims {size} bytes of content")
    return TarMember(name, is_folder, size)


def _ustar_name(header: bytes) -> bytes:
    name = header[:100].partition(b"\0")[0]
    prefix = header[345:500].partition(b"\0")[0] if header[257:263] == b"ustar\0" else b""
    return prefix + b"/" + name if prefix else name


def _content(stream: BinaryIO, member: TarMember) -> Iterator[bytes]:
    left = member.size_bytes
    while left:
        chunk = _read_exactly(stream, min(left, CHUNK_BYTES), member.shown)
        left -= len(chunk)
        yield chunk
    _read_exactly(stream, -member.size_bytes % BLOCK, member.shown)


def _read_metadata(stream: BinaryIO, size: int, left: int) -> bytes:
    if size > METADATA_MAX_BYTES:
        raise ModelUnsuitable(f"an extension header claims {size} bytes: at most {METADATA_MAX_BYTES} are read")
    if size > left:
        raise ModelUnsuitable(f"extension headers hold more than {METADATA_TOTAL_BYTES} bytes in all: pack it again")
    content = _read_exactly(stream, size, "an extension header")
    _read_exactly(stream, -size % BLOCK, "an extension header")
    return content


def _read_extension(kind: bytes, content: bytes, override: _Override) -> None:
    override.extensions += 1
    if override.extensions > EXTENSIONS_MAX:
        raise ModelUnsuitable(f"more than {EXTENSIONS_MAX} extension headers stand before one member: pack it again")
    if kind == _LONG_NAME_TYPE:
        override.name = content.partition(b"\0")[0]
        return
    for keyword, value in _pax_records(content):
        if keyword.startswith(b"GNU.sparse"):
            raise ModelUnsuitable("the archive holds a sparse file: pack it with plain tar")
        if keyword in (b"path", b"size") and kind == _PAX_GLOBAL_TYPE:
            raise ModelUnsuitable(f"a global header sets {keyword.decode()!r} for all members: pack it with plain tar")
        if keyword == b"path":
            override.name = value
        elif keyword == b"size":
            override.size_bytes = _decimal(value)


def _pax_records(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Records are `{length} {keyword}={value}` and a newline; the length counts itself."""
    start = 0
    while start < len(content):
        end = start + _decimal(content[start : start + 20].partition(b" ")[0])
        record = content[start:end]
        keyword, separator, value = record.partition(b" ")[2].partition(b"=")
        if len(record) != end - start or not separator or not value.endswith(b"\n"):
            raise ModelUnsuitable("the archive is damaged: an extension header cannot be read; pack it again")
        yield keyword, value[:-1]
        start = end


def _number(field: bytes, what: str) -> int:
    """A header's number: octal digits, or base 256 where the first bit is set."""
    if field[0] == 0x80:
        return int.from_bytes(field[1:], "big")
    digits = field.rstrip(b" \0").lstrip(b" ")
    if not digits.isdigit() or b"8" in digits or b"9" in digits:
        if digits:
            raise ModelUnsuitable(f"the archive is damaged, or no tar archive: a header's {what} is {digits[:12]!r}")
        return 0
    return int(digits, 8)


def _decimal(digits: bytes) -> int:
    if not digits.isdigit() or len(digits) > 20:
        raise ModelUnsuitable(f"the archive is damaged: an extension header holds {digits[:20]!r} for a number")
    return int(digits)


def _text(name: bytes) -> str:
    try:
        return name.decode()
    except UnicodeDecodeError as error:
        raise ModelUnsuitable(f"the member name {quoted(name)} is not UTF-8: rename the file") from error


def _read_exactly(stream: BinaryIO, size: int, what: str) -> bytes:
    content = stream.read(size)
    if len(content) != size:
        raise ModelUnsuitable(f"the archive is cut short, or no tar archive: it ends inside {what}; copy it again")
    return content
