"""The first process of a job: makes the job's own view of the machine, starts its program there, and outlives it.

Run by process_runner as a script of its own, with nothing imported but the standard library, and told by JSON on its
standard input what to do: the job's environment must not reach this process, which still has every privilege.

What lives here: a mount namespace in which the job's folder is /opt/ml, a namespace of process numbers that ends with
the program, limits, privileges, and a machine that cannot be turned by what is left of them. What does not: which job,
and how long (process_runner). mount(2), namespaces(7), pid_namespaces(7), capabilities(7); proved on real jobs by
tests/contract/test_job_runners.py.
"""

import ctypes
import errno
import json
import os
import resource
import signal
import stat
import struct
import sys
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

CLONE_NEWNS, CLONE_NEWUSER, CLONE_NEWPID = 0x00020000, 0x10000000, 0x20000000
MOUNT_SETATTR, AT_FDCWD, AT_RECURSIVE, MOUNT_ATTR_RDONLY = 442, -100, 0x8000, 1
MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_BIND, MS_REC, MS_SLAVE = 2, 4, 8, 4096, 16384, 1 << 19
PR_SET_PDEATHSIG, PR_CAPBSET_DROP, PR_SET_NO_NEW_PRIVS = 1, 24, 38
LAST_CAPABILITY = 63
# What a container's root is usually left with, less what reaches beyond files: CHOWN, DAC_OVERRIDE, FOWNER, FSETID,
# KILL, SETGID, SETUID.
KEPT_CAPABILITIES = frozenset({0, 1, 3, 4, 5, 6, 7})
CANNOT_CONFINE, CANNOT_EXECUTE, NOT_FOUND = 125, 126, 127  # the exit codes that container engines give
NO_NAMESPACES = "the kernel refuses a job namespaces of its own"
OPT = "/opt"
# What a root without privileges still owns and so may write to, and with it leave its limits or take the machine.
MACHINE = ("/sys", "/proc/sys", "/proc/irq", "/proc/bus", "/proc/sysrq-trigger")
RAW_MEMORY = ("/dev/mem", "/dev/kmem", "/dev/port")

_libc = ctypes.CDLL(None, use_errno=True)


def main() -> NoReturn:
    """Confine, run, and exit with the program's code as a shell reports it; 125 where the kernel refuses."""
    job = json.load(sys.stdin)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _leave_it_to_the_program)
    try:
        _own_namespaces()
        _own_mounts(Path(job["folder"]), [Path(folder) for folder in job["hidden"]])
    except OSError as error:
        _give_up(NO_NAMESPACES, error)
    started, go = os.pipe()
    first = os.fork()
    if first == 0:
        os.close(go)
        _be_the_first(job, started)
    os.write(go, b"!")
    os._exit(_code(os.waitpid(first, 0)[1]))


def _own_namespaces() -> None:
    user, group = os.geteuid(), os.getegid()
    if user == 0:
        _unshare(CLONE_NEWNS | CLONE_NEWPID)
        return
    _unshare(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID)
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{user} {user} 1")
    Path("/proc/self/gid_map").write_text(f"{group} {group} 1")


def _own_mounts(folder: Path, hidden: list[Path]) -> None:
    # nothing that is mounted from here on is seen outside; what is unmounted outside does not stay in use by a job
    _mount("none", "/", flags=MS_REC | MS_SLAVE)
    below, ours = (os.open(path, os.O_PATH | os.O_DIRECTORY) for path in (OPT, folder))
    entries = sorted(os.scandir(OPT), key=lambda entry: entry.name)
    _mount("tmpfs", OPT, kind="tmpfs", flags=MS_NOSUID | MS_NODEV, data="mode=755")
    for entry in entries:
        if entry.name != "ml":
            _show(Path(f"/proc/self/fd/{below}", entry.name), Path(OPT, entry.name))
    Path(OPT, "ml").mkdir()
    _mount(f"/proc/self/fd/{ours}", f"{OPT}/ml", flags=MS_BIND)
    # Shared memory that a killed job leaves behind goes with it.
    _mount("tmpfs", "/dev/shm", kind="tmpfs", flags=MS_NOSUID | MS_NODEV, data="mode=1777")  # noqa: S108
    for secret in hidden:
        _mount("tmpfs", str(secret), kind="tmpfs", flags=MS_NOSUID | MS_NODEV | MS_NOEXEC, data="mode=755")
    os.close(below)
    os.close(ours)


