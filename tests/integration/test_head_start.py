"""torch's library is loaded while a package is unpacked that needs it, and for no other."""

import subprocess
import sys
from pathlib import Path

import pytest

from monitor_jobs.model_archive import pack
from service.endpoint.head_start import EARLY_BYTES, will_import_torch
from tests.servers.endpoint import running_endpoint, write_package

ECHO = """
def model_fn(model_dir):
    return None

def transform_fn(model, data, content_type, accept):
    return data
"""
PROGRAM = """
import sys, time
from service.endpoint.head_start import LIBRARY, import_torch, start_loading_torch

def is_loaded():
    return LIBRARY in open("/proc/self/maps").read()

before = is_loaded()
start_loading_torch()
while not is_loaded():
    time.sleep(0.001)
print(before, "torch" in sys.modules)
import_torch()
print(float(sys.modules["torch"].ones(2).sum()))
"""


def archive(folder: Path, files: dict[str, str]) -> Path:
    packed = folder / "model.tar.gz"
    pack(write_package(folder / "package", files), packed)
    return packed


@pytest.mark.parametrize(
    ("program", "imports"),
    [
        ("import torch\n", True),
        ('"""A network."""\n\nfrom torch import nn\n', True),
        ("import torch.nn as nn\n", True),
        ("import torchless\n", False),
        ("def model_fn(model_dir):\n    import torch\n", False),
        ("# import torch\n", False),
    ],
)
def test_a_program_needs_torch_where_its_first_lines_import_it(tmp_path: Path, program: str, imports: bool) -> None:
    assert will_import_torch(archive(tmp_path, {"code/inference.py": program}), {}) is imports


def test_the_program_is_the_one_that_the_environment_names(tmp_path: Path) -> None:
    packed = archive(tmp_path, {"code/inference.py": "", "code/serve.py": "import torch\n"})
    assert will_import_torch(packed, {"SAGEMAKER_PROGRAM": "serve.py"})
    assert not will_import_torch(packed, {})


@pytest.mark.parametrize(
    "files", [{"model.pt": "x"}, {"a-weights": "x" * (EARLY_BYTES + 1), "code/inference.py": "import torch\n"}]
)
def test_a_package_that_does_not_begin_with_its_program_gets_no_head_start(
    tmp_path: Path, files: dict[str, str]
) -> None:
    assert not will_import_torch(archive(tmp_path, files), {})


def test_what_is_no_archive_is_left_to_who_unpacks_it(tmp_path: Path) -> None:
    (tmp_path / "model.tar.gz").write_bytes(b"junk")
    assert not will_import_torch(tmp_path / "model.tar.gz", {})


def test_the_library_is_loaded_before_torch_is_imported_and_torch_works_on_it() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.split() == ["False", "False", "2.0"]


@pytest.mark.parametrize("first_line", ["", "import torch\n"], ids=["another framework", "torch"])
def test_an_endpoint_holds_torch_where_its_package_imports_it(tmp_path: Path, first_line: str) -> None:
    package = write_package(tmp_path / "package", {"code/inference.py": first_line + ECHO})
    with running_endpoint(package, tmp_path) as endpoint:
        maps = Path(f"/proc/{endpoint.process.pid}/maps").read_text()
    assert ("libtorch_cpu" in maps) is bool(first_line)
