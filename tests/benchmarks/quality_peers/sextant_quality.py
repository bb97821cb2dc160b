"""The monitor itself: `python -m tests.benchmarks.quality_peers.sextant_quality`; see this folder's page."""

import json
import sys
import time
from pathlib import Path

from monitor_jobs.contract.dataset_format import CsvFormat
from monitor_jobs.contract.model_package import ModelCard
from monitor_jobs.data_quality.monitor import DataQuality
from monitor_jobs.monitor import Baseline, CaptureFile

MONITOR = DataQuality()


def file_of(path: str) -> CaptureFile:
    return CaptureFile(Path(path), Path(path).name, None, ModelCard(), CsvFormat(header=True))


def baseline_of(path: str) -> Baseline:
    return MONITOR.suggest_baseline(MONITOR.summarise_file(file_of(path), MONITOR.settings({}, Baseline())))


def answer(path: str, baseline: Baseline) -> dict[str, object]:
    started = time.process_time()
    settings = MONITOR.settings({}, baseline)
    summary = MONITOR.summarise_file(file_of(path), settings)
    verdict = MONITOR.judge(summary, settings)
    seconds = time.process_time() - started
    return {
        "seconds": seconds,
        "rows": summary.rows,
        "means": {name: column.moments.mean for name, column in summary.columns.items() if column.moments.count},
        "drifted": sorted({row.feature_name for row in verdict.violations}),
    }


def main() -> None:
    baseline = baseline_of(sys.stdin.readline().strip())
    print(json.dumps({"ready": True}), flush=True)
    for line in sys.stdin:
        print(json.dumps(answer(line.strip(), baseline)), flush=True)


if __name__ == "__main__":
    main()
