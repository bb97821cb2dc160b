"""A file of bytes read as UTF-8: what is none of it becomes U+FFFD before a parser sees it.

pyarrow decodes every row that it asks a handler about, and where it cannot, it never asks, and refuses the whole file.
"""

import codecs
import io
from typing import Final, Protocol

CHUNK_BYTES: Final = 1 << 20


class Readable(Protocol):
    """What can be read."""

    def read(self, size: int, /) -> bytes:
        """So many bytes at most; none at the end."""
        ...


class ReplacedText(io.RawIOBase):
    """The file from where it stands; where all of it is UTF-8 not a byte is another."""

    def __init__(self, file: Readable) -> None:
        self._file = file
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._left = memoryview(b"")
        self._ended = False

    def readable(self) -> bool:
        """True."""
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # narrower than any buffer
        """How many bytes were written; 0 at the end."""
        while not self._left and not self._ended:
            self._left = memoryview(self._next())
        count = min(len(buffer), len(self._left))
        buffer[:count] = self._left[:count]
        self._left = self._left[count:]
        return count

    def _next(self) -> bytes:
        chunk = self._file.read(CHUNK_BYTES)
        self._ended = not chunk
        if chunk.isascii() and chunk and not self._decoder.getstate()[0]:
            return chunk  # most files, at the speed of a copy
        return self._decoder.decode(chunk, final=self._ended).encode()
