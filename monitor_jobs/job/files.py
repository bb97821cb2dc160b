"""The files of one run: finding captures, reading the baseline and the model card, writing what is left behind.

What lives here: file access. What does not: what the files say (contract), when they are written (job).
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from monitor_jobs.contract.capture import CAPTURE_SUFFIX, SIDE_FOLDER
from monitor_jobs.contract.completeness import CaptureProof
from monitor_jobs.contract.container import ContainerPaths, clip_message
from monitor_jobs.contract.dataset_format import CaptureFormat
from monitor_jobs.contract.errors import BadInput
from monitor_jobs.contract.ground_truth import MergeCounts
from monitor_jobs.contract.model_package import ModelCard
from monitor_jobs.contract.report import Constraints, Statistics
from monitor_jobs.contract.side_index import INDEX_SUFFIX
from monitor_jobs.job.settings import JobSettings
from monitor_jobs.monitor import Baseline, CaptureFile
from monitor_jobs.record_scripts import RecordScript

FileT = TypeVar("FileT", bound=BaseModel)
SIDE_INDEX = "side index"


def dataset_files(settings: JobSettings, preprocessor: RecordScript | None = None) -> list[CaptureFile]:
    """Every regular file of the dataset's format, by object key; links are passed over, for they may lead anywhere.

    Captures are `*.jsonl`; other formats are every file that is not hidden (`.x`, `_x`), as in Spark. Where a side
    index stands for more captures, its folder is one more. Raises BadInput where there is no such folder.
    """
    if not settings.dataset.is_dir():
        raise BadInput(f"no folder {settings.dataset}: set dataset_source to where the captures are")
    card = _read(settings.model_card, ModelCard) or ModelCard()
    wanted = _is_capture if isinstance(settings.dataset_format, CaptureFormat) else _is_shown
    paths = [path for path in _regular_files(settings.dataset) if wanted(path.name)]
    found = [(_object_key(path, settings.dataset), path) for path in paths]
    index = settings.side_index
    if index is not None and any(index.rglob(f"*{INDEX_SUFFIX}")):
        found.append((SIDE_INDEX, index))
    return [
        CaptureFile(path, object_key, settings.window, card, settings.dataset_format, preprocessor)
        for object_key, path in sorted(found)
    ]


def read_baseline(settings: JobSettings) -> Baseline:
    """The baseline files that the environment names; raises BadInput where one is absent or not what it should be."""
    return Baseline(
        statistics=_read(settings.baseline_statistics, Statistics),
        constraints=_read(settings.baseline_constraints, Constraints),
    )


def read_capture_proof(settings: JobSettings) -> CaptureProof | None:
    """What the platform knows to be missing of the captures, None where it says nothing of them. Raises BadInput."""
    return _read(settings.capture_completeness, CaptureProof)


def read_merge_counts(settings: JobSettings) -> MergeCounts | None:
    """What came of merging ground truth into the captures, None where none was merged. Raises BadInput."""
    return _read(settings.ground_truth, MergeCounts)


def first_fault(error: ValidationError, whole: str) -> str:
    """Where the first value lies that does not fit, `whole` where it is all of it, and why."""
    first = error.errors(include_url=False)[0]
    place = ".".join(map(str, first["loc"])) or whole
    return f"{place}: {first['msg'].lower()}"


def write_outputs(folder: Path, files: Mapping[str, str | bytes]) -> None:
    """Write files under their names, in order: who watches for the last name finds the others complete."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)


def write_message(paths: ContainerPaths, message: str) -> None:
    """Leave the exit message; the platform keeps its first 1,024 bytes."""
    paths.message.parent.mkdir(parents=True, exist_ok=True)
    paths.message.write_bytes(clip_message(message))


def write_cloudwatch_metrics(paths: ContainerPaths, lines: list[str]) -> None:
    """Leave metrics for the platform to publish."""
    paths.cloudwatch_metrics.parent.mkdir(parents=True, exist_ok=True)
    paths.cloudwatch_metrics.write_text("".join(lines), encoding="utf-8")


def _regular_files(folder: Path) -> list[Path]:
    found: list[Path] = []
    for parent, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if name != SIDE_FOLDER]
        candidates = (Path(parent, name) for name in names)
        found += [path for path in candidates if path.is_file() and not path.is_symlink()]
    return found


def _is_capture(name: str) -> bool:
    return name.endswith(CAPTURE_SUFFIX)


def _is_shown(name: str) -> bool:
    return not name.startswith((".", "_"))


def _object_key(path: Path, dataset: Path) -> str:
    # A file name may hold bytes that are no UTF-8; a report may not.
    return os.fsencode(path.relative_to(dataset).as_posix()).decode(errors="replace")


def _read(path: Path | None, kind: type[FileT]) -> FileT | None:
    if path is None:
        return None
    try:
        return kind.model_validate_json(path.read_bytes())
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {error.strerror}") from error
    except ValidationError as error:
        raise BadInput(f"{path} is no {kind.__name__.lower()} file: {first_fault(error, 'the file')}") from error
