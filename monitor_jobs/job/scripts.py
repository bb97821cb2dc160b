"""The scripts of one run: where they lie, and which of the job's variables they see.

What lives here: settings to scripts. What does not: running them (record_scripts), and when (job).
"""

import json
from collections.abc import Mapping
from pathlib import Path

from monitor_jobs.contract.container import ContainerPaths, Variable
from monitor_jobs.job.settings import JobSettings
from monitor_jobs.record_scripts import RecordScript, script_environment


def preprocessor_of(job: JobSettings, environment: Mapping[str, str], paths: ContainerPaths) -> RecordScript | None:
    """The script that makes rows of records, where there is one."""
    return _script(job.record_preprocessor, job, environment, paths)


def postprocessor_of(job: JobSettings, environment: Mapping[str, str], paths: ContainerPaths) -> RecordScript | None:
    """The script that runs after the analysis, where there is one."""
    return _script(job.post_analytics_processor, job, environment, paths)


def _script(
    path: Path | None, job: JobSettings, environment: Mapping[str, str], paths: ContainerPaths
) -> RecordScript | None:
    """A script that sees the container's variables and those of its job, with paths as they are on this file system."""
    if path is None:
        return None
    here: dict[str, Path | None] = {
        Variable.DATASET_SOURCE: job.dataset,
        Variable.OUTPUT_PATH: job.output,
        Variable.BASELINE_STATISTICS: job.baseline_statistics,
        Variable.BASELINE_CONSTRAINTS: job.baseline_constraints,
    }
    seen = {**environment, **{name: str(place) for name, place in here.items() if place is not None}}
    return RecordScript(path, script_environment(seen, {*Variable, *_own_variables(paths)}))


def _own_variables(paths: ContainerPaths) -> list[str]:
    """The names of the variables that the job's owner gave it, as its description has them; none where it has none."""
    try:
        described = json.loads(paths.job_config.read_bytes())
    except (OSError, ValueError):
        return []
    given = described.get("Environment") if isinstance(described, dict) else None
    return list(given) if isinstance(given, dict) else []
