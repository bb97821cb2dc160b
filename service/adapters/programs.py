"""The command line of a job that runs as a process: a built-in monitor, or a program of an allowed folder.

What lives here: Docker's rules of entrypoint and arguments, and which programs may run. What does not: running them
(process_runner).
"""

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from monitor_jobs.contract.errors import BadInput
from service.core.images import BuiltInMonitor, LocalProgram
from service.core.ports import JobSpec


def monitor_command(monitor: BuiltInMonitor, job: JobSpec) -> list[str]:
    """The command line of a built-in monitor. Raises BadInput for an entrypoint: it has its own."""
    if job.entrypoint:
        raise BadInput(
            f"ContainerEntrypoint is {list(job.entrypoint)} but {job.image_uri} has its own: leave it out, or name an "
            "image or a program that is yours"
        )
    return [sys.executable, "-m", monitor.module]


def program_command(program: LocalProgram, job: JobSpec, folders: Sequence[Path]) -> list[str]:
    """The command line of a program. An entrypoint takes its place, and must be an allowed program itself.

    Raises BadInput for a program that is absent, lies outside of the folders, links followed, or cannot be run.
    """
    first, *rest = job.entrypoint or (str(program.path),)
    return [*_runnable(_allowed(Path(first), folders)), *rest, *job.arguments]


def _allowed(path: Path, folders: Sequence[Path]) -> Path:
    if not folders:
        raise BadInput(f"program {path} may not run: set SEXTANT_PROGRAM_FOLDERS to the folders whose programs may")
    if not path.is_absolute():
        raise BadInput(f"program {str(path)!r} has no absolute path: name it as it lies in {_listed(folders)}")
    resolved = path.resolve()
    if not any(resolved.is_relative_to(folder.resolve()) for folder in folders):
        raise BadInput(f"program {path} lies outside of {_listed(folders)}: move it there, or name its folder in "
                       "SEXTANT_PROGRAM_FOLDERS")  # fmt: skip
    if not resolved.is_file():
        raise BadInput(f"no program {path} here: put it there, or correct the ImageUri")
    return resolved


def _runnable(path: Path) -> list[str]:
    if os.access(path, os.X_OK):
        return [str(path)]
    if path.suffix == ".py":
        return [sys.executable, str(path)]
    raise BadInput(f"program {path} is not executable: chmod +x it, or give a .py file")


def _listed(folders: Sequence[Path]) -> str:
    return ", ".join(map(str, folders))
