"""A script that a user brought: where it lies, how much it may take, and what it may know of its surroundings.

What lives here: the values. What does not: holding a process to them (child_program, process).
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

# Where programs are and how people here write; and one thread for libraries that would start one for every core.
INHERITED: Final = frozenset({"PATH", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "HOME", "TMPDIR", "LD_LIBRARY_PATH"})
ONE_THREAD: Final = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}


@dataclass(frozen=True, slots=True)
class ScriptLimits:
    """What a script may take: memory and files in bytes, processor time in all, time on the clock, prints in all.

    `call_seconds` are for one record, or for the whole of a script that runs after the analysis.
    """

    address_space_bytes: int = 4 << 30
    file_bytes: int = 1 << 30
    cpu_seconds: int = 3600
    start_seconds: float = 60
    call_seconds: float = 60
    printed_bytes: int = 1 << 20

    @property
    def of_the_kernel(self) -> Mapping[str, int]:
        """Those that the kernel keeps, by their names in `resource`."""
        return {
            "RLIMIT_AS": self.address_space_bytes,
            "RLIMIT_FSIZE": self.file_bytes,
            "RLIMIT_CPU": self.cpu_seconds,
        }


@dataclass(frozen=True, slots=True)
class RecordScript:
    """A script, the variables that it sees, and its limits; equal ones share a process."""

    path: Path
    environment: tuple[tuple[str, str], ...] = ()
    limits: ScriptLimits = ScriptLimits()


def script_environment(environment: Mapping[str, str], given: Collection[str] = ()) -> tuple[tuple[str, str], ...]:
    """The part of a job's environment that its script sees: a short list, and `given`, what the job's owner set.

    No credential that a platform puts into a job's environment is on that list.
    """
    kept = {name: value for name, value in environment.items() if name in INHERITED or name in given}
    return tuple({**ONE_THREAD, **kept}.items())
