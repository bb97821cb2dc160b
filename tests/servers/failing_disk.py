"""A disk that fails at one chosen system call of the spool, and counts them all.

What lives here: the faults, and two doors at which the calls are met. Those that change files go through `Files`; those
that only look (opening to read, listing, flock) are met by an audit hook, which for that reason wants a process of its
own. What does not: the life that makes the calls (spool_life).
"""

import errno
import os
import signal
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from pathlib import Path

CHANGING = ("open", "write", "ftruncate", "fdatasync", "fsync", "rename", "unlink")
LOOKING = {"open": "look:open", "os.listdir": "look:list", "fcntl.flock": "look:flock"}
ROUND = {"os.rename": "round:rename", "os.remove": "round:unlink", "os.mkdir": "round:mkdir"}  # changes that go round
HOOKED = LOOKING | ROUND


class Effect(StrEnum):
    """What becomes of the call."""

    EIO = "EIO"
    ENOSPC = "ENOSPC"
    DONE_BUT_EIO = "done, but EIO"  # the disk did it, and says that it did not
    SHORT = "half of it"  # for writes
    CRASH_BEFORE = "SIGKILL before"
    CRASH_AFTER = "SIGKILL after"


CRASHES = (Effect.CRASH_BEFORE, Effect.CRASH_AFTER)


def is_record(content: bytes) -> bool:
    """Whether that is written by the writer, not a marker by the uploader."""
    return b'"captureData"' in content


@dataclass(frozen=True, slots=True)
class Fault:
    """The `number`th call of a name (1 is the first), or from that one on, and what becomes of it."""

    call: str
    number: int
    effect: Effect
    lasting: bool = False

    def __str__(self) -> str:
        return f"{self.call} #{self.number}{' and later' if self.lasting else ''}: {self.effect}"


class FailingDisk:
    """The module `os` for the spool, with a fault; the real file system does the rest."""

    def __init__(self, fault: Fault | None) -> None:
        self.calls: Counter[str] = Counter()
        self.fired = 0
        self.healed = False
        self._fault = fault
        self._half_next = False
        self._lock = threading.Lock()
        self._within = threading.local()

    def take_half_of_the_next_record(self) -> None:
        """The disk is full for a moment, as every life of a spool shows once."""
        self._half_next = True

    def heal(self) -> None:
        """From now on nothing fails any more."""
        self.healed, self._half_next = True, False

    def watch(self, folder: Path) -> None:
        """Meet the calls on this folder that do not come through the door, for the rest of the process."""
        sys.addaudithook(partial(self._hear, str(folder)))

    def __getattr__(self, name: str) -> Callable[..., object]:
        return partial(self._call, name, getattr(os, name))

    def _call(self, name: str, real: Callable[..., object], *arguments: object) -> object:
        with self._inside():
            effect = self._effect_on(name)
            if name == "write" and (effect is Effect.SHORT or (self._half_next and is_record(arguments[1]))):
                self._half_next = False
                descriptor, content = arguments
                return real(descriptor, content[: len(content) // 2])
            _before(effect)
            answer = real(*arguments)
            _after(effect)
            return answer

    def _hear(self, folder: str, event: str, arguments: tuple[object, ...]) -> None:
        if event not in HOOKED or getattr(self._within, "depth", 0):
            return
        with self._inside():  # looking up the path of a descriptor raises events of its own
            concerns_us = folder in _path_in(arguments[0])
        if concerns_us:
            effect = self._effect_on(HOOKED[event])
            _before(effect)
            _after(effect)  # the event comes before the call: nothing is done by then

    def _effect_on(self, name: str) -> Effect | None:
        with self._lock:
            self.calls[name] += 1
            number, fault = self.calls[name], self._fault
            if fault is None or self.healed or name != fault.call:
                return None
            if number != fault.number and not (fault.lasting and number > fault.number):
                return None
            self.fired += 1
            return fault.effect

    @contextmanager
    def _inside(self) -> Iterator[None]:
        self._within.depth = getattr(self._within, "depth", 0) + 1
        try:
            yield
        finally:
            self._within.depth -= 1


def _before(effect: Effect | None) -> None:
    if effect is Effect.CRASH_BEFORE:
        os.kill(os.getpid(), signal.SIGKILL)
    if effect in (Effect.EIO, Effect.ENOSPC):
        number = errno.EIO if effect is Effect.EIO else errno.ENOSPC
        raise OSError(number, os.strerror(number))


def _after(effect: Effect | None) -> None:
    if effect is Effect.CRASH_AFTER:
        os.kill(os.getpid(), signal.SIGKILL)
    if effect is Effect.DONE_BUT_EIO:
        raise OSError(errno.EIO, os.strerror(errno.EIO))


def _path_in(argument: object) -> str:
    if isinstance(argument, int):
        try:
            return str(Path(f"/proc/self/fd/{argument}").readlink())
        except OSError:
            return ""
    return os.fsdecode(argument) if isinstance(argument, str | bytes | os.PathLike) else ""
