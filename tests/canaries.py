"""Secrets that are recognised wherever they turn up, in whatever form; and all that one machine's service shows.

What lives here: the search, and the places. What does not: the life that the secrets lead (tests.secret_life).
"""

import base64
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import psutil

LOOK_SECONDS = 0.05
USERS_CODE = ("serve-endpoint", "monitor_jobs", "confinement.py")  # by which processes that run it are told


@dataclass(frozen=True)
class Canary:
    """A secret by a name that may be shown."""

    name: str
    content: bytes

    @property
    def forms(self) -> frozenset[bytes]:
        """How it may be written: as it is, percent-encoded, in hex, in base64 behind any other bytes."""
        aligned = (base64.b64encode(b"\0" * before + self.content) for before in range(3))
        # What stands at the ends of base64 hangs on the bytes beside it.
        inner = {text[4:-4] for text in aligned} | {text[4:-4].translate(_URL_SAFE) for text in aligned}
        return frozenset({self.content, quote(self.content).encode(), self.content.hex().encode(), *inner})


_URL_SAFE = bytes.maketrans(b"+/", b"-_")


def found(canaries: Sequence[Canary], outputs: Mapping[str, bytes]) -> list[str]:
    """Which canary is in which output."""
    return [
        f"{canary.name} in {output}"
        for output, content in outputs.items()
        for canary in canaries
        if any(form in content for form in canary.forms)
    ]


def files_below(folder: Path, *, but: Sequence[Path]) -> dict[str, bytes]:
    """Every file by its path, those excepted that are for secrets."""
    contents: dict[str, bytes] = {}
    for path in sorted(folder.rglob("*")):
        with suppress(FileNotFoundError):  # whoever wrote it may have put it elsewhere by now
            if path.is_file() and path not in but:
                contents[str(path.relative_to(folder))] = path.read_bytes()
    return contents


@contextmanager
def watched(pid: int) -> Iterator[dict[str, bytes]]:
    """What other users of a machine see of a process and all that it starts, their command lines; and what the code of
    users sees, the environments of the processes that run it. Grows until the block is left.
    """
    seen: dict[str, bytes] = {}
    ended = threading.Event()

    def look() -> None:
        while not ended.wait(LOOK_SECONDS):
            with suppress(psutil.NoSuchProcess):
                for process in [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]:
                    _note(process, seen)

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield seen
    finally:
        ended.set()
        thread.join()


def _note(process: psutil.Process, seen: dict[str, bytes]) -> None:
    try:
        command = " ".join(process.cmdline())
        seen[f"command line of {command[:60]} ({process.pid})"] = command.encode()
        if any(word in command for word in USERS_CODE):
            environment = Path(f"/proc/{process.pid}/environ").read_bytes()
            seen[f"environment of {command[:60]} ({process.pid})"] = environment
    except (psutil.Error, OSError):
        return
