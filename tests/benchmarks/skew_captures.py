"""Capture files for the class skew benchmark: a day of an image classifier with 45 classes, one file an hour.

Lines of about 1.5 KB: an image in base64, 45 scores in JSON (float32, shortest text), ids and time. About a third of
all predictions are one class, one line in a hundred cannot be read. The same seed makes the same bytes; what was made
once is kept below .bench. Score rows and images are drawn from pools, so that a million lines take seconds.
"""

import base64
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from tests.benchmarks.figures import BENCH_FOLDER, SEED

HOURS = 24
CLASSES = 45
FAVOURITE = 14
FAVOURED_SHARE = 0.3
UNREADABLE_SHARE = 0.01
SCORE_ROWS, IMAGES = 6000, 400
IMAGE_BYTES = 384
LINES_A_SECOND = 12  # as a million lines a day are
BEFORE_IMAGE = b'{"captureData":{"endpointInput":{"observedContentType":"image/jpeg","mode":"INPUT","data":"'
BEFORE_SCORES = (
    b'","encoding":"BASE64"},"endpointOutput":{"observedContentType":"application/json","mode":"OUTPUT","data":"'
)
LINE = b'%b%b%b%b","encoding":"JSON"}},"eventMetadata":{"eventId":"%b","inferenceTime":"%b"},"eventVersion":"0"}\n'
KINDS = ("truncated", "nul", "not_utf8", "malformed", "wrong_encoding", "wrong_schema", "nan")


def skew_captures(lines: int) -> list[Path]:
    """The day's 24 files, about `lines` lines in all; made where they are not there yet."""
    folder = BENCH_FOLDER / f"class_skew-{lines}-uuid"
    if not folder.exists():
        made = folder.with_suffix(".part")
        shutil.rmtree(made, ignore_errors=True)
        made.mkdir(parents=True)
        _write_day(made, lines // HOURS)
        made.rename(folder)
    return sorted(folder.glob("*.jsonl"))


def _write_day(folder: Path, lines_an_hour: int) -> None:
    generator = np.random.default_rng(SEED)
    rows = _score_rows(generator)
    images = [base64.b64encode(generator.bytes(IMAGE_BYTES)) for _ in range(IMAGES)]
    for hour in range(HOURS):
        with (folder / f"{hour:02}.jsonl").open("wb") as file:
            file.writelines(_hour(hour, lines_an_hour, rows, images, generator))


def _score_rows(generator: np.random.Generator) -> list[bytes]:
    logits = 2 * generator.gumbel(size=(SCORE_ROWS, CLASSES))
    logits[generator.random(SCORE_ROWS) < FAVOURED_SHARE, FAVOURITE] += 9
    scores = np.exp(logits - logits.max(axis=1, keepdims=True))
    probabilities = (scores / scores.sum(axis=1, keepdims=True)).astype(np.float32)
    return [f"[[{', '.join(map(str, row))}]]".encode() for row in probabilities]


def _hour(
    hour: int, lines: int, rows: list[bytes], images: list[bytes], generator: np.random.Generator
) -> Iterator[bytes]:
    picked_rows = generator.integers(len(rows), size=lines).tolist()
    picked_images = generator.integers(len(images), size=lines).tolist()
    ids = generator.bytes(16 * lines).hex()
    seconds = [b"2026-11-20T%02d:%02d:%02dZ" % (hour, second // 60, second % 60) for second in range(3600)]
    broken = dict.fromkeys(np.flatnonzero(generator.random(lines) < UNREADABLE_SHARE).tolist())
    for index, (row, image) in enumerate(zip(picked_rows, picked_images, strict=True)):
        event_id = _uuid(ids[32 * index : 32 * index + 32])
        moment = seconds[min(index // LINES_A_SECOND, 3599)]
        line = LINE % (BEFORE_IMAGE, images[image], BEFORE_SCORES, rows[row], event_id, moment)
        yield _damaged(line, KINDS[index % len(KINDS)]) if index in broken else line


def _uuid(digits: str) -> bytes:
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}".encode()


def _damaged(line: bytes, kind: str) -> bytes:
    """The line, unreadable for that reason and no other."""
    match kind:
        case "truncated":
            return line[: len(line) // 2] + b"\n"
        case "nul":
            return b"\0" * (len(line) - 1) + b"\n"
        case "not_utf8":
            return line.replace(b"image/jpeg", b"image/\xff\xfe")
        case "malformed":
            return line.replace(b'"captureData":', b'"captureData"', 1)
        case "wrong_encoding":
            return line.replace(b']]","encoding"', b'","encoding"')
        case "wrong_schema":
            return line.replace(b"endpointOutput", b"endpointOther")
    return line.replace(b'"data":"[[', b'"data":"[[NaN, ')
