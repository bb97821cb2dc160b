"""One dataset in every format that a baseline may be made of, each read by a real job."""

import csv
import io
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.unit.captured_rows import csv_half, exchange, json_half

REPOSITORY = Path(__file__).parents[2]
FILES = ("constraints.json", "statistics.json")
NAMES = ("churn", "minutes", "calls", "state")
ROWS = [
    (number % 2, None if number % 10 == 0 else number / 8, number - 3, ("OH", "NY", "TX")[number % 3])
    for number in range(600)
]


def baseline(root: Path, dataset_format: str, **variables: str) -> dict[str, Any]:
    """The features of the two files that a job leaves; the dataset's files lie below root/in."""
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": os.environ.get("PYTHONPATH", ""),
        "OMP_NUM_THREADS": "1",
    } | variables
    environment |= {"dataset_format": dataset_format, "dataset_source": "/in", "output_path": "/out"}
    command = [sys.executable, "-m", "monitor_jobs.data_quality", "--root", str(root)]
    finished = subprocess.run(
        command, cwd=REPOSITORY, env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert finished.returncode == 0, finished.stderr
    return {name: json.loads((root / "out" / name).read_text())["features"] for name in FILES}


def texts(rows: list[tuple[Any, ...]]) -> str:
    content = io.StringIO(newline="")
    csv.writer(content).writerows(rows)
    return content.getvalue()


def placed(root: Path, name: str, content: str | bytes) -> None:
    path = root / "in" / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)


@pytest.fixture(scope="module")
def csv_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A root for the dataset as CSV."""
    root = tmp_path_factory.mktemp("csv")
    placed(root, "data.csv", texts([NAMES, *ROWS]))
    return root


@pytest.fixture(scope="module")
def from_csv(csv_root: Path) -> dict[str, Any]:
    """What the dataset as CSV amounts to; the job's files are left in its root."""
    return baseline(csv_root, '{"csv": {"header": true, "output_columns_position": "START"}}')


def test_a_baseline_of_csv_has_the_types_of_its_columns(from_csv):
    types = {feature["name"]: feature["inferred_type"] for feature in from_csv["constraints.json"]}
    assert types == {"churn": "Integral", "minutes": "Fractional", "calls": "Integral", "state": "String"}
    assert [feature["completeness"] for feature in from_csv["constraints.json"]] == [1, 0.9, 1, 1]


def test_several_files_with_the_output_at_the_end_are_the_same_dataset(tmp_path, from_csv):
    at_end = [(*inputs, output) for output, *inputs in (NAMES, *ROWS)]
    placed(tmp_path, "part-0.csv", texts(at_end[:301]))
    placed(tmp_path, "part-1.csv", texts([at_end[0], *at_end[301:]]))
    placed(tmp_path, "_SUCCESS", "")
    found = baseline(tmp_path, '{"csv": {"header": true, "output_columns_position": "END"}}')
    assert found["constraints.json"] == from_csv["constraints.json"]


def test_json_lines_are_the_same_dataset(tmp_path, from_csv):
    placed(tmp_path, "data.json", "".join(json.dumps(dict(zip(NAMES, row, strict=True))) + "\n" for row in ROWS))
    assert baseline(tmp_path, '{"json": {"lines": true}}') == from_csv


def test_parquet_is_the_same_dataset(tmp_path, from_csv):
    table = pa.table(dict(zip(NAMES, map(list, zip(*ROWS, strict=True)), strict=True)))
    (tmp_path / "in").mkdir()
    pq.write_table(table, tmp_path / "in/data.parquet")
    assert baseline(tmp_path, '{"parquet": {}}') == from_csv


@pytest.mark.usefixtures("from_csv")
def test_captures_of_it_in_different_encodings_keep_every_constraint(tmp_path, csv_root):
    captures = '{"sagemakerCaptureJson": {"captureIndexNames": ["endpointInput", "endpointOutput"]}}'
    lines = [
        exchange(csv_half(texts([inputs])), json_half([[output]]) if number % 2 else csv_half(str(output)))
        for number, (output, *inputs) in enumerate(ROWS)
    ]
    placed(tmp_path, "capture.jsonl", b"".join(lines))
    for name in FILES:
        shutil.copy(csv_root / "out" / name, tmp_path)
    baseline(tmp_path, captures, baseline_constraints="/constraints.json", baseline_statistics="/statistics.json")
    assert json.loads((tmp_path / "out/constraint_violations.json").read_text()) == {"violations": []}
