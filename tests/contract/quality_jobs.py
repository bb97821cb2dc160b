"""Data quality as a real process on staged captures: what it is given, and what it leaves."""

import base64
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from monitor_jobs.contract.capture import CaptureData, CaptureRecord, EventMetadata, Payload

REPOSITORY = Path(__file__).parents[2]
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
INPUT, OUTPUT = "opt/ml/processing/input/endpoint", "opt/ml/processing/outputs"
BASELINE = "opt/ml/processing/baseline"
ENVIRONMENT = {
    "dataset_source": f"/{INPUT}",
    "output_path": f"/{OUTPUT}",
    "sagemaker_endpoint_name": "signs",
}


def exchange(body, content_type, answer="[[0.1, 0.9]]", number=0):
    """One captured request of bytes and its answer, as a line."""
    data, encoding = (body, "CSV") if isinstance(body, str) else (base64.b64encode(body).decode(), "BASE64")
    asked = Payload(observed_content_type=content_type, mode="INPUT", data=data, encoding=encoding)
    answered = Payload(observed_content_type="application/json", mode="OUTPUT", data=answer, encoding="JSON")
    metadata = EventMetadata(event_id=f"event-{number}", inference_time=NOON + timedelta(seconds=number))
    return CaptureRecord(
        capture_data=CaptureData(endpoint_input=asked, endpoint_output=answered), event_metadata=metadata
    ).to_line()


@dataclass(frozen=True)
class Run:
    """A finished run, and its folder."""

    root: Path
    code: int
    log: str

    def output(self, name):
        return json.loads((self.root / OUTPUT / name).read_text())

    @property
    def message(self):
        return (self.root / "opt/ml/output/message").read_text()

    @property
    def violations(self):
        rows = self.output("constraint_violations.json")["violations"]
        return {(row["feature_name"], row["constraint_check_type"]) for row in rows}


def run(root, files, baseline=None, **variables):
    """Data quality over files by name, each of them lines; `baseline` is the run that suggested one."""
    for name, lines in files.items():
        path = root / INPUT / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"".join(lines))
    command = [sys.executable, "-m", "monitor_jobs.data_quality", "--root", str(root)]
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(REPOSITORY), "OMP_NUM_THREADS": "1"} | ENVIRONMENT
    given = _stage_baseline(root, baseline) if baseline else {}
    done = subprocess.run(
        command,
        cwd=REPOSITORY,
        env=environment | given | variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
        check=False,
    )
    return Run(root, done.returncode, done.stdout)


def _stage_baseline(root, baseline):
    folder = root / BASELINE
    folder.mkdir(parents=True)
    for name in ("statistics", "constraints"):
        (folder / f"{name}.json").write_text(json.dumps(baseline.output(f"{name}.json")))
    return {f"baseline_{name}": f"/{BASELINE}/{name}.json" for name in ("statistics", "constraints")}
