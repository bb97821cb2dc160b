"""Files of labelled predictions for the tests of model quality: merged captures as they lie in a container."""

import json
from pathlib import Path

from monitor_jobs.contract.dataset_format import MergedFormat
from monitor_jobs.contract.model_package import ModelCard
from monitor_jobs.contract.window import Window
from monitor_jobs.model_quality.monitor import ModelQuality
from monitor_jobs.model_quality.summary import Summary
from monitor_jobs.monitor import Baseline, CaptureFile

NOON = "2026-11-20T12:00:00Z"


def merged_line(truth: object, answer: str, *, event: str = "a", encoding: str = "CSV", **changes: object) -> bytes:
    """One capture with its ground truth; the answer is of that encoding."""
    content_type = {"CSV": "text/csv", "JSON": "application/json", "BASE64": "application/x-npy"}[encoding]
    output = {"observedContentType": content_type, "mode": "OUTPUT", "data": answer, "encoding": encoding}
    line = {
        "captureData": {"endpointOutput": output},
        "eventMetadata": {"eventId": event, "inferenceTime": NOON},
        "eventVersion": "0",
        "groundTruthData": truth if isinstance(truth, dict) else {"data": truth, "encoding": "CSV"},
        **changes,
    }
    return json.dumps(line).encode()


def written(path: Path, lines: list[bytes], *, window: Window | None = None, card: ModelCard | None = None):
    """A file of such lines."""
    path.write_bytes(b"\n".join(lines) + b"\n")
    return CaptureFile(path, path.name, window, card or ModelCard(), MergedFormat())


def summarised(file: CaptureFile, problem: str, **environment: str) -> Summary:
    """What model quality keeps of a file."""
    monitor = ModelQuality()
    settings = monitor.settings({"problem_type": problem, **environment}, Baseline())
    return monitor.summarise_file(file, settings)
