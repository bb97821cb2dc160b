"""Processing jobs as processes of this machine, each with namespaces of its own in which /opt/ml is its folder.

Built-in monitors and programs of allowed folders run here. Where the kernel refuses such namespaces, the built-in
monitors still do: they take `--root` in place of a mounted /opt/ml, and then only their session ends with them. What
does not live here: the job's first process (confinement), command lines (programs), staging and publishing (scheduler).
"""

import hashlib
import json
import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from types import MappingProxyType

import monitor_jobs
from monitor_jobs.contract.catalog import BUILT_IN_MONITORS, prebuilt_without_monitor
from monitor_jobs.contract.errors import BadInput
from service.adapters import cgroups, child_process, confinement, job_watch
from service.adapters.job_watch import STOP_PATIENCE_SECONDS, Ended
from service.adapters.programs import monitor_command, program_command
from service.core.images import BuiltInMonitor, ContainerImage, Runnable, runnable_of
from service.core.ports import Handle, JobLimits, JobSpec

# What a job inherits of this service's environment: where programs are, how people here write, and how many threads a
# computation may have, which torch, NumPy and Arrow all read. No setting of the service, and no secret that somebody
# gave it.
INHERITED = (
    *("PATH", "LANG", "LC_ALL", "TZ", "HOME", "TMPDIR", "PYTHONPATH", "LD_LIBRARY_PATH"),
    *("OMP_NUM_THREADS", "SEXTANT_JOB_WORKERS"),
)
PACKAGES = Path(monitor_jobs.__file__).parents[1]  # where the built-in monitors are imported from
LAUNCHER = Path(confinement.__file__)
PROBE_SECONDS = 30


def inheritable(environment: Mapping[str, str]) -> dict[str, str]:
    """The part of this service's environment that its jobs may see."""
    return {name: environment[name] for name in INHERITED if name in environment}


class ProcessRunner:
    """The port core.ports.JobRunner.

    `environment` is what every job inherits beneath its own, `hidden` are folders that no job sees into.
    """

    def __init__(
        self,
        environment: dict[str, str],
        *,
        program_folders: Sequence[Path] = (),
        hidden: Sequence[Path] = (),
        limits: JobLimits | None = None,
        rule: Callable[[str], Runnable] = runnable_of,
    ) -> None:
        self._environment = environment
        self._program_folders = program_folders
        self._hidden = hidden
        self._limits = limits or JobLimits()
        self._rule = rule
        self._children: dict[int, subprocess.Popen[bytes]] = {}

    def start(self, job: JobSpec) -> Handle:
        """Start the job and return at once. Raises BadInput for what is no built-in monitor nor an allowed program."""
        command = self._command(job)
        groups, kept = cgroups.make(cgroups.hierarchies(), _group_of(job.root), self._limits)
        try:
            if self.refusal is None:
                child = self._spawn_confined(job, command, groups, kept)
            else:
                child = self._spawn_with_root(job, command, groups, kept)
        except OSError:
            cgroups.remove(groups)
            raise
        self._children[child.pid] = child
        return {**child_process.identity(child.pid), "cgroups": list(map(str, groups))}

    def wait(self, handle: Handle, *, job: JobSpec, keep_going: Callable[[], bool]) -> Ended:
        """Wait for the end; all that the job has started is ended at a limit or when `keep_going` says no."""
        child = self._children.pop(handle["pid"])
        reason: str | None = "the service failed while it waited"
        try:
            reason = job_watch.watch(job, self._limits, has_ended=lambda: _has_ended(child.pid), keep_going=keep_going)
        finally:
            # Also after an ordinary end: a monitor that forked must leave nothing behind.
            child_process.end_session(handle, patience_seconds=STOP_PATIENCE_SECONDS if reason else 0)
            child.wait()
            starved = cgroups.out_of_memory(_groups(handle))
            cgroups.remove(_groups(handle))
        code = _shell_code(child.returncode)
        if reason is None and starved and code != 0:
            reason = job_watch.out_of_memory(self._limits)
        return Ended(code, reason)

    def end(self, handle: Handle) -> None:
        """End every process that a job has left, also where the one that was started is gone already."""
        child_process.end_session(handle, patience_seconds=STOP_PATIENCE_SECONDS)
        child = self._children.get(handle["pid"])
        if child is not None and child.poll() is not None:
            self._children.pop(child.pid, None)
        cgroups.remove(_groups(handle))

    def strays(self, root: Path) -> list[Handle]:
        """Living leaders of a session that were started for the root, and are no children of this process."""
        leaders = child_process.leaders_of_others()
        found = [leader for leader in leaders if str(root) in child_process.command_line(leader["pid"])]
        groups = [place.folder / _group_of(root) for place in cgroups.hierarchies()] if found else []
        return [{**leader, "cgroups": list(map(str, groups))} for leader in found]

    @cached_property
    def refusal(self) -> str | None:
        """Why the kernel gives a job no namespaces of its own, None where it does; asked once, with a real one."""
        with tempfile.TemporaryDirectory() as folder:
            task = _task(["true"], Path(folder), self._environment)
            done = subprocess.run(
                _launcher(folder), input=task, env={}, capture_output=True, timeout=PROBE_SECONDS, check=False
            )
        return None if done.returncode == 0 else done.stderr.decode(errors="replace").strip()

    def _command(self, job: JobSpec) -> list[str]:
        runnable = self._rule(job.image_uri)
        if isinstance(runnable, BuiltInMonitor):
            return [*monitor_command(runnable, job), *self._root_option(job), *job.arguments]
        if isinstance(runnable, ContainerImage):
            raise BadInput(_ways_out(job.image_uri))
        if self.refusal is not None:
            # Its paths would lead to files of this machine: not to the job's, and not to nothing.
            raise BadInput(
                f"program {job.image_uri} needs /opt/ml to itself, and {self.refusal}: allow user namespaces, run the "
                "service as root, or put the program into an image"
            )
        return program_command(runnable, job, self._program_folders)

    def _root_option(self, job: JobSpec) -> list[str]:
        return [] if self.refusal is None else ["--root", str(job.root)]

    def _spawn_confined(
        self, job: JobSpec, command: list[str], groups: Sequence[Path], kept: frozenset[str]
    ) -> "subprocess.Popen[bytes]":
        task = _task(
            command,
            job.root / "opt/ml",
            self._variables(job),
            hidden=[folder for folder in self._hidden if not _holds(folder, _program(command))],
            groups=groups,
            limits=_resource_limits(self._limits, kept),
        )
        # Nothing of the job's environment: the launcher keeps its privileges until the job is confined.
        child = _spawn(_launcher(job.root), job, environment={}, stdin=subprocess.PIPE)
        if child.stdin is not None:
            with suppress(BrokenPipeError), child.stdin as told:
                told.write(task)
        return child

    def _spawn_with_root(
        self, job: JobSpec, command: list[str], groups: Sequence[Path], kept: frozenset[str]
    ) -> "subprocess.Popen[bytes]":
        child = _spawn(command, job, environment=self._variables(job), stdin=subprocess.DEVNULL)
        with suppress(ProcessLookupError):
            for group in groups:
                (group / "cgroup.procs").write_text(str(child.pid))
            for name, limit in _resource_limits(self._limits, kept).items():
                resource.prlimit(child.pid, getattr(resource, name), (limit, limit))
        return child

    def _variables(self, job: JobSpec) -> dict[str, str]:
        variables = {**self._environment, **job.environment}
        if not isinstance(self._rule(job.image_uri), BuiltInMonitor):
            return variables
        paths = filter(None, (str(PACKAGES), variables.get("PYTHONPATH")))
        return {**variables, "PYTHONPATH": os.pathsep.join(paths)}


