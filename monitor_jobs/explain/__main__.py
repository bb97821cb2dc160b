"""The door: `python -m monitor_jobs.explain` inside a processing container."""

import sys

from monitor_jobs.explain.job import run
from monitor_jobs.job import leave

if __name__ == "__main__":
    leave(run(sys.argv[1:]))
