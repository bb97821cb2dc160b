"""The door: `python -m monitor_jobs.saliency_drift` inside a processing container."""

import sys

from monitor_jobs.job import leave
from monitor_jobs.saliency_drift.monitor import run

if __name__ == "__main__":
    leave(run(sys.argv[1:]))
