"""Evidently: a report of its drift and summary presets over baseline and window; see this folder's page."""

import json
import sys
import time

import pandas as pd
from evidently import Dataset, Report
from evidently.presets import DataDriftPreset, DataSummaryPreset

PRESETS = [DataDriftPreset(), DataSummaryPreset()]


def answer(path, baseline):
    started = time.process_time()
    window = pd.read_csv(path)
    snapshot = Report(PRESETS).run(current_data=Dataset.from_pandas(window), reference_data=baseline)
    found = snapshot.dict()
    seconds = time.process_time() - started
    numbers = window.select_dtypes("number")
    return {
        "seconds": seconds,
        "rows": len(window),
        "means": numbers.mean().to_dict(),
        "drifted": sorted(drifted(found)),
    }


def drifted(found):
    for metric in found["metrics"]:
        config = metric.get("config", {})
        if config.get("type", "").endswith("ValueDrift") and metric["value"] is not None:
            score, threshold = metric["value"], config.get("threshold") or 0.1
            if score >= threshold:  # a distance: what it chooses from a thousand rows on is no p-value
                yield config["column"]


def main():
    baseline = Dataset.from_pandas(pd.read_csv(sys.stdin.readline().strip()))
    print(json.dumps({"ready": True}), flush=True)
    for line in sys.stdin:
        print(json.dumps(answer(line.strip(), baseline)), flush=True)


if __name__ == "__main__":
    main()
