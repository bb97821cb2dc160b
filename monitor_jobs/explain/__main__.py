"""The door: `python -m monitor_jobs.explain` inside a processing container."""

import sys

from monitor_jobs.explain.job import run

if __name__ == "__main__":
    sys.exit(run(sys.argv[1:]))
