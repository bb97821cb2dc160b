"""Captures with the ground truth of each in its line, as AWS's merge container leaves them.

What lives here: one capture file to one merged file, and the counts. What does not: labels by id (labels).
"""

import io
from collections import Counter
from collections.abc import Iterator
from enum import Enum, auto
from pathlib import Path

import msgspec

from monitor_jobs.capture_io.blocks import LongLine, read_blocks
from monitor_jobs.capture_io.lines import JSON_SPACE, Metadata, decode_line, refusal_of
from monitor_jobs.contract.capture import UnreadableReason
from monitor_jobs.contract.ground_truth import MergeCounts
from monitor_jobs.ground_truth.labels import Labels

_UNDECODABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


class Unlabelled(Enum):
    """What becomes of captures without a label."""

    LEFT_OUT = auto()  # as by AWS's merge container: no container written for AWS looks for them
    KEPT = auto()  # as they were captured


class Merge:
    """Merges files one after the other, and counts what it sees."""

    def __init__(self, labels: Labels, unlabelled: Unlabelled = Unlabelled.LEFT_OUT) -> None:
        self._labels = labels
        self._unlabelled = unlabelled
        self._captures = self._labelled = 0
        self._unreadable: Counter[UnreadableReason] = Counter()
        self._matched = bytearray(len(labels) // 8 + 1)  # a bit for each label

    def merge_file(self, source: Path, target: Path) -> int:
        """How many captures of a file are in `target` now, which is replaced: each with its label, if it has one.

        A capture is found by its inferenceId where it has one, by its eventId otherwise. Lines that are no capture are
        counted and left out. Raises OSError.
        """
        written = 0
        with target.open("wb") as merged:
            for line in self._merged_lines(source):
                merged.write(line)
                written += 1
        return written

    def counts(self) -> MergeCounts:
        """What was seen so far."""
        labels = self._labels
        return MergeCounts(
            captures=self._captures,
            labelled=self._labelled,
            unreadable_captures={reason.value: count for reason, count in self._unreadable.items()},
            labels=len(labels),
            matched=sum(byte.bit_count() for byte in self._matched),
            repeated=labels.repeated,
            conflicting=labels.conflicting,
            unreadable_labels={reason.value: count for reason, count in labels.unreadable.items()},
        )

    def _merged_lines(self, source: Path) -> Iterator[bytes]:
        for block in read_blocks(source):
            if isinstance(block, LongLine):
                self._unreadable[UnreadableReason.TOO_LONG] += 1
                continue
            captures = list(self._captures_in(block.text))
            labels = self._labels.find([name for name, _ in captures])
            for (_, raw), label in zip(captures, labels, strict=True):
                if label is not None:
                    self._labelled += 1
                    self._matched[label.number // 8] |= 1 << label.number % 8
                    yield with_ground_truth(raw, label.text)
                elif self._unlabelled is Unlabelled.KEPT:
                    yield raw.rstrip(JSON_SPACE) + b"\n"

    def _captures_in(self, text: bytes) -> Iterator[tuple[str, bytes]]:
        """Every line that is a capture, behind the id of its label."""
        for raw in io.BytesIO(text):
            if not raw.strip(JSON_SPACE):
                continue
            try:
                name = _label_id(decode_line(raw).event_metadata)
            except _UNDECODABLE:
                self._unreadable[refusal_of(raw).reason] += 1
                continue
            self._captures += 1
            yield name, raw


def with_ground_truth(raw: bytes, label: bytes) -> bytes:
    """A capture line with groundTruthData as its last member, and its newline; all else stays byte for byte."""
    return raw.rstrip(JSON_SPACE)[:-1] + b',"groundTruthData":' + label + b"}\n"


def _label_id(metadata: Metadata) -> str:
    return metadata.inference_id or metadata.event_id
