"""The child process in which a user's script runs: started, spoken with, watched, and ended with all that it started.

What lives here: pipes, patience and the end. What does not: what is said (preprocessing, postprocessing), the child's
own side (child_program). One thread does it all, so that no order of events can leave both sides waiting: requests are
written when the child reads, answers and prints are read when they come, and its end is seen.
"""

import json
import os
import secrets
import selectors
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final, TypeAlias

from monitor_jobs.contract.errors import BadInput
from monitor_jobs.record_scripts.answers import ScriptFailed, rows_in
from monitor_jobs.record_scripts.prints import Prints
from monitor_jobs.record_scripts.script import RecordScript

PROGRAM: Final = Path(__file__).with_name("child_program.py")
MARK: Final = "SEXTANT_RECORD_SCRIPT"  # in the environment of every process of a script, those that left it included
READ_BYTES: Final = 1 << 16
HELD_BYTES: Final = 1 << 20  # of requests that the child has not yet taken
REPLY_MAX_BYTES: Final = 64 << 20
END_SECONDS: Final = 10.0
POLL_SECONDS: Final = 0.02
PROC: Final = Path("/proc")


Request: TypeAlias = tuple[str, bytes]  # words that say where it is from, and a line of JSON
Reply: TypeAlias = tuple[str, bytes]


@contextmanager
def running_script(script: RecordScript, handler: str, say: Callable[[str], None]) -> Iterator["ScriptProcess"]:
    """A process that has loaded the script; it and whatever it has started are gone when the context ends.

    What the script prints is said, line by line. Raises ScriptFailed where it cannot be loaded or has no such handler.
    """
    if not script.path.is_file():
        raise BadInput(f"there is no script {script.path}: check the address that it is staged from")
    process = ScriptProcess(script, handler, say)
    try:
        rows_in(handler, *process.start())
        yield process
        process.finish()
    finally:
        process.end()


