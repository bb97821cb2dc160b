"""Libraries of engines that report their use to their makers do not where an endpoint imports them."""

import json
import sys
from pathlib import Path

import pytest

from monitor_jobs.contract.engines import Engine
from monitor_jobs.model_functions.functions import load_model
from service.endpoint.engines.choosing import with_engine
from tests.servers.endpoint import running_endpoint, write_package

NETWORK = """
import torch

def model_fn(model_dir):
    return torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(12, 5))
"""
CARD = {"input": {"shape": [3, 2, 2], "dtype": "float32"}}


def package(folder: Path, program: str) -> Path:
    return write_package(folder, {"code/inference.py": program, "code/model_card.json": json.dumps(CARD)})


def test_openvino_is_kept_from_what_reports(tmp_path: Path) -> None:
    folder = package(tmp_path, NETWORK)
    with_engine(load_model(folder, {}), folder, Engine.OPENVINO)
    assert sys.modules["openvino_telemetry"] is None


@pytest.mark.parametrize(
    ("engine", "program"),
    [(Engine.ONNXRUNTIME, NETWORK), (Engine.TORCH, "import onnxruntime\n" + NETWORK)],
    ids=["as an engine", "by the package itself"],
)
def test_onnxruntime_numbers_no_machine_in_an_endpoint(
    tmp_path: Path, engine: Engine, program: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ORT_DISABLE_TELEMETRY", raising=False)  # which others have set in this process
    # it writes that number, and a database of what it is going to send, as soon as it is imported
    home = tmp_path / "home"
    home.mkdir()
    environment = {"SEXTANT_ENGINE": engine, "HOME": str(home), "XDG_CACHE_HOME": str(home / ".cache")}
    with running_endpoint(package(tmp_path / "package", program), tmp_path, environment=environment) as endpoint:
        maps = Path(f"/proc/{endpoint.process.pid}/maps").read_text()
    assert "onnxruntime" in maps
    assert [path.name for path in home.rglob("*") if path.is_file()] == []
