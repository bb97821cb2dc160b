"""Lives in which the kernel itself refuses a system call, or kills at it: strace stands between.

What lives here: the faults that strace can inject, counted thread by thread, and lives under it. What does not: the
lives and the judge, which are those of the disks that only pretend (spool_life, spool_verdict).
"""

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

from monitor_jobs.object_store.folder import FolderStore
from tests.servers.capture_campaign import FORKS, PATIENCE
from tests.servers.failing_disk import Fault
from tests.servers.spool_life import LEFT_WHOLE, Trial, leave_behind, live_on, read_told, spec_in
from tests.servers.spool_verdict import SAFE, inherit_all, judged
from tests.wait import wait_until

MOST = {
    "newfstatat": 40, "fstat": 40, "read": 40, "getdents64": 40, "flock": 20, "openat": 60, "lseek": 30, "close": 40,
    "fsync": 20, "fdatasync": 5, "write": 30, "rename": 15, "unlink": 15, "ftruncate": 2, "mkdir": 3,
}  # fmt: skip
HOW = ("error=EIO", "signal=KILL")


def strace_works() -> bool:
    """Whether strace is installed and may attach to a process."""
    if shutil.which("strace") is None:
        return False
    return subprocess.run(["strace", "-o", "/dev/null", "true"], capture_output=True, check=False).returncode == 0


def injections(stride: int) -> Iterator[str]:
    """Every so many of the faults, in strace's words; calls of the store and of Python are met as well."""
    every = (f"{call}:{how}:when={n}" for call, most in MOST.items() for how in HOW for n in range(1, most + 1))
    yield from list(every)[::stride]


def live_when_told(folder: Path, fault: Fault | None) -> None:
    """A life that waits until strace is attached, and for that makes none of the calls that are meant to fail."""
    leave_behind(spec_in(folder).spool_folder)
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1})
    (folder / "ready").touch()
    signal.sigwait({signal.SIGUSR1})
    live_on(folder, fault)


def tried_under_strace(folder: Path, injection: str) -> Trial:
    """A life with a fault of the kernel, its next start, and the verdict on both."""
    folder.mkdir(parents=True)
    process = FORKS.Process(target=live_when_told, args=(folder, None))
    process.start()
    wait_until((folder / "ready").exists, timeout_seconds=PATIENCE, what="what others left")
    output, call = folder / "strace", injection.partition(":")[0]
    command = ["strace", "-f", "-q", "-p", str(process.pid), "-o", str(output), "-e", f"trace={call}"]
    with subprocess.Popen([*command, "-e", f"inject={injection}"], stderr=subprocess.DEVNULL):
        wait_until(lambda: _is_traced(process.pid), timeout_seconds=PATIENCE, what="strace to attach")
        os.kill(process.pid, signal.SIGUSR1)
        process.join(PATIENCE)
        hung = "hung" if process.is_alive() else ""
        process.kill()
        process.join()
    spec, store = spec_in(folder), FolderStore(folder / "data")
    told = read_told(folder) | dict.fromkeys(LEFT_WHOLE, SAFE)
    stalled = hung or inherit_all(spec, store)
    fired = any(sign in output.read_text() for sign in ("INJECTED", "killed by SIGKILL"))
    return Trial(fired, judged(store, spec.spool_folder, told, stalled=stalled), 0)


def _is_traced(pid: int) -> bool:
    return "TracerPid:\t0\n" not in Path(f"/proc/{pid}/status").read_text()
