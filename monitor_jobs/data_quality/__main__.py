"""The door: `python -m monitor_jobs.data_quality` inside a processing container."""

import sys

from monitor_jobs.data_quality.monitor import DataQuality
from monitor_jobs.job import leave, run

if __name__ == "__main__":
    leave(run(DataQuality(), sys.argv[1:]))
