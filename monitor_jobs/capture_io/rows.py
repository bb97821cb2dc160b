"""The usual answer, fast: one row of scores in JSON, `[0.1, 0.9]` or `[[0.1, 0.9]]`, for many records at once.

What lives here: taking what is certainly understood, and nothing else. What does not: every other answer (answers),
which also defines what these rows mean; tests/unit/test_capture_io_predictions.py holds the two to the same results.
"""

import struct
import types
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from typing import Final

import msgspec
import numpy as np

from monitor_jobs.capture_io.lines import Line
from monitor_jobs.capture_io.scores import Scores

MAX_COLUMNS: Final = 4096

Rows = tuple[tuple[float, ...], ...]


def split_score_rows(lines: list[Line]) -> tuple[Scores, list[int]]:
    """The scores [n, k >= 2] of the lines whose answer is one row of k finite scores, and the positions of all others.

    k is the first such line's. Rows of integers only are classes, so they are among the others.
    """
    texts = [_json_with_point(line) for line in lines]
    first = next(filter(None, texts), "")
    columns = first.count(",") + 1
    if not 1 < columns <= MAX_COLUMNS:
        return np.empty((0, 2)), list(range(len(lines)))
    if not first.startswith("[["):
        texts = [f"[{text}]" for text in texts]
    packed: list[bytes] = []
    others = list(_undecodable(texts, columns, packed))
    return np.frombuffer(b"".join(packed)).reshape(-1, columns), others


def _json_with_point(line: Line) -> str:
    output = line.capture_data.endpoint_output
    return output.data if output.encoding == "JSON" and "." in output.data else ""


def _undecodable(texts: Iterable[str], columns: int, packed: list[bytes]) -> Iterator[int]:
    """Appends the doubles of each row to `packed`; yields the position of every text that is no such row."""
    pack = struct.Struct(f"{columns}d").pack
    rows = map(_row_decoder(columns), texts)
    refused = 0
    while True:
        try:
            for (row,) in rows:
                packed.append(pack(*row))  # what came before an error is kept
        except msgspec.DecodeError:
            yield len(packed) + refused
            refused += 1
        else:
            return


@lru_cache(maxsize=32)
def _row_decoder(columns: int) -> Callable[[str], Rows]:
    row = types.GenericAlias(tuple, (float,) * columns)  # tuple[float, float, ...] of a length known only now
    decode: Callable[[str], Rows] = msgspec.json.Decoder(types.GenericAlias(tuple, (row,))).decode
    return decode