def _group_of(root: Path) -> str:
    # Its root, and not its name: another service on this machine may run a job of the same name.
    return f"sextant-{hashlib.sha256(str(root).encode()).hexdigest()[:16]}"


def _ways_out(image_uri: str) -> str:
    known = ", ".join(sorted(BUILT_IN_MONITORS))
    missing = " (AWS's own, of which there is none here yet)" if prebuilt_without_monitor(image_uri) else ""
    return (
        f"image {image_uri!r}{missing} cannot run as a process: use one of {known}, a program of this machine as "
        "file:///PATH, or set SEXTANT_OCI_ENGINE to podman or docker to run images"
    )


def _launcher(root: str | Path) -> list[str]:
    # The root, though unused there, is what finds the process again.
    return [sys.executable, "-I", "-S", str(LAUNCHER), str(root)]


def _task(
    command: list[str],
    folder: Path,
    environment: dict[str, str],
    *,
    hidden: Sequence[Path] = (),
    groups: Sequence[Path] = (),
    limits: Mapping[str, int] = MappingProxyType({}),
) -> bytes:
    task = {
        "command": command,
        "folder": str(folder),
        "environment": environment,
        "hidden": [str(secret) for secret in hidden],
        "cgroups": [str(group / "cgroup.procs") for group in groups],
        "limits": dict(limits),
    }
    return json.dumps(task).encode()


def _spawn(command: list[str], job: JobSpec, *, environment: dict[str, str], stdin: int) -> "subprocess.Popen[bytes]":
    with job.log.open("ab") as log:
        return subprocess.Popen(
            command, stdin=stdin, stdout=log, stderr=subprocess.STDOUT, env=environment, start_new_session=True
        )


def _resource_limits(limits: JobLimits, kept: frozenset[str]) -> dict[str, int]:
    """What stands in for the limits that no control group keeps: of each process alone, and of its data, not its share
    of memory.
    """
    wanted = {"RLIMIT_CORE": 0}
    if cgroups.MEMORY not in kept:
        wanted["RLIMIT_DATA"] = limits.memory_bytes
    if cgroups.PIDS not in kept:
        wanted["RLIMIT_NPROC"] = limits.processes
    return {name: min(value, _hard_limit(name)) for name, value in wanted.items()}


def _hard_limit(name: str) -> int:
    hard = resource.getrlimit(getattr(resource, name))[1]
    return sys.maxsize if hard == resource.RLIM_INFINITY else hard


def _program(command: list[str]) -> Path:
    # Never an argument: a client must not be able to uncover a folder by naming something in it.
    return Path(command[1] if command[0] == sys.executable else command[0])


def _holds(folder: Path, program: Path) -> bool:
    needed = [Path(sys.prefix), Path(sys.base_prefix), PACKAGES, program]
    return any(path.is_absolute() and path.resolve().is_relative_to(folder.resolve()) for path in needed)


def _groups(handle: Handle) -> list[Path]:
    return list(map(Path, handle.get("cgroups", ())))


def _has_ended(pid: int) -> bool:
    # Not reaped before its session is ended: until then its number is nobody else's.
    return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def _shell_code(return_code: int) -> int:
    return 128 - return_code if return_code < 0 else return_code
