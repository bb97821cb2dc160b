"""A control group for each job, of either version, where this process may make one.

What lives here: making it with its limits, what it says of an end, removing it. What does not: limits where there is
none (process_runner). Kernel documentation: admin-guide/cgroup-v1/memory, pids and admin-guide/cgroup-v2.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from service.adapters.child_process import wait_until
from service.core.ports import JobLimits

REMOVAL_SECONDS = 5.0  # the kernel lets go of a group a moment after its last process
MEMORY, PIDS = "memory", "pids"


@dataclass(frozen=True, slots=True)
class Hierarchy:
    """A place where groups can be made, with the controllers that a group made there has."""

    folder: Path
    controllers: frozenset[str]
    version: int


def hierarchies(root: Path = Path("/"), *, process: str = "self") -> list[Hierarchy]:
    """Where this process may try to make groups, each controller once; proved by tests/unit/test_cgroups.py.

    Under version 2 a group that holds processes has no groups with limits below it: then it is made beside, not below.
    """
    found: list[Hierarchy] = []
    for mount in _mounts(root / "proc" / process / "mountinfo"):
        own = _own_group(root / "proc" / process / "cgroup", mount)
        folder = root / str(mount.point).lstrip("/") / own
        taken = {name for hierarchy in found for name in hierarchy.controllers}
        for place in (folder, folder.parent) if mount.version == 2 and own else (folder,):
            offered = (_delegated(place) if mount.version == 2 else mount.controllers) & {MEMORY, PIDS}
            if offered - taken and os.access(place, os.W_OK):
                found.append(Hierarchy(place, frozenset(offered - taken), mount.version))
                break
    return found


def of_process(pid: int, root: Path = Path("/")) -> list[Path]:
    """The folders of the groups that a process is in; none where it is gone, or its groups are not to be seen here."""
    process = root / "proc" / str(pid)
    mounts = _mounts(root / "proc/self/mountinfo")
    found = (root / str(mount.point).lstrip("/") / _own_group(process / "cgroup", mount) for mount in mounts)
    return [folder for folder in found if folder.is_dir()]


def make(places: Sequence[Hierarchy], name: str, limits: JobLimits) -> tuple[list[Path], frozenset[str]]:
    """The folders of a new group, and the limits that it keeps; a place that refuses keeps none."""
    made: list[Path] = []
    kept: set[str] = set()
    for place in places:
        folder = place.folder / name
        with suppress(OSError):
            folder.rmdir()  # of a service that died: what it counted is not this job's
        try:
            folder.mkdir(exist_ok=True)
            made.append(folder)
            for controller in place.controllers:
                _limit(folder, controller, place.version, limits)
                kept.add(controller)
        except OSError:
            continue
    return made, frozenset(kept)


def out_of_memory(folders: Sequence[Path]) -> bool:
    """True where the kernel has ended a process of the group for its memory limit."""
    reports = (folder / name for folder in folders for name in ("memory.oom_control", "memory.events"))
    return any(_kills(report) > 0 for report in reports)


def remove(folders: Sequence[Path]) -> None:
    """Remove a group whose processes have ended."""
    for folder in folders:
        wait_until(lambda folder=folder: _is_removed(folder), timeout_seconds=REMOVAL_SECONDS)  # type: ignore[misc]


@dataclass(frozen=True, slots=True)
class _Mount:
    point: Path
    group: str  # which group of the machine the mount point shows: a container may see its own as the root
    version: int
    controllers: frozenset[str]


def _mounts(mountinfo: Path) -> Iterator[_Mount]:
    for line in _lines(mountinfo):
        fields, _, rest = line.partition(" - ")
        kind, _, options = rest.split(" ", 2)
        group, point = fields.split()[3:5]
        if kind in ("cgroup", "cgroup2"):
            controllers = frozenset(options.replace(" ", ",").split(","))
            yield _Mount(Path(point), group, 2 if kind == "cgroup2" else 1, controllers)


def _own_group(membership: Path, mount: _Mount) -> str:
    for line in _lines(membership):
        number, controllers, path = line.split(":", 2)
        is_of_mount = number == "0" if mount.version == 2 else mount.controllers & set(controllers.split(","))
        if is_of_mount:
            return path.removeprefix(mount.group).strip("/")
    return ""


def _delegated(folder: Path) -> frozenset[str]:
    return frozenset(word for line in _lines(folder / "cgroup.subtree_control") for word in line.split())


def _limit(folder: Path, controller: str, version: int, limits: JobLimits) -> None:
    if controller == PIDS:
        (folder / "pids.max").write_text(str(limits.processes))
    elif version == 1:
        (folder / "memory.limit_in_bytes").write_text(str(limits.memory_bytes))
        with suppress(OSError):  # where swap is counted at all
            (folder / "memory.memsw.limit_in_bytes").write_text(str(limits.memory_bytes))
    else:
        (folder / "memory.max").write_text(str(limits.memory_bytes))
        with suppress(OSError):
            (folder / "memory.swap.max").write_text("0")
            (folder / "memory.oom.group").write_text("1")  # a job that has lost a part of itself is no job


def _kills(report: Path) -> int:
    counts = dict(line.split(" ", 1) for line in _lines(report))
    return int(counts.get("oom_kill", 0))


def _is_removed(folder: Path) -> bool:
    try:
        folder.rmdir()
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return True


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text().splitlines()
    except OSError:
        return []
