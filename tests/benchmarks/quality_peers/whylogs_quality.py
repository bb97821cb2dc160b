"""whylogs: profiles of the baseline and of the window, and drift between the two; see this folder's page."""

import contextlib
import json
import sys
import time

import pandas as pd
import whylogs as why
from whylogs.viz.drift.column_drift_algorithms import calculate_drift_scores


def profile(path):
    return why.log(pd.read_csv(path)).view()


def answer(path, baseline):
    started = time.process_time()
    window = profile(path)
    scores = calculate_drift_scores(target_view=window, reference_view=baseline, with_thresholds=True)
    seconds = time.process_time() - started
    summaries = {name: column.to_summary_dict() for name, column in window.get_columns().items()}
    return {
        "seconds": seconds,
        "rows": max(summary["counts/n"] for summary in summaries.values()),
        "means": {
            name: summary["distribution/mean"] for name, summary in summaries.items() if summary.get("distribution/n")
        },
        "drifted": sorted(name for name, score in scores.items() if score and score["drift_category"] == "DRIFT"),
    }


def main():
    with contextlib.redirect_stdout(sys.stderr):
        baseline = profile(sys.stdin.readline().strip())
    print(json.dumps({"ready": True}), flush=True)
    for line in sys.stdin:
        with contextlib.redirect_stdout(sys.stderr):
            found = answer(line.strip(), baseline)
        print(json.dumps(found), flush=True)


if __name__ == "__main__":
    main()