class ScriptProcess:
    """The parent's side of one child."""

    def __init__(self, script: RecordScript, handler: str, say: Callable[[str], None]) -> None:
        self._name, self._limits = handler, script.limits
        self._prints = Prints(say, name=handler, most_bytes=script.limits.printed_bytes)
        self._mark = secrets.token_hex(16)
        child_requests, self._requests = os.pipe()
        self._replies, child_replies = os.pipe()
        self._printed, child_prints = os.pipe()
        task = {
            "script": str(script.path),
            "handler": handler,
            "requests": child_requests,
            "replies": child_replies,
            "limits": dict(script.limits.of_the_kernel),
        }
        self._child = subprocess.Popen(
            [sys.executable, "-I", "-u", str(PROGRAM), json.dumps(task)],
            stdin=subprocess.DEVNULL,
            stdout=child_prints,
            stderr=child_prints,
            env={**dict(script.environment), MARK: self._mark},
            pass_fds=(child_requests, child_replies),
            start_new_session=True,
        )
        for descriptor in (child_requests, child_replies, child_prints):
            os.close(descriptor)
        self._exit = os.pidfd_open(self._child.pid)
        self._outgoing, self._incoming = bytearray(), bytearray()
        self._waiting: deque[str] = deque()  # for their answers
        self._selector = selectors.DefaultSelector()
        for descriptor in (self._requests, self._replies, self._printed):
            os.set_blocking(descriptor, False)
        for descriptor in (self._replies, self._printed, self._exit):
            self._selector.register(descriptor, selectors.EVENT_READ)

    def start(self) -> Reply:
        """The first answer: whether the script was loaded."""
        return next(self._answers(iter([("while it was loaded", b"")]), seconds=self._limits.start_seconds))

    def replies(self, requests: Iterable[Request]) -> Iterator[Reply]:
        """One answer for each request, in order, behind the words that the request came with.

        Requests are taken as the child takes them, about a megabyte ahead. Raises ScriptFailed naming the request at
        which the script took too long, ended, or answered what nobody had asked; once it has, it is not asked again.
        """
        if self._waiting:
            raise ScriptFailed(f"{self._name} is not asked again: its answer is missing {self._waiting[0]}")
        return self._answers(iter(requests), seconds=self._limits.call_seconds)

    def finish(self) -> None:
        """Let the child end by itself, as it does when there are no more requests."""
        self._close_requests()
        deadline = time.monotonic() + END_SECONDS
        while time.monotonic() < deadline and not self._take_events(POLL_SECONDS):
            pass

    def end(self) -> None:
        """End every process of the script, and say what they printed last."""
        self._close_requests()
        deadline = time.monotonic() + END_SECONDS
        # Again and again: one of them may fork while the others are signalled.
        while kill_all(session=self._child.pid, mark=self._mark) and time.monotonic() < deadline:
            time.sleep(POLL_SECONDS)
        self._child.wait()
        while printed := _read(self._printed):
            self._prints.add(printed)
        self._prints.end()
        self._selector.close()
        for descriptor in (self._replies, self._printed, self._exit):
            os.close(descriptor)

    def _answers(self, requests: Iterator[Request], *, seconds: float) -> Iterator[Reply]:
        deadline = time.monotonic() + seconds
        while self._fill(requests) or self._waiting:
            has_ended = self._take_events(max(0.0, deadline - time.monotonic()))
            while (size := self._incoming.find(b"\n") + 1) > 0:
                reply = bytes(self._incoming[:size])
                del self._incoming[:size]
                if not self._waiting:
                    raise ScriptFailed(f"{self._name} wrote an answer that nobody had asked for")
                yield self._waiting.popleft(), reply
                deadline = time.monotonic() + seconds  # what the caller did meanwhile is not the script's time
            if self._waiting and (has_ended or time.monotonic() >= deadline or len(self._incoming) > REPLY_MAX_BYTES):
                raise ScriptFailed(f"{self._name} {self._failure(seconds)} {self._waiting[0]}")

    def _fill(self, requests: Iterator[Request]) -> bool:
        """Take further requests, as long as few are held; True where there was one."""
        before = len(self._waiting)
        while len(self._outgoing) < HELD_BYTES and (request := next(requests, None)) is not None:
            place, line = request
            self._waiting.append(place)
            self._outgoing += line
        if self._outgoing and self._requests not in self._selector.get_map():
            self._selector.register(self._requests, selectors.EVENT_WRITE)
        return len(self._waiting) > before

    def _take_events(self, timeout_seconds: float) -> bool:
        """Do what can be done; True where the child has ended."""
        ready = {key.fd for key, _ in self._selector.select(timeout_seconds)}
        if self._requests in ready:
            self._write()
        if self._printed in ready:
            self._prints.add(self._read_or_forget(self._printed))
        if self._exit in ready:
            while answered := _read(self._replies):
                self._incoming += answered
        elif self._replies in ready:
            self._incoming += self._read_or_forget(self._replies)
        return self._exit in ready

    def _write(self) -> None:
        try:
            del self._outgoing[: os.write(self._requests, self._outgoing[:READ_BYTES])]
        except BlockingIOError:
            return
        except BrokenPipeError:
            self._outgoing.clear()  # its end is told by the answers that are missing
        if not self._outgoing:
            self._selector.unregister(self._requests)

    def _read_or_forget(self, descriptor: int) -> bytes:
        read = _read(descriptor)
        if not read:
            self._selector.unregister(descriptor)  # closed, and so it would be ready for ever
        return read

    def _failure(self, seconds: float) -> str:
        if len(self._incoming) > REPLY_MAX_BYTES:
            return f"returned more than {REPLY_MAX_BYTES} bytes"
        # Not reaped before all of its session is ended: until then its number is nobody else's.
        ended = os.waitid(os.P_PIDFD, self._exit, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        if ended is None:
            return f"took longer than {seconds:g} s"
        if ended.si_code == os.CLD_EXITED:
            return f"ended its process with exit code {ended.si_status}"
        if ended.si_status == signal.SIGXCPU:
            return f"took more than {self._limits.cpu_seconds} s of processor time"
        return f"was ended by {signal.Signals(ended.si_status).name}"

    def _close_requests(self) -> None:
        if self._requests >= 0:
            if self._requests in self._selector.get_map():
                self._selector.unregister(self._requests)
            os.close(self._requests)
            self._requests = -1


def kill_all(*, session: int, mark: str) -> list[int]:
    """SIGKILL to every living process of a session, and to those that left it and still have its mark: which they were.

    The session's leader must not be reaped yet: until then its number is nobody else's.
    """
    found = [pid for pid in _processes() if _session_of(pid) == session or mark.encode() in _environment_of(pid)]
    for pid in found:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    return found


def _processes() -> list[int]:
    return [int(entry.name) for entry in PROC.iterdir() if entry.name.isdigit() and int(entry.name) != os.getpid()]


def _session_of(pid: int) -> int | None:
    """The session of a living process."""
    try:
        fields = (PROC / str(pid) / "stat").read_bytes().rpartition(b")")[2].split()
    except OSError:
        return None
    return int(fields[3]) if fields[0] not in (b"Z", b"X") else None


def _environment_of(pid: int) -> bytes:
    try:
        return (PROC / str(pid) / "environ").read_bytes()
    except OSError:
        return b""


def _read(descriptor: int) -> bytes:
    """What there is to read now; nothing where there is none, or will be none."""
    try:
        return os.read(descriptor, READ_BYTES)
    except BlockingIOError:
        return b""
