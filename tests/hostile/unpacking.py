"""Unpacks hostile archives and says what each did; `python -m tests.hostile.unpacking FOLDER` is the part that does it.

The unpacking is a process of its own: an audit hook cannot be taken off again, nor can the limits of a process, and
its peak memory is then that of unpacking alone. What does not live here: whether what was done may be done (verdict).
"""

import json
import os
import resource
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from monitor_jobs.contract.errors import ModelUnsuitable
from monitor_jobs.model_archive import DEFAULT_LIMITS, unpack
from tests.hostile.sandbox import make_sandbox, picture

FILE_MAX_BYTES: Final = 32 << 20  # the kernel ends whoever writes a larger file
RUNS_CODE: Final = (
    "exec",
    "compile",
    "import",
    "marshal.",
    "pickle.",
    "subprocess.",
    "os.system",
    "os.exec",
    "ctypes.",
)
ARCHIVE, TARGET = "packages/model.tar.gz", "packages/out"


@dataclass
class Outcome:
    """What unpacking one archive came to: the refusal, or any other error; what else it touched or ran."""

    written_bytes: int
    allowed_bytes: int
    peak_growth_kib: int
    refused: str | None = None
    error: str | None = None
    outside: list[str] = field(default_factory=list)
    irregular: list[str] = field(default_factory=list)
    code: list[str] = field(default_factory=list)


def outcomes_of(contents: Sequence[Any], folder: Path) -> list[Outcome]:
    """What each archive did in a sandbox of its own; `contents` make the bytes for their sandbox."""
    for number, content in enumerate(contents):
        sandbox = make_sandbox(folder / f"{number:04d}")
        (sandbox / ARCHIVE).write_bytes(content(sandbox))
    command = [sys.executable, "-m", "tests.hostile.unpacking", str(folder)]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True, timeout=300)
    return [Outcome(**row) for row in json.loads(done.stdout)]


class Watch:
    """The audit events of this process that run code, while it is on."""

    def __init__(self) -> None:
        self.events: list[str] | None = None
        sys.addaudithook(self._seen)

    def _seen(self, event: str, arguments: tuple[object, ...]) -> None:
        if self.events is not None and event.startswith(RUNS_CODE):
            self.events.append(f"{event} {str(arguments)[:80]}")


def _outcome(sandbox: Path, watch: Watch) -> dict[str, Any]:
    archive, target = sandbox / ARCHIVE, sandbox / TARGET
    before, written, peak, code = picture(sandbox), _written_bytes(), _reset_peak(), list[str]()
    told: dict[str, Any] = {}
    watch.events = code
    try:
        unpack(archive, target)
    except ModelUnsuitable as error:
        told["refused"] = str(error)
    except Exception as error:  # noqa: BLE001 -- anything else is a finding
        told["error"] = repr(error)
    finally:
        watch.events = None
    return {
        **told,
        "written_bytes": _written_bytes() - written,
        "allowed_bytes": DEFAULT_LIMITS.unpacked_bytes(archive.stat().st_size),
        "peak_growth_kib": _peak_kib() - peak,
        "outside": sorted({name for name, _ in before.items() ^ picture(sandbox, TARGET).items()}),
        "irregular": [name for name, seen in picture(target).items() if not _is_plain(seen)],
        "code": code,
    }


def _is_plain(seen: tuple[str, ...]) -> bool:
    """A file or folder without set-user-id, set-group-id or sticky, and with one name."""
    mode = int(seen[0], 8)
    return mode >> 12 in (0o10, 0o04) and not mode & 0o7000 and seen[2:] in ((), ("1",))


def _written_bytes() -> int:
    lines = dict(line.split(": ") for line in Path("/proc/self/io").read_text().splitlines())
    return int(lines["wchar"])


def _reset_peak() -> int:
    """Take what is resident now, in KiB, for the peak from here on."""
    Path("/proc/self/clear_refs").write_text("5")
    return _peak_kib()


def _peak_kib() -> int:
    # Not ru_maxrss, which a process inherits from the one that started it.
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))


def main() -> None:
    """Print the outcomes of the sandboxes in a folder, in their order."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (FILE_MAX_BYTES, FILE_MAX_BYTES))
    os.umask(0o022)
    watch = Watch()
    print(json.dumps([_outcome(sandbox, watch) for sandbox in sorted(Path(sys.argv[1]).iterdir())]))


if __name__ == "__main__":
    main()
