"""The usual answer, fast: one row of scores in JSON, `[0.1, 0.9]` or `[[0.1, 0.9]]`, for many records at once.

What lives here: taking what is certainly understood, and nothing else. What does not: every other answer (answers), which
also defines what these rows mean; tests/unit/test_capture_io_same.py holds the two to the same results.
"""

import struct
import types
from collections.abc import Callable, Iterator
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
        self._columns = 0  # until the first row is seen
        self._brackets = ("", "")
        self._packed: list[bytes] = []
        self.others: list[tuple[int, Output]] = []  # each with its position among all answers

    def add(self, outputs: list[Output]) -> None:
        """Take the next answers."""
        texts = [output.data if output.encoding == "JSON" and "." in output.data else "" for output in outputs]
        if not self._columns:
            self._learn(next(filter(None, texts), ""))
        before = len(self._packed) + len(self.others)
        if not 1 < self._columns <= MAX_COLUMNS:
            self.others.extend(enumerate(outputs, before))
            self._columns = 0
            return
        if self._brackets:
            texts = [f"[{text}]" for text in texts]
        positions = _unpackable(texts, self._columns, self._packed)
        self.others.extend((before + position, outputs[position]) for position in positions)

    def scores(self) -> Scores:
        """The rows, float64 [n, k]."""
        return np.frombuffer(b"".join(self._packed)).reshape(-1, max(self._columns, 2))
