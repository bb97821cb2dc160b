"""The door: `python -m monitor_jobs.tensor_rules` inside a processing container."""

import sys

from monitor_jobs.job import leave
from monitor_jobs.tensor_rules.monitor import run

if __name__ == "__main__":
    leave(run(sys.argv[1:]))
