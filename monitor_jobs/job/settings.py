"""What the container's environment says of one run.

What lives here: `JobSettings` and parsing it from variables that are handed in. What does not: `os.environ` (job)
and files (job.files).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from monitor_jobs.contract.container import ContainerPaths, Variable
from monitor_jobs.contract.dataset_format import CAPTURE_FORMAT, DatasetFormat, parse_dataset_format
from monitor_jobs.contract.errors import BadInput
from monitor_jobs.contract.window import Window, parse_timestamp

SUGGEST_BASELINE = "suggest_baseline"
DEFAULT_DATASET = "/opt/ml/processing/input/endpoint"
DEFAULT_OUTPUT = "/opt/ml/processing/resultdata"  # where AWS's sample container writes when it is told nothing


@dataclass(frozen=True, slots=True)
class JobSettings:
    """One run: where its input and output lie on this file system, its window, and its names.

    A path that the environment does not name is None; so is the window, and then every record counts. `workers` None
    means that the job may choose.
    """

    dataset: Path
    dataset_format: DatasetFormat
    output: Path
    window: Window | None
    baseline_statistics: Path | None
    baseline_constraints: Path | None
    model_card: Path | None
    capture_completeness: Path | None
    ground_truth: Path | None
    side_index: Path | None
    record_preprocessor: Path | None
    post_analytics_processor: Path | None
    endpoint: str
    schedule: str
    publishes_metrics: bool
    suggests_baseline: bool
    workers: int | None


def parse_settings(environment: Mapping[str, str], paths: ContainerPaths) -> JobSettings:
    """The settings of a run; raises BadInput naming the variable that does not fit and its value."""
    return JobSettings(
        dataset=_path(Variable.DATASET_SOURCE, environment.get(Variable.DATASET_SOURCE, DEFAULT_DATASET), paths),
        dataset_format=_dataset_format(environment),
        output=_path(Variable.OUTPUT_PATH, environment.get(Variable.OUTPUT_PATH, DEFAULT_OUTPUT), paths),
        window=_window(environment),
        baseline_statistics=_optional_path(Variable.BASELINE_STATISTICS, environment, paths),
        baseline_constraints=_optional_path(Variable.BASELINE_CONSTRAINTS, environment, paths),
        model_card=_optional_path(Variable.MODEL_CARD, environment, paths),
        ground_truth=_optional_path(Variable.GROUND_TRUTH, environment, paths),
        capture_completeness=_optional_path(Variable.CAPTURE_COMPLETENESS, environment, paths),
        side_index=_optional_path(Variable.SIDE_INDEX, environment, paths),
        record_preprocessor=_optional_path(Variable.RECORD_PREPROCESSOR, environment, paths),
        post_analytics_processor=_optional_path(Variable.POST_ANALYTICS_PROCESSOR, environment, paths),
        endpoint=environment.get(Variable.ENDPOINT_NAME, ""),
        schedule=environment.get(Variable.SCHEDULE_NAME, ""),
        publishes_metrics=environment.get(Variable.PUBLISH_CLOUDWATCH_METRICS) == "Enabled",
        suggests_baseline=_suggests_baseline(environment),
        workers=_workers(environment),
    )


def _dataset_format(environment: Mapping[str, str]) -> DatasetFormat:
    text = environment.get(Variable.DATASET_FORMAT)
    return parse_dataset_format(text) if text else CAPTURE_FORMAT


def _optional_path(variable: Variable, environment: Mapping[str, str], paths: ContainerPaths) -> Path | None:
    text = environment.get(variable)
    return _path(variable, text, paths) if text else None


def _path(variable: Variable, text: str, paths: ContainerPaths) -> Path:
    if not text.startswith("/") or ".." in text.split("/"):
        raise BadInput(f"{variable} is {text!r}: give an absolute container path such as {DEFAULT_DATASET}")
    return paths.below_root(text)


def _window(environment: Mapping[str, str]) -> Window | None:
    start, end = environment.get(Variable.START_TIME), environment.get(Variable.END_TIME)
    if not start and not end:
        return None
    if not start or not end:
        raise BadInput(f"{Variable.START_TIME} is {start!r} and {Variable.END_TIME} is {end!r}: give both, or neither")
    return Window(parse_timestamp(start), parse_timestamp(end))


def _suggests_baseline(environment: Mapping[str, str]) -> bool:
    analysis = environment.get(Variable.ANALYSIS, "")
    if analysis not in ("", SUGGEST_BASELINE):
        raise BadInput(f"{Variable.ANALYSIS} is {analysis!r}: set it to {SUGGEST_BASELINE}, or leave it out")
    return analysis == SUGGEST_BASELINE


def _workers(environment: Mapping[str, str]) -> int | None:
    text = environment.get(Variable.WORKERS)
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= 256):
        raise BadInput(f"{Variable.WORKERS} is {text!r}: give a whole number from 1 to 256")
    return int(text)