def _show(source: Path, target: Path) -> None:
    mode = source.lstat().st_mode
    if stat.S_ISLNK(mode):
        target.symlink_to(source.readlink())
        return
    if stat.S_ISDIR(mode):
        target.mkdir()
    else:
        target.touch()
    _mount(str(source), str(target), flags=MS_BIND | MS_REC)


def _be_the_first(job: dict[str, Any], started: int) -> NoReturn:
    """Process 1 of the job's numbers: the kernel ends every other one with it, however they try to get away."""
    _prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if not os.read(started, 1):
        os._exit(CANNOT_CONFINE)  # the parent died before it could take this process with it
    try:
        _mount("proc", "/proc", kind="proc", flags=MS_NOSUID | MS_NODEV | MS_NOEXEC)
    except PermissionError:
        pass  # inside a container that masks parts of /proc; the numbers seen there are then the machine's
    except OSError as error:
        _give_up(NO_NAMESPACES, error)
    program = os.fork()
    if program == 0:
        _become(job)
    while True:
        pid, status = os.wait()  # also the orphans that the job leaves
        if pid == program:
            os._exit(_code(status))


def _become(job: dict[str, Any]) -> NoReturn:
    command: list[str] = job["command"]
    try:
        for tasks in job["cgroups"]:
            Path(tasks).write_text("0")  # the one that writes
        if os.geteuid() == 0:
            _seal_the_machine()
        for name, limit in job["limits"].items():
            resource.setrlimit(getattr(resource, name), (limit, limit))
        _drop_privileges()
    except OSError as error:
        _give_up("the kernel refuses the job its limits", error)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(number, signal.SIG_DFL)
    try:
        os.chdir("/")
        os.execvpe(command[0], command, job["environment"])  # noqa: S606 -- the job's own command line
    except OSError as error:
        sys.stderr.write(f"cannot run {command[0]}: {error.strerror}\n")
        sys.stderr.flush()
        os._exit(NOT_FOUND if isinstance(error, FileNotFoundError) else CANNOT_EXECUTE)


def _seal_the_machine() -> None:
    disks = (entry.path for entry in os.scandir("/dev") if stat.S_ISBLK(entry.stat(follow_symlinks=False).st_mode))
    for path in (*disks, *filter(os.path.exists, RAW_MEMORY)):
        _mount(os.devnull, path, flags=MS_BIND)
    attributes = struct.pack("=QQQQ", MOUNT_ATTR_RDONLY, 0, 0, 0)
    for path in filter(os.path.exists, MACHINE):
        _mount(path, path, flags=MS_BIND | MS_REC)
        name = os.fsencode(path)
        code = _libc.syscall(MOUNT_SETATTR, AT_FDCWD, name, AT_RECURSIVE, attributes, len(attributes))
        if code == 0 or ctypes.get_errno() != errno.ENOSYS:  # a kernel before 5.12 has no such call
            _checked(f"mount_setattr {path}", code)


def _drop_privileges() -> None:
    _prctl(PR_SET_NO_NEW_PRIVS, 1)
    if os.geteuid() == 0:
        for capability in range(LAST_CAPABILITY + 1):
            if capability not in KEPT_CAPABILITIES:
                _libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0)  # EINVAL: this kernel has no such capability


def _give_up(what: str, error: OSError) -> NoReturn:
    sys.stderr.write(f"{what}: {error.filename}: {error.strerror}\n")
    sys.stderr.flush()
    os._exit(CANNOT_CONFINE)


def _leave_it_to_the_program(_number: int, _frame: FrameType | None) -> None:
    """A handler, since the program would inherit an ignored signal as ignored."""


def _unshare(flags: int) -> None:
    _checked("unshare", _libc.unshare(flags))


def _mount(source: str, target: str, *, kind: str = "none", flags: int, data: str = "") -> None:
    code = _libc.mount(source.encode(), os.fsencode(target), kind.encode(), ctypes.c_ulong(flags), data.encode())
    _checked(f"mount {target}", code)


def _prctl(option: int, value: int) -> None:
    _checked(f"prctl {option}", _libc.prctl(option, value, 0, 0, 0))


def _checked(what: str, code: int) -> None:
    if code != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), what)


def _code(status: int) -> int:
    code = os.waitstatus_to_exitcode(status)
    return 128 - code if code < 0 else code


if __name__ == "__main__":
    main()
