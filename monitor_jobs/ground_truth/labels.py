"""Labels by the id of what they label. Their texts lie in a file: in memory a label takes 24 bytes.

What lives here: reading ground truth, and finding labels again. What does not: captures (merging).
"""

import io
import math
import mmap
import secrets
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from hashlib import blake2b
from pathlib import Path
from typing import Annotated, BinaryIO, Final, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from monitor_jobs.capture_io.blocks import LongLine, read_blocks
from monitor_jobs.capture_io.lines import JSON_SPACE
from monitor_jobs.contract.ground_truth import UnreadableLabel

MAX_ID_CHARACTERS: Final = 1024
MAX_LABEL_BYTES: Final = 1 << 20
DIGEST_BYTES: Final = 8
EXACT_BELOW: Final = 2**53  # numbers beyond are told apart by their digits


class _Value(msgspec.Struct, frozen=True):
    """What groundTruthData needs to hold; AWS's guide has a text, and people write numbers all the same."""

    data: str | int | float | bool


class _Event(msgspec.Struct, frozen=True, rename="camel"):
    event_id: Annotated[str, msgspec.Meta(min_length=1)]


class _Line(msgspec.Struct, frozen=True, rename="camel"):
    ground_truth_data: msgspec.Raw
    event_metadata: _Event


_decode_line: Final = msgspec.json.Decoder(_Line).decode
_decode_value: Final = msgspec.json.Decoder(_Value).decode


class Label(NamedTuple):
    """One label: its number from 0, and groundTruthData as it was uploaded."""

    number: int
    text: bytes


class Uploads:
    """Takes ground truth, file by file, in the order of its upload; `texts` is made, and belongs to what is found."""

    def __init__(self, texts: Path) -> None:
        self._path = texts
        self._texts: BinaryIO = texts.open("wb")
        self._key = secrets.token_bytes(16)  # nobody can choose ids whose digests are alike
        self._digests, self._starts, self._middles = array("Q"), array("Q"), array("Q")
        self._unreadable: Counter[UnreadableLabel] = Counter()

    def add_file(self, path: Path) -> None:
        """Take the labels of one file; of several of one id the one that is added last counts. Raises OSError."""
        for raw in _lines(path):
            reason = UnreadableLabel.TOO_LONG if raw is None else self._add(raw)
            if reason is not None:
                self._unreadable[reason] += 1

    def labels(self) -> "Labels":
        """All labels that were taken; after this none can be added."""
        self._starts.append(self._texts.tell())
        self._texts.close()
        return Labels(
            _Texts(self._path, np.array(self._starts), np.array(self._middles)),
            np.array(self._digests, dtype=np.uint64),
            key=self._key,
            unreadable=self._unreadable,
        )

    def _add(self, raw: bytes) -> UnreadableLabel | None:
        """Why a line holds no label, None where it does."""
        try:
            raw.decode()  # the decoder does not look into the strings that it passes over
            line = _decode_line(raw)
            _decode_value(line.ground_truth_data)
        except msgspec.ValidationError:
            return UnreadableLabel.WRONG_SCHEMA
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return UnreadableLabel.MALFORMED
        name, text = line.event_metadata.event_id, bytes(line.ground_truth_data)
        if len(name) > MAX_ID_CHARACTERS or len(text) > MAX_LABEL_BYTES:
            return UnreadableLabel.TOO_LONG
        self._digests.append(_digest(name, self._key))
        self._starts.append(self._texts.tell())
        self._texts.write(name.encode())
        self._middles.append(self._texts.tell())
        self._texts.write(text)
        return None


class Labels:
    """The labels of all uploads, one for each id: the last.

    repeated: lines whose id came before; conflicting: those of them that said something else than the one before.
    """

    def __init__(
        self, texts: "_Texts", digests: npt.NDArray[np.uint64], *, key: bytes, unreadable: Counter[UnreadableLabel]
    ) -> None:
        self._texts = texts
        self._key = key
        self.unreadable = unreadable
        order = np.argsort(digests, kind="stable")
        is_last = np.append(np.diff(digests[order]) != 0, True)[: digests.size]
        self.repeated = int(np.count_nonzero(~is_last))
        pairs = zip(order[:-1][~is_last[:-1]].tolist(), order[1:][~is_last[:-1]].tolist(), strict=True)
        self.conflicting = sum(self._differ(before, after) for before, after in pairs)
        self._numbers = order[is_last]
        self._digests = digests[self._numbers]

    def __len__(self) -> int:
        return len(self._numbers)

    def find(self, names: Sequence[str]) -> Iterator[Label | None]:
        """The label of each id, None where it has none."""
        digests = np.array([_digest(name, self._key) for name in names], dtype=np.uint64)
        for name, number in zip(names, self._candidates(digests), strict=True):
            line = int(self._numbers[number]) if number >= 0 else -1
            known = line >= 0 and self._texts.name(line) == name.encode()
            yield Label(number, self._texts.label(line)) if known else None

    def _candidates(self, digests: npt.NDArray[np.uint64]) -> Iterable[int]:
        """Where each digest stands, -1 where nowhere."""
        if not len(self):
            return [-1] * digests.size
        at = np.minimum(np.searchsorted(self._digests, digests), len(self) - 1)
        found: list[int] = np.where(self._digests[at] == digests, at, -1).tolist()
        return found

    def _differ(self, before: int, after: int) -> bool:
        left, right = self._texts.label(before), self._texts.label(after)
        return left != right and _said(left) != _said(right)


class _Texts:
    """Ids and labels in a file, one after the other."""

    def __init__(self, path: Path, starts: npt.NDArray[np.uint64], middles: npt.NDArray[np.uint64]) -> None:
        self._starts = starts
        self._middles = middles
        with path.open("rb") as file:
            # An empty file cannot be mapped.
            self._texts = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) if starts[-1] else b""

    def name(self, line: int) -> bytes:
        return self._texts[int(self._starts[line]) : int(self._middles[line])]

    def label(self, line: int) -> bytes:
        return self._texts[int(self._middles[line]) : int(self._starts[line + 1])]


def _said(label: bytes) -> str | float:
    """What a label says, however it is spelt: `"1"`, `1` and `1.0` are the same, and so are `true` and `"True"`."""
    data = _decode_value(label).data
    spelt = str(data).strip()
    try:
        number = math.nan if isinstance(data, bool) else float(spelt)
    except ValueError:
        number = math.nan
    if abs(number) < EXACT_BELOW:
        return number
    return spelt.lower() if spelt.lower() in ("true", "false") else spelt


def _digest(name: str, key: bytes) -> int:
    return int.from_bytes(blake2b(name.encode(), digest_size=DIGEST_BYTES, key=key).digest(), "little")


def _lines(path: Path) -> Iterator[bytes | None]:
    """Every line that is not blank; None for one too long to hold."""
    for block in read_blocks(path):
        if isinstance(block, LongLine):
            yield None
        else:
            yield from (raw for raw in io.BytesIO(block.text) if raw.strip(JSON_SPACE))
