"""What a script prints, passed on line by line as long as it is not too much.

What lives here: cutting bytes into lines, and the end of patience. What does not: where they go.
"""

from collections.abc import Callable
from typing import Final

LONGEST_LINE_BYTES: Final = 8192


class Prints:
    """Passes on what is printed, in lines behind a name; of more than `most_bytes` only how much more there was."""

    def __init__(self, say: Callable[[str], None], *, name: str, most_bytes: int) -> None:
        self._say, self._name, self._left = say, name, most_bytes
        self._held = bytearray()
        self._left_out = 0

    def add(self, printed: bytes) -> None:
        """Take what was printed next."""
        kept = printed[: self._left]
        self._left -= len(kept)
        self._left_out += len(printed) - len(kept)
        self._held += kept
        while (end := self._held.find(b"\n", 0, LONGEST_LINE_BYTES)) >= 0 or len(self._held) > LONGEST_LINE_BYTES:
            self._pass_on(end if end >= 0 else LONGEST_LINE_BYTES)

    def end(self) -> None:
        """There is no more."""
        if self._held:
            self._pass_on(len(self._held))
        if self._left_out:
            self._say(f"{self._name} printed {self._left_out} bytes more, which are left out\n")

    def _pass_on(self, size: int) -> None:
        line = self._held[:size].decode(errors="replace")
        self._held = self._held[size:].removeprefix(b"\n")
        self._say(f"{self._name}: {line}\n")
