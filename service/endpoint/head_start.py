"""Loads torch's library while the package that needs it is still being unpacked.

What lives here: whether it is needed, seen in the package's program, and the thread. What does not: when each is
done (process).
"""

import ctypes
import importlib
import os
import re
import threading
from collections.abc import Mapping
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from monitor_jobs.contract.model_package import CODE_FOLDER, DEFAULT_PROGRAM
from monitor_jobs.model_archive import read_early_file
from monitor_jobs.model_functions.functions import PROGRAM_VARIABLE

EARLY_BYTES: Final = 4 << 20  # `pack` and tar put code/ before the weights; elsewhere there is no head start
TORCH_IMPORTED: Final = re.compile(rb"^(import|from) torch\b", re.MULTILINE)  # at the top: whoever loads it needs it
LIBRARY: Final = "lib/libtorch_cpu.so"


def start_loading_torch() -> None:
    """Begin to load torch's library, and return at once. Proven by tests/integration/test_head_start.py."""
    path = library_of_torch()
    if path is not None:
        threading.Thread(target=_load, args=(path,), name="head-start", daemon=True).start()


def will_import_torch(archive: Path, environment: Mapping[str, str]) -> bool:
    """Whether a package's program, read without unpacking the rest, imports torch as its first lines are run.

    Packages of other frameworks are served without torch.
    """
    name = environment.get(PROGRAM_VARIABLE) or DEFAULT_PROGRAM
    program = read_early_file(archive, f"{CODE_FOLDER}/{name}", within_bytes=EARLY_BYTES)
    return program is not None and TORCH_IMPORTED.search(program) is not None


def library_of_torch() -> Path | None:
    """Where torch's library lies, found without importing torch; None where there is none, as on other systems."""
    spec = find_spec("torch")
    folders = [] if spec is None else spec.submodule_search_locations or []
    return next((path for folder in folders if (path := Path(folder, LIBRARY)).is_file()), None)


def import_torch() -> None:
    """Import torch where it is installed: whoever needs it says so where it is not."""
    with suppress(ImportError):
        importlib.import_module("torch")


def _load(path: Path) -> None:
    # dlopen is called as any C function is, which lets other threads run Python meanwhile: CDLL(path) and torch's own
    # import keep them from it for the 0.2 s that this takes. It stays open; where it fails, importing torch says why.
    ctypes.CDLL(None).dlopen(os.fsencode(path), os.RTLD_LAZY)
