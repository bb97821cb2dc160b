"""What a script prints, passed on line by line as long as it is not too much.

What lives here: cutting bytes into lines, and the end of patience. What does not: where they go.
"""

from collections.abc import Callable
from typing import Final

HELD_BYTES: Final = 8192


class Prints:
    """Passes on what is printed, in lines behind a name; of more than `most_bytes` only how much more there was."""

    def __init__(self, say: Callable[[str], None], *, name: str, most_bytes: int) -> None:
        self._say, self._name, self._left = say, name, most_bytes
        self._held = b""  # a line that has not ended
        self._left_out = 0

    def add(self, printed: bytes) -> None:
        """Take what was printed next."""
        kept = printed[: self._left]
        self._left -= len(kept)
        self._left_out += len(printed) - len(kept)
        *lines, self._held = (self._held + kept).split(b"\n")
        for line in lines:
            self._pass_on(line)
        if len(self._held) > HELD_BYTES:
            self._pass_on_held()

    def end(self) -> None:
        """There is no more."""
        if self._held:
            self._pass_on_held()
        if self._left_out:
            self._say(f"{self._name} printed {self._left_out} bytes more, which are left out\n")

    def _pass_on_held(self) -> None:
        self._pass_on(self._held)
        self._held = b""

    def _pass_on(self, line: bytes) -> None:
        self._say(f"{self._name}: {line.decode(errors='replace')}\n")
