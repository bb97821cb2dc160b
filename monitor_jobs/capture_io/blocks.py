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
        offset = len(UTF8_BOM) if file.read(len(UTF8_BOM)) == UTF8_BOM else 0
        file.seek(offset)
        for piece in _whole_lines(_chunks(file)):
            yield LongLine(piece, offset) if isinstance(piece, int) else Block(piece, offset)
            offset += piece if isinstance(piece, int) else len(piece)


def _chunks(file: BinaryIO) -> Iterator[bytes]:
    while chunk := file.read(BLOCK_BYTES):
        yield chunk


def _whole_lines(chunks: Iterable[bytes]) -> Iterator[bytes | int]:
    """Chunks cut anew at their last newline; a line too long comes as its size alone."""
    held, dropped_bytes = bytearray(), 0
    for chunk in chunks:
        first_end = chunk.find(b"\n") + 1
        if dropped_bytes or len(held) + (first_end or len(chunk)) > MAX_LINE_BYTES:
            dropped_bytes += len(held) + (first_end or len(chunk))
            held = bytearray()
            if not first_end:
                continue
            yield dropped_bytes
            chunk, dropped_bytes = chunk[first_end:], 0  # noqa: PLW2901  what follows the long line is judged as usual
        cut = chunk.rfind(b"\n") + 1
        if cut:
            whole = b"".join((held, memoryview(chunk)[:cut]))
            held = bytearray()  # let go before the lines are worked on
            yield whole
        held += memoryview(chunk)[cut:]
    if dropped_bytes:
        yield dropped_bytes
    elif held:
        yield bytes(held)
