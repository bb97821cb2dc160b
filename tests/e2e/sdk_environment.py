"""Environments of the SageMaker SDKs, each in a folder of its own below .bench/, made on first use.

What lives here: making them. Every package is pinned, and pip resolves nothing: the third SDK's umbrella package would
bring MLflow and Iceberg, which monitoring does not need. What does not: the flows that run inside.
"""

import fcntl
import subprocess
import sys
import venv
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
ENVIRONMENTS: Final = ROOT / ".bench" / "environments"
PINS: Final = Path(__file__).parent / "environments"
INSTALL_SECONDS: Final = 540


def sdk_python(name: str, *, pins: Path = PINS, environments: Path = ENVIRONMENTS) -> Path:
    """The interpreter of an environment with what `{name}.txt` pins; made once, and anew for other pins."""
    wanted, folder = pins / f"{name}.txt", environments / name
    made_for = folder / "made-for.txt"
    environments.mkdir(parents=True, exist_ok=True)
    with (environments / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made_for.exists() or made_for.read_bytes() != wanted.read_bytes():
            venv.create(folder, clear=True)
            _install(folder / "bin" / "python", wanted)
            made_for.write_bytes(wanted.read_bytes())
    return folder / "bin" / "python"


def _install(python: Path, pins: Path) -> None:
    options = ("--quiet", "--disable-pip-version-check", "--no-deps", "--no-compile")
    # the pip beside us: an environment need not have one of its own
    command = [sys.executable, "-m", "pip", "--python", python, "install", *options, "--requirement", pins]
    done = subprocess.run(command, capture_output=True, text=True, timeout=INSTALL_SECONDS, check=False)
    assert done.returncode == 0, f"cannot install {pins.name}:\n{done.stderr[-4000:]}"
