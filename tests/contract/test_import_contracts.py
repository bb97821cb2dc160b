"""The import contracts hold for the packages as they are, and each of them catches a wrong import planted for it."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LINT_SECONDS = 120
PACKAGES = ("monitor_jobs", "service")
PLANTED = {
    "a monitor imports the service": (
        {"monitor_jobs/planted.py": "import service.settings"},
        "monitor_jobs imports nothing from service",
    ),
    "the endpoint imports the scheduler": (
        {"service/endpoint/planted.py": "import service.scheduler"},
        "Arrows of the service run one way",
    ),
    "control imports an adapter": (
        {"service/control/planted.py": "import service.adapters.database"},
        "Arrows of the service run one way",
    ),
    "the core imports the settings": (
        {"service/core/planted.py": "import service.settings"},
        "Arrows of the service run one way",
    ),
    "the core imports a database": (
        {"service/core/planted.py": "import sqlalchemy"},
        "The core imports the standard library, pydantic, cron triggers and the contract only",
    ),
    "the core imports the storage port": (
        {"service/core/planted.py": "import monitor_jobs.object_store"},
        "The core imports the standard library, pydantic, cron triggers and the contract only",
    ),
    "the contract imports numpy": (
        {"monitor_jobs/contract/planted.py": "import numpy"},
        "The contract imports the standard library and pydantic only",
    ),
    "an analysis logs": (
        {"monitor_jobs/class_skew/analysis.py": "import logging"},
        "Analyses do no I/O: no store, no job, no fleet",
    ),
    "the scheduler loads torch": (
        {"service/scheduler/planted.py": "import torch"},
        "Control and scheduler never load torch, nor a monitor",
    ),
    "the scheduler loads torch through another": (
        {
            "service/scheduler/planted.py": "import monitor_jobs.planted",
            "monitor_jobs/planted.py": "import torch",
        },
        "Control and scheduler never load torch, nor a monitor",
    ),
    "two rooms import each other": (
        {
            "monitor_jobs/planted/__init__.py": "import monitor_jobs.planted_too",
            "monitor_jobs/planted_too/__init__.py": "import monitor_jobs.planted",
        },
        "No import cycles inside the packages",
    ),
}


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A folder with both packages as they are, and the contracts."""
    for package in PACKAGES:
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / ".importlinter", tmp_path)
    return tmp_path


def plant(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        with path.open("a") as file:
            file.write(f"\n{text}\n")


def broken_contracts(folder: Path) -> set[str]:
    """The contracts that import-linter calls broken. Raises AssertionError where it could not judge."""
    # A process of its own, whose path begins at the copy: the installed packages are elsewhere.
    lint = "from importlinter.cli import lint_imports_command; lint_imports_command(['--no-cache', '--no-logo'])"
    done = subprocess.run(
        [sys.executable, "-c", lint],
        cwd=folder, capture_output=True, text=True, timeout=LINT_SECONDS, check=False,
        env={"PATH": "/usr/bin:/bin", "NO_COLOR": "1", "COLUMNS": "200"},
    )  # fmt: skip
    verdicts = [line for line in done.stdout.splitlines() if line.endswith((" KEPT", " BROKEN"))]
    assert verdicts, done.stdout + done.stderr
    broken = {line.removesuffix(" BROKEN") for line in verdicts if line.endswith(" BROKEN")}
    assert done.returncode == (1 if broken else 0)
    return broken


def test_the_packages_keep_every_contract(copy):
    assert broken_contracts(copy) == set()


@pytest.mark.parametrize(("files", "contract"), PLANTED.values(), ids=PLANTED.keys())
def test_a_planted_wrong_import_breaks_the_contract_that_forbids_it(copy, files, contract):
    plant(copy, files)
    assert contract in broken_contracts(copy)
