"""Files to blocks of whole lines, in bounded memory.

What lives here: cutting at newlines, numbering, and passing over lines too long to hold. What does not: what a line
says.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

BLOCK_BYTES: Final = 1 << 16  # small enough to be reused while it is in the processor's cache
MAX_LINE_BYTES: Final = 64 << 20  # with its newline; two bodies at InvokeEndpoint's limit, in base64, take 17 MB
UTF8_BOM: Final = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Block:
    """Neighbouring whole lines with their newlines (the file's last may lack it), and where the first begins."""

    text: bytes
    offset: int

    @property
    def size_bytes(self) -> int:
        """The size of all its lines."""
        return len(self.text)


@dataclass(frozen=True, slots=True)
class LongLine:
    """One line above MAX_LINE_BYTES, whose text was passed over: its size, and where it begins."""

    size_bytes: int
    offset: int


def read_blocks(path: Path) -> Iterator[Block | LongLine]:
    """All lines of a file in order, about BLOCK_BYTES at a time, without a byte order mark at the file's start.

    Holds one block, or one line of at most MAX_LINE_BYTES. Raises OSError where the file cannot be read.
    """
    with path.open("rb", buffering=0) as file:
        yield from blocks_in(file)


def blocks_in(file: BinaryIO) -> Iterator[Block | LongLine]:
    """The same of a file that is open at its start."""
    offset = len(UTF8_BOM) if file.read(len(UTF8_BOM)) == UTF8_BOM else 0
    file.seek(offset)
    for piece in _whole_lines(_chunks(file)):
        block = LongLine(piece, offset) if isinstance(piece, int) else Block(piece, offset)
        offset += block.size_bytes
        if block.size_bytes:
            yield block


def _chunks(file: BinaryIO) -> Iterator[bytes]:
    while chunk := file.read(BLOCK_BYTES):
        yield chunk


def _whole_lines(chunks: Iterable[bytes]) -> Iterator[bytes | int]:
    """Chunks cut anew at their last newline; a line too long comes as its size alone; at last nothing may be left."""
    held, line_bytes = bytearray(), 0  # the line that the last chunk cut: its text unless it is too long, its size
    for chunk in chunks:
        view = memoryview(chunk)
        begin, end = chunk.find(b"\n") + 1, chunk.rfind(b"\n") + 1
        line_bytes += begin or len(chunk)
        if line_bytes > MAX_LINE_BYTES:
            held.clear()
            if begin:
                yield line_bytes
        elif not begin:
            held += view
        elif len(held) > BLOCK_BYTES:
            yield _completed(held, view[:begin])  # alone: it is not copied once more out of its neighbours
        else:
            begin = 0
        if begin < end:
            yield _completed(held, view[begin:end])
        if end:
            held += view[end:]
            line_bytes = len(held)
    yield bytes(held) or line_bytes


def _completed(held: bytearray, rest: memoryview) -> bytes:
    """What was held and its rest; it is let go, for it may be large, and is worked on next."""
    whole = b"".join((held, rest))
    held.clear()
    return whole
