"""Outputs of a processing job: uploaded files, the exit message, published metrics, the count of violations."""

import math
import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from pydantic import ValidationError

from monitor_jobs.contract.container import MESSAGE_MAX_BYTES, CloudWatchMetric, ContainerPaths
from monitor_jobs.contract.errors import BadInput
from monitor_jobs.contract.report import REPORT_FILE, VIOLATIONS_FILE, VIOLATIONS_FILE_ALIAS, ConstraintViolations
from monitor_jobs.contract.window import parse_timestamp
from monitor_jobs.object_store import ObjectStore, S3Address
from service.core.processing import ProcessingOutput
from service.metrics import PUBLISHED_MAX
from service.scheduler.left_files import name_of, opened, regular_files

LOG_TAIL_LINES = 20
LOG_TAIL_BYTES = 16_384


def upload_output(store: ObjectStore, output: ProcessingOutput, paths: ContainerPaths) -> None:
    """Upload every regular file of one output; the report goes last, so that who sees it sees all.

    Violations under one of their two names are uploaded under both: AWS's sample writes one, its client reads another.
    """
    for file in sorted(output_files(output, paths), key=lambda file: (file.name == REPORT_FILE, file)):
        upload_file(store, output, paths, file)


def output_files(output: ProcessingOutput, paths: ContainerPaths) -> list[Path]:
    """The regular files of one output, relative to its folder. Links are none: they could name any file of the host."""
    return regular_files(paths.root, paths.below_root(output.s3_output.local_path))


def upload_file(store: ObjectStore, output: ProcessingOutput, paths: ContainerPaths, file: Path) -> None:
    """Upload one file of an output to where it belongs; nothing where it is gone by now."""
    folder = paths.below_root(output.s3_output.local_path)
    target = S3Address.parse(output.s3_output.s3_uri)
    with opened(paths.root, folder / file) as found:
        if found is not None:
            for name in _names(file, folder):
                store.upload(name_of(found), target.joined(*name.parts))


def read_message(paths: ContainerPaths) -> str | None:
    """The exit message's first 1 KB, None where the job left none. Raises BadInput where it is not UTF-8."""
    with opened(paths.root, paths.message) as file:
        if file is None:
            return None
        clipped = file.read(MESSAGE_MAX_BYTES)
    try:
        return clipped.decode()
    except UnicodeDecodeError as error:
        # A character that the clip cut in two is no fault of the job's.
        if error.start > len(clipped) - 4 and len(clipped) == MESSAGE_MAX_BYTES:
            return clipped[: error.start].decode()
        raise BadInput(
            f"{paths.message.name} is not UTF-8 at byte {error.start}: write the exit message as UTF-8"
        ) from error


def read_metrics(paths: ContainerPaths) -> list[CloudWatchMetric]:
    """The last line of each metric and its dimensions that the job published, at most 200, in order of their first.

    Lines that are no metric, or hold a number that is not finite, are left out.
    """
    last: dict[str, CloudWatchMetric] = {}
    with opened(paths.root, paths.cloudwatch_metrics) as lines:
        for metric in filter(None, map(_metric, lines or ())):
            if metric.gauge in last or len(last) < PUBLISHED_MAX:
                last[metric.gauge] = metric
    return list(last.values())


def gauges(metrics: Iterable[CloudWatchMetric]) -> dict[str, float]:
    """One number for each metric: its value, or the mean of its statistics."""
    return {metric.gauge: metric.statistics.sum / metric.statistics.sample_count for metric in metrics}


def count_violations(output: ProcessingOutput, paths: ContainerPaths) -> int | None:
    """How many violations the job's file lists, under either of its names; None where there is none to read."""
    folder = paths.below_root(output.s3_output.local_path)
    for name in (VIOLATIONS_FILE, VIOLATIONS_FILE_ALIAS):
        with opened(paths.root, folder / name) as file, suppress(ValidationError):
            if file is not None:
                return len(ConstraintViolations.model_validate_json(file.read()).violations)
    return None


def log_tail(path: Path, *, characters: int) -> str:
    """The last lines of a job's log, at most 20 and so many characters; "" where there is none."""
    if not path.exists():
        return ""
    with path.open("rb") as file:
        file.seek(max(0, file.seek(0, os.SEEK_END) - LOG_TAIL_BYTES))
        lines = file.read().decode(errors="replace").splitlines()[-LOG_TAIL_LINES:]
    return "\n".join(lines)[-characters:]


def _names(file: Path, folder: Path) -> list[Path]:
    both = {VIOLATIONS_FILE: VIOLATIONS_FILE_ALIAS, VIOLATIONS_FILE_ALIAS: VIOLATIONS_FILE}
    other = both.get(str(file))
    return [file] if other is None or os.path.lexists(folder / other) else [file, Path(other)]


def _metric(line: bytes) -> CloudWatchMetric | None:
    try:
        metric = CloudWatchMetric.model_validate_json(line)
        parse_timestamp(metric.timestamp)
    except (ValidationError, BadInput):
        return None
    numbers = metric.statistics
    # not every database keeps a NaN
    finite = all(map(math.isfinite, (numbers.sample_count, numbers.sum, numbers.minimum, numbers.maximum)))
    return metric if finite and math.isfinite(numbers.sum / numbers.sample_count) else None
