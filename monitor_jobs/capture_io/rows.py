"""The usual answer, fast: one row of scores in JSON, `[0.1, 0.9]` or `[[0.1, 0.9]]`, for many records at once.

What lives here: taking what is certainly understood, and nothing else. What does not: every other answer (answers),
which also defines what these rows mean; tests/unit/test_capture_io_same.py holds the two to the same results.
"""

import struct
import types
from collections.abc import Callable
from functools import lru_cache
from typing import Final

import msgspec
import numpy as np

from monitor_jobs.capture_io.lines import Output
from monitor_jobs.capture_io.scores import Scores

MAX_COLUMNS: Final = 4096

Row = tuple[float, ...]


class ScoreRows:
    """Gathers the answers that are one row of k >= 2 finite scores, k being the first one's; sets aside all others.

    Rows of integers only are classes, so they are among the others.
    """

    def __init__(self) -> None:
        self._columns = 0
        self._nested = False
        self._packed: list[bytes] = []
        self.others: list[tuple[int, Output]] = []  # each with its position among all answers

    def add(self, outputs: list[Output]) -> None:
        """Take the next answers."""
        texts = [output.data if output.encoding == "JSON" and "." in output.data else "" for output in outputs]
        before = len(self._packed) + len(self.others)
        if not self._packed:
            self._learn(next(filter(None, texts), ""))
        if not 1 < self._columns <= MAX_COLUMNS:
            self.others.extend(enumerate(outputs, before))
            return
        if not self._nested:
            texts = [f"[{text}]" for text in texts]
        unpackable = _pack_rows(texts, self._columns, self._packed)
        self.others.extend((before + position, outputs[position]) for position in unpackable)

    def scores(self) -> Scores:
        """The rows, float64 [n, k]; k is 2 where there are none."""
        return np.frombuffer(b"".join(self._packed)).reshape(-1, self._columns if self._packed else 2)

    def _learn(self, text: str) -> None:
        self._columns = text.count(",") + 1
        self._nested = text.startswith("[[")


def _pack_rows(texts: list[str], columns: int, packed: list[bytes]) -> list[int]:
    """Appends the doubles of each `[[...]]` of that many numbers to `packed`; the positions of all other texts."""
    decode, pack = _row_codec(columns)
    rows = map(decode, texts)
    unpackable: list[int] = []
    before = len(packed)
    while True:
        try:
            for (row,) in rows:
                packed.append(pack(*row))  # what came before an error is kept
        except msgspec.DecodeError:
            unpackable.append(len(packed) - before + len(unpackable))
        else:
            return unpackable


@lru_cache(maxsize=32)
def _row_codec(columns: int) -> tuple[Callable[[str], tuple[Row]], Callable[..., bytes]]:
    row = types.GenericAlias(tuple, (float,) * columns)  # tuple[float, float, ...] of a length known only now
    decode: Callable[[str], tuple[Row]] = msgspec.json.Decoder(types.GenericAlias(tuple, (row,))).decode
    return decode, struct.Struct(f"{columns}d").pack
