"""The door: `python -m monitor_jobs.model_quality` inside a processing container."""

import sys

from monitor_jobs.job import leave, run
from monitor_jobs.model_quality.monitor import ModelQuality

if __name__ == "__main__":
    leave(run(ModelQuality(), sys.argv[1:]))
