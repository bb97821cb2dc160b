"""Tar streams byte by byte: what Python's tarfile would never write.

What lives here: single headers, members and extensions, in no order that means anything. What does not: which of them
make a hostile archive (archives).
"""

import gzip
from typing import Final

BLOCK: Final = 512
END: Final = bytes(2 * BLOCK)
POSIX, GNU, V7 = b"ustar\x0000", b"ustar  \x00", bytes(8)
SIZE_AT, CHECKSUM_AT, TYPE_AT, LINK_AT, MAGIC_AT, PREFIX_AT = 124, 148, 156, 157, 257, 345


def header(
    name: bytes,
    *,
    kind: bytes = b"0",
    size: int | bytes = 0,
    link: bytes = b"",
    mode: int = 0o644,
    magic: bytes = POSIX,
    prefix: bytes = b"",
) -> bytes:
    """One header block with a right checksum; a size of bytes is written as it is."""
    block = bytearray(BLOCK)
    fields = {
        0: name[:100],
        100: b"%07o\0" % mode,
        SIZE_AT: size if isinstance(size, bytes) else b"%011o\0" % size,
        136: b"00000000000\0",
        TYPE_AT: kind,
        LINK_AT: link[:100],
        MAGIC_AT: magic,
        PREFIX_AT: prefix,
    }
    for start, value in fields.items():
        block[start : start + len(value)] = value
    return with_checksum(bytes(block))


def with_checksum(block: bytes) -> bytes:
    """The block with the checksum that belongs to it."""
    spaces = block[:CHECKSUM_AT] + b" " * 8 + block[TYPE_AT:]
    return spaces[:CHECKSUM_AT] + b"%06o\0 " % sum(spaces) + spaces[TYPE_AT:]


def padded(content: bytes) -> bytes:
    """The content up to a whole block."""
    return content + bytes(-len(content) % BLOCK)


def file(name: str | bytes, content: bytes = b"1", **fields: object) -> bytes:
    """A regular file with its content."""
    return header(_raw(name), size=len(content), **fields) + padded(content)  # type: ignore[arg-type]


def folder(name: str | bytes) -> bytes:
    """A folder."""
    return header(_raw(name), kind=b"5", mode=0o755)


def symlink(name: str, target: str) -> bytes:
    """A symbolic link."""
    return header(name.encode(), kind=b"2", link=target.encode())


def hardlink(name: str, target: str) -> bytes:
    """A hard link."""
    return header(name.encode(), kind=b"1", link=target.encode())


def extension(content: bytes, kind: bytes = b"x") -> bytes:
    """A pax header of the next member, or of another kind that stands in front of one."""
    return header(b"extension", kind=kind, size=len(content)) + padded(content)


def long_name(name: bytes, kind: bytes = b"L") -> bytes:
    """GNU's long name of the next member; K is that of its link's target."""
    return header(b"././@LongLink", kind=kind, size=len(name) + 1, magic=GNU) + padded(name + b"\0")


def pax(kind: bytes = b"x", **records: str | bytes) -> bytes:
    """Pax records for the next member; `g` is for all that follow."""
    return extension(b"".join(pax_record(key.replace("__", "."), value) for key, value in records.items()), kind)


def pax_record(keyword: str, value: str | bytes) -> bytes:
    """`{length} {keyword}={value}` and a newline; the length counts itself."""
    rest = b" " + keyword.encode() + b"=" + _raw(value) + b"\n"
    length = len(rest)
    while length != len(rest) + len(str(length)):
        length = len(rest) + len(str(length))
    return str(length).encode() + rest


def tar(*parts: bytes) -> bytes:
    """The parts and the end of an archive."""
    return b"".join(parts) + END


def packed(*parts: bytes) -> bytes:
    """The same in gzip."""
    return gzip.compress(tar(*parts), compresslevel=6, mtime=0)


def _raw(text: str | bytes) -> bytes:
    return text.encode() if isinstance(text, str) else text
