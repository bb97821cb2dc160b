"""The door: `python -m monitor_jobs.class_skew` inside a processing container."""

import sys

from monitor_jobs.class_skew.monitor import ClassSkew
from monitor_jobs.job import leave, run

if __name__ == "__main__":
    leave(run(ClassSkew(), sys.argv[1:]))
